# syntax=docker/dockerfile:1
# One static binary and the roots that it trusts, run by nobody. Build for other platforms with
# `docker buildx build --platform linux/amd64,linux/arm64 .`: Alpine's Rust makes static binaries by itself.

FROM rust:1.91-alpine3.22 AS build
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates musl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=leeward-target-musl \
    cargo build --release --locked --bin leeward \
    && cp target/release/leeward /leeward

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /leeward /leeward
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/leeward"]
CMD ["run"]
