# Everything that can be done with a checkout. `make help` lists it.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
export PATH := $(PATH):/usr/sbin:/sbin

CARGO ?= cargo
TARGET = $${CARGO_TARGET_DIR:-target}

# Tests make network namespaces: who is not root runs them in a user namespace.
ifneq ($(shell id -u),0)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER := $(CURDIR)/hack/as-root
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER := $(CURDIR)/hack/as-root
endif

.PHONY: help demo demo-shell test image test-image image-again lint lint-workflows lint-manifests scripts docs book generate generated bench accuracy situations tools control-plane clean-lab

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: tools ## a real control plane, proxies and firewalls; the operator names causes and keeps an allowlist
	@$(call run_demo,)

demo-shell: ## the demo's lab stays up behind a shell with kubectl configured
	@[[ -t 0 && -t 1 ]] || { echo "error: the demo's shell needs a terminal; make demo does without" >&2; exit 1; }
	@hack/tools
	@$(call run_demo,--shell)

# Programs first, each with its progress; then the demo itself, which makes network namespaces.
define run_demo
KUBEBUILDER_ASSETS="$$(hack/control-plane/build)"; export KUBEBUILDER_ASSETS; \
hack/kube-router/build >/dev/null; \
$(CARGO) build --workspace --bin leeward --bin demo; \
exec env LEEWARD="$(TARGET)/debug/leeward" hack/as-root "$(TARGET)/debug/demo" $(1)
endef

# What tests run beside the control plane, one after the other: each says what it builds, once.
TESTED_WITH = envoy/install helm/build kube-router/build kube-network-policies/build contour/build haproxy-ingress/build \
	kstatus/build argocd/build schemas/fetch

test: tools ## lint, generated files, and every test, against a real control plane and real proxies
	@trap '$(CARGO) run --quiet -p lab --bin clean-lab' EXIT; \
	KUBEBUILDER_ASSETS="$$(hack/control-plane/build)"; export KUBEBUILDER_ASSETS; \
	for program in $(TESTED_WITH); do hack/$$program >/dev/null; done; \
	$(MAKE) lint generated; \
	$(CARGO) test --workspace --no-fail-fast

image: ## build the image without a container engine; prints where it is. Minutes, then from the cache until a source changes
	@hack/tools image; hack/image/build

test-image: tools ## what is in that image, and that it runs as the charts run it, against a real control plane
	@hack/tools image; hack/image/build >/dev/null; \
	KUBEBUILDER_ASSETS="$$(hack/control-plane/build)"; export KUBEBUILDER_ASSETS; \
	$(CARGO) test --test image

image-again: ## build it a second time, in another place and from nothing, and compare every byte
	@hack/tools image; first=$$(hack/image/build); second=$$(hack/image/build --again); trap 'rm -rf "$$second"' EXIT; \
	diff -r "$$first" "$$second" && echo "both builds have the same bytes"

lint: docs scripts ## rustfmt and clippy, warnings are errors; the documents, the shell scripts, yamllint and hadolint
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	hack/manifests/lint --quick

lint-workflows: ## actionlint and zizmor on .github/; nothing in it runs here
	@hack/workflows/lint

scripts: ## shellcheck on every shell script
	hack/shellcheck/lint

lint-manifests: ## what charts and overlays render, the examples and the Dockerfile, through five linters
	@hack/manifests/lint

docs: ## links, the book's summary, commands, paths and named tests of every page; needs only Python
	hack/docs/check

book: ## the pages as one book in target/book; warnings and links that lead nowhere are errors
	@mdbook="$$(hack/mdbook/build)/mdbook"; said=$$("$$mdbook" build 2>&1) || { echo "$$said" >&2; exit 1; }; \
	if grep -E ' (WARN|ERROR) ' <<<"$$said" >&2; then exit 1; fi; \
	hack/mdbook/check target/book

generate: ## write crds/ from the Rust types, the dashboards from their script, and what charts/, docs/ and deploy/ take from them
	@mkdir -p crds
	$(CARGO) run --quiet --bin leeward -- crds --directory crds
	hack/dashboards/build
	hack/charts/generate
	hack/docs/reference
	hack/argocd/generate
	hack/deploy/generate

generated: ## fail when crds/, charts/, deploy/ and parts of docs/ are not what they are generated from
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(CARGO) run --quiet --bin leeward -- crds --directory "$$fresh"; \
	diff -r --exclude=Kustomization "$$fresh" crds || { echo "crds/ is stale: run make generate" >&2; exit 1; }; \
	cp -r charts "$$fresh/charts"; hack/charts/generate "$$fresh/charts"; \
	diff -r "$$fresh/charts" charts || { echo "charts/ is stale: run make generate" >&2; exit 1; }; \
	cp -r docs "$$fresh/docs"; hack/docs/reference "$$fresh/docs"; \
	diff -r "$$fresh/docs" docs || { echo "docs/ is stale: run make generate" >&2; exit 1; }; \
	hack/argocd/generate "$$fresh"; \
	diff "$$fresh/argocd-cm.yaml" deploy/argocd/argocd-cm.yaml || { echo "deploy/argocd/ is stale: run make generate" >&2; exit 1; }; \
	cp -r deploy "$$fresh/deploy"; hack/deploy/generate "$$fresh/deploy"; \
	diff -r "$$fresh/deploy" deploy || { echo "deploy/ is stale: run make generate" >&2; exit 1; }

situations: tools ## stage the network situations and ask about each; FILTER=word picks some
	@hack/envoy/install >/dev/null; \
	$(CARGO) build --workspace --bin leeward --bin situations; \
	exec hack/as-root "$(TARGET)/debug/situations" $(FILTER)

accuracy: tools ## every situation, and what a reader of blackbox_exporter would conclude; writes docs/accuracy.md
	@hack/envoy/install >/dev/null; hack/blackbox/build >/dev/null; \
	$(CARGO) build --workspace --bin leeward --bin accuracy; \
	exec hack/as-root "$(TARGET)/debug/accuracy" $(FILTER)

bench: tools ## time and heap of a diagnosis; a plan in a large cluster; large lists beside Python's ipaddress; CPU and memory for each probe beside blackbox_exporter
	@BLACKBOX="$$(hack/blackbox/build)/blackbox_exporter"; export BLACKBOX; \
	$(CARGO) bench --bench diagnosis --bench plan --bench ranges --bench probes

tools: ## make sure that the programs of the lab are installed
	@hack/tools

control-plane: ## print the folder of the control plane, prepared if need be
	@hack/control-plane/build

clean-lab: ## remove namespaces and folders that killed runs have left behind
	@$(CARGO) run --quiet -p lab --bin clean-lab
