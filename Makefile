# Needs Python and make alone: uv is installed into .local/uv where it is not on PATH.
#   make up [PORT=4570]     everything up to a deployed stack on this machine, tried out ([AUTH=JWT]: who may call it)
#   make down [CLEAN=1]     stop it; models and registry stay, or with CLEAN=1 go
#   make test               the whole test suite, on a local cloud of its own
#   make lint               ruff and mypy (`make ruff`, `make mypy`: one alone, as the commit hooks run them)
#   make scan               secrets, weak policies, known vulnerabilities (each alone: make secrets,
#                           make checkov, make cfn-lint, make audit)
#   make pins               write the requirements of layers and tools anew, with hashes
#   make fuzz [INPUTS=…]    events of every kind to every engine, and an OpenAPI document by Schemathesis
#   make soak [REQUESTS=…]  good and bad requests to every engine, and what the process holds meanwhile
#   make bench [ROUNDS=10]  measure cold starts, requests and model loads into bench/results
#                           ([LOOP=a941339]: then the daily loop of this tree and of that commit)
#   make build [ARCH=arm64] sam build for AWS, for `sam deploy --guided` after it
PORT ?=
HOST ?=
AUTH ?=
ARCH ?= x86_64
ROUNDS ?= 10
CLEAN ?=
LOOP ?=
INPUTS ?= 100000
REQUESTS ?= 100000

export PATH := $(PATH):$(CURDIR)/.local/uv/bin
UV := $(shell command -v uv || echo .local/uv/bin/uv)

.PHONY: up down test lint ruff mypy bench build sync scan secrets checkov cfn-lint audit pins fuzz soak

up: sync
	@$(UV) run --no-sync lambda-serving local up $(if $(PORT),--port $(PORT)) $(if $(HOST),--host $(HOST)) $(if $(AUTH),--auth $(AUTH))

down: sync
	@$(UV) run --no-sync lambda-serving local down $(if $(CLEAN),--clean)

# Three processes on two cores: one of them waits for the local cloud most of the time.
# Where Python may write no bytecode, each process of the tests compiles all that it imports again.
test: export PYTHONDONTWRITEBYTECODE =
test: sync
	@$(UV) run --no-sync pytest --cov --numprocesses 3

lint: ruff mypy

ruff: sync
	@$(UV) run --no-sync ruff check
	@$(UV) run --no-sync ruff format --check

mypy: sync
	@$(UV) run --no-sync mypy

scan: secrets checkov cfn-lint audit

# Each tool has an environment of its own below .local/tools: none shares a dependency with what is tested.
secrets: .local/tools/detect-secrets/done
	@git ls-files -z | xargs -0 .local/tools/detect-secrets/bin/detect-secrets-hook --no-verify \
	  --baseline .ci/secrets.json

checkov: .local/tools/checkov/done
	@LOG_LEVEL=ERROR .local/tools/checkov/bin/checkov --config-file .ci/checkov.yaml

cfn-lint: sync
	@$(UV) run --no-sync cfn-lint template.yaml monitoring.yaml

audit: .local/tools/pip-audit/done
	@.local/tools/pip-audit/bin/python .ci/audit.py

fuzz: sync .local/tools/schemathesis/done
	@$(UV) run --no-sync python -m tests.fuzz --inputs $(INPUTS) \
	  --schemathesis $(CURDIR)/.local/tools/schemathesis/bin/schemathesis

soak: sync
	@$(UV) run --no-sync python -m tests.soak --requests $(REQUESTS)

.local/tools/%/done: .ci/tools/%.txt | sync
	@$(UV) venv --quiet --clear .local/tools/$*
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python .local/tools/$* $<
	@touch $@

# Layers have the versions of uv.lock; what a .in names besides stays as it is pinned, unless
# UPGRADE=--upgrade.
PIN = $(UV) pip compile --quiet --generate-hashes --no-annotate --python-version 3.13 $(UPGRADE)
pins: export UV_CUSTOM_COMPILE_COMMAND = make pins
pins: sync
	@$(UV) export --quiet --locked --all-groups --no-hashes --no-emit-project --no-annotate \
	  --output-file .local/locked.txt >/dev/null
	@for file in layers/*/*.in; do \
	  $(PIN) --no-deps --constraints .local/locked.txt $$file -o $${file%.in}.txt || exit 1; done
	@for file in cli/lambda_serving_cli/local_cloud/ministack.in .ci/tools/*.in; do \
	  $(PIN) --universal $$file -o $${file%.in}.txt || exit 1; done

bench: sync
	@$(UV) run --no-sync python -m bench --rounds $(ROUNDS)
	@$(if $(LOOP),$(UV) run --no-sync python -m bench.loop --base $(LOOP))

build: sync
	@$(UV) run --no-sync lambda-serving build --architecture $(ARCH)

# Inexact: what a user installed besides stays.
sync: $(filter .local/%,$(UV))
	@test -d .venv || echo "installing what the project needs into .venv"
	@$(UV) sync --locked --inexact --quiet

.local/uv/bin/uv:
	@echo "uv is not on PATH: installing it into .local/uv"
	@python3 -m venv .local/uv || { \
	  echo "python3 cannot make virtual environments here: install python3-venv, or uv itself" >&2; \
	  exit 1; }
	@.local/uv/bin/python -m pip install --quiet --require-hashes --requirement .ci/tools/uv.txt
