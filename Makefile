# `make` alone lists what there is to do. Everything here runs on a bare Debian or Ubuntu with Rust installed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench fuzz screenshots

# Where the demo listens.
LISTEN ?= 127.0.0.1:8080
# How long `make fuzz` stays with each target, in seconds.
FUZZ_SECONDS ?= 60

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the gateway in front of a miniature meeting server, with links to try (LISTEN=127.0.0.1:8080)
	@.ci/install build
	@cargo build
	@exec "$${CARGO_TARGET_DIR:-target}/debug/roomgate" demo --listen $(LISTEN)

test: ## everything: unit and integration tests, then real browsers against a real conferencing server
	@.ci/test

lint: ## formatting, clippy, documentation, the example configurations
	@.ci/lint

bench: ## what a decision, a token, a stanza, a request and thousands of sockets cost
	@.ci/install build
	cargo bench

fuzz: ## every fuzz target for a bounded time (FUZZ_SECONDS=60 each)
	@.ci/fuzz $(FUZZ_SECONDS)

screenshots: ## every page of ours on a phone and a desk, light and dark, as pictures in target/screenshots
	@.ci/install build browser
	@cargo build
	@node --test --test-reporter=spec tests/real/pages.test.mjs tests/real/peercalls.test.mjs
	@ls -1 target/screenshots/*.png
