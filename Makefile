# The front door: every target does all of its own set-up, and is quick the second time.
PYTHON ?= python3
BIN := .venv/bin
SEED ?= 0
OUT ?= runs/demo
DATA ?= $(wildcard ../shared/data/helpsteer-sample.jsonl)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help setup model page system demo demo-attributes test lint format types bench effort peers docs clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 17

setup: .venv/ready ## make the virtual environment with pinned packages

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Midcourse needs Python 3.11 or newer; say PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

model: setup ## fetch and convert the bundled model (once)
	@$(BIN)/python -m midcourse.models

page: node_modules/ready ## what checks the studio's page (nothing of it is shipped)

node_modules/ready: package.json package-lock.json
	@scripts/debian-packages nodejs npm
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

system: ## Debian packages that the tests use: Chromium and PostgreSQL
	@scripts/debian-packages

demo: model ## steer the bundled model, train it on the steers, report what changed
	$(BIN)/midcourse demo --seed $(SEED) --output $(OUT)

demo-attributes: model ## SteerLM from rated answers to dials that are measured; DATA=FILE of your own
	$(BIN)/midcourse attributes demo --seed $(SEED) $(if $(DATA),--data $(DATA)) --output runs/attributes

studio: model ## steer the bundled model in the browser; ARGS="--port 9000" and the like
	$(BIN)/midcourse studio $(ARGS)

test: model system page ## all tests, in JOBS processes of one thread each (default: one a core)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder --durations 40

lint: setup page ## formatting, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	node_modules/.bin/tsc --project .

format: setup ## put the code into its standard form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: setup ## check the types alone
	$(BIN)/mypy

bench: model ## the benchmarks that the docs quote; FULL=1 for the whole grid of training
	$(BIN)/python benchmarks/start.py
	$(BIN)/python -m benchmarks.training $(if $(FULL),--full)
	$(BIN)/python benchmarks/decode.py
	$(BIN)/python benchmarks/store.py
	$(BIN)/python -m benchmarks.edits
	$(BIN)/python -m benchmarks.imports
	$(BIN)/python benchmarks/studio_resume.py
	$(BIN)/python benchmarks/studio_page.py
	$(BIN)/python benchmarks/serving.py
	$(BIN)/python -m benchmarks.proposals
	$(BIN)/python -m benchmarks.spliced

effort: model ## what steers are worth: the whole grid, hours; it goes on where it was
	$(BIN)/python -m benchmarks.effort --workers $(JOBS)

peers: model ## read our exports with the code of Axolotl, LLaMA-Factory and ms-swift (fetches their wheels)
	$(BIN)/python scripts/check-peers

docs: setup ## regenerate what is generated (command help, the page's types of the API)
	$(BIN)/python scripts/write-docs
	$(BIN)/python scripts/write-types

clean: ## remove the environment and all outputs
	rm -rf .venv runs .pytest_cache .mypy_cache .ruff_cache .hypothesis node_modules
