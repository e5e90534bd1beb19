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

agent: ## Compress the host's program again, and note its digest, after a change to components/aws_docker/host/agent.py, spot.py or swarm.py
	@cd components/aws_docker/host && ../../../$(python) -c 'import base64, hashlib, pathlib, zopfli.gzip, aws_docker; \
	from aws_docker.host import userdata; \
	program = pathlib.Path("agent.py").read_text(); \
	spot = userdata.entry(userdata.SPOT_PATH, pathlib.Path("spot.py").read_text()); \
	[pathlib.Path(name + ".yaml.gz.b64").write_text(base64.b64encode(zopfli.gzip.compress(text.encode())).decode() + "\n") \
	for name, text in (("agent", userdata.head(program)), ("spot", spot))]; \
	swarm = zopfli.gzip.compress(userdata.installed(pathlib.Path("swarm.py").read_text()).encode()); \
	pathlib.Path("swarm.gz.b64").write_text(base64.b64encode(swarm).decode() + "\n"); \
	known = pathlib.Path("agents.sha256"); release = "  " + aws_docker.__version__; \
	earlier = [line for line in known.read_text().splitlines() if not line.endswith(release)]; \
	digest = hashlib.sha256(userdata.installed(program).encode()).hexdigest(); \
	known.write_text("\n".join([*earlier, digest + release]) + "\n")'

bench: setup ## The benchmarks: one line a figure
	@$(python) -m benchmarks
