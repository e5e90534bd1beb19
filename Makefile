# Every target does its own set-up; a set-up with nothing to do takes about a second.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-clean test lint agent bench

python := .venv/bin/python
# Engines and hosts mostly wait, so that seven workers suit two cores.
workers ?= 7
# Else some thousand processes of the tests would each compile the package again.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: ## Make .venv, install the tools, find or build the Pulumi CLI, make the image of the test host
	@lab/setup.sh

.PHONY: setup-tests
setup-tests:
	@lab/setup.sh tests

demo: setup ## The main job on the embedded cloud: `pulumi up`, a booted host, Docker over mutual TLS, refusals
	@$(python) -m lab.demo

demo-clean: ## Remove every trace of the demo
	@if [ -x $(python) ]; then $(python) -m lab.demo --clean; fi

test: setup-tests ## Every test, beside lint (PYTEST="-k name" narrows it)
	@status=0; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	$(MAKE) --no-print-directory lint-only >"$$log" 2>&1 & lint=$$!; \
	$(python) -m pytest --numprocesses $(workers) --dist loadgroup --no-loadscope-reorder tests $(PYTEST) || status=1; \
	wait $$lint || { status=1; echo "lint failed:"; }; \
	cat "$$log"; exit $$status

lint: setup lint-only ## ruff (lint and format), pyright (strict on the package), shellcheck

.PHONY: lint-only
lint-only:
	@status=0; \
	$(python) -m ruff check --quiet . || status=1; \
	$(python) -m ruff format --check . || status=1; \
	$(python) -m pyright --pythonpath $(python) || status=1; \
	if command -v shellcheck >/dev/null; then shellcheck lab/setup.sh .ci/run .ci/release || status=1; \
	else echo "lint: shellcheck is not installed: the shell scripts were not checked"; test "$$CI" != true || status=1; fi; \
	exit $$status

agent: ## Pack the programs that run on hosts again, and note their digests, after a change to one of them
	@$(python) -m tests.packing

bench: setup ## The benchmarks: one line a figure
	@$(python) -m benchmarks
