# Needs Python and make alone: uv is installed into .local/uv where it is not on PATH.
#   make up [PORT=4570]     everything up to a deployed stack on this machine, tried out ([AUTH=JWT]: who may call it)
#   make down               stop it
#   make test               the whole test suite, on a local cloud of its own
#   make lint               ruff and mypy (`make ruff`, `make mypy`: one alone, as the commit hooks run them)
#   make bench [ROUNDS=10]  measure cold starts, requests and model loads into bench/results
#   make build [ARCH=arm64] sam build for AWS, for `sam deploy --guided` after it
PORT ?=
HOST ?=
AUTH ?=
ARCH ?= x86_64
ROUNDS ?= 10

export PATH := $(PATH):$(CURDIR)/.local/uv/bin
UV := $(shell command -v uv || echo .local/uv/bin/uv)

.PHONY: up down test lint ruff mypy bench build sync

up: sync
	@$(UV) run --no-sync lambda-serving local up $(if $(PORT),--port $(PORT)) $(if $(HOST),--host $(HOST)) $(if $(AUTH),--auth $(AUTH))

down: sync
	@$(UV) run --no-sync lambda-serving local down

# Where Python may write no bytecode, each process of the tests compiles all that it imports again.
test: export PYTHONDONTWRITEBYTECODE =
test: sync
	@$(UV) run --no-sync pytest --cov --numprocesses 2

lint: ruff mypy

ruff: sync
	@$(UV) run --no-sync ruff check
	@$(UV) run --no-sync ruff format --check

mypy: sync
	@$(UV) run --no-sync mypy

bench: sync
	@$(UV) run --no-sync python -m bench --rounds $(ROUNDS)

build: sync
	@$(UV) run --no-sync lambda-serving build --architecture $(ARCH)

sync: $(filter .local/%,$(UV))
	@test -d .venv || echo "installing what the project needs into .venv"
	@$(UV) sync --locked --quiet

.local/uv/bin/uv:
	@echo "uv is not on PATH: installing it into .local/uv"
	@python3 -m venv .local/uv || { \
	  echo "python3 cannot make virtual environments here: install python3-venv, or uv itself" >&2; \
	  exit 1; }
	@.local/uv/bin/python -m pip install --quiet uv
