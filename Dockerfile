# syntax=docker/dockerfile:1
# One static binary and the roots that it trusts, run by nobody. Build for other platforms with
# `docker buildx build --platform linux/amd64,linux/arm64 .`: Alpine's Rust makes static binaries by itself.
# hack/image/build makes the same image without a container engine: the last stage from here, the first by hack/image/files.

FROM rust:1.95-alpine3.22 AS build
# hadolint ignore=DL3018
RUN apk add --no-cache bash ca-certificates coreutils musl-dev
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/root/.cache/leeward,id=leeward-tools-musl \
    --mount=type=cache,target=/src/target,id=leeward-target-musl \
    hack/image/files /files /etc/ssl/certs/ca-certificates.crt

FROM scratch
# hack/image/build sets both, and the release workflow sets the labels themselves; a build by hand is not a release.
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Leeward" \
      org.opencontainers.image.description="Names why a site behind a protecting proxy answers 502, and keeps the proxy's addresses allowed at the origin" \
      org.opencontainers.image.url="https://github.com/leeward-dev/leeward" \
      org.opencontainers.image.source="https://github.com/leeward-dev/leeward" \
      org.opencontainers.image.documentation="https://github.com/leeward-dev/leeward/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /files /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/leeward"]
CMD ["run"]
