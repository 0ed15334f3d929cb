# What people do with a checkout. Every target makes .venv and installs what it needs when that is missing.
#
#   make demo     the whole path, offline: a synthetic benchmark, a small model, a report
#   make test     everything that must hold: lint, types, import layers, tests
#   make lint     only the static checks
#   make examples the committed example of a leaderboard anew, from runs of the demo (minutes)
#   make bench    the speed scripts of tests/perf; each prints ratios against a named baseline
#   make clean    remove the environment, build products and tool caches (never runs/)
#
# Another interpreter: make PYTHON=python3.12 test. More test processes at once: make WORKERS=8 test

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
# Stamps: an environment counts as ready only when its last step is done, and until pyproject.toml changes.
BASE := $(VENV)/.ready
DEV := $(VENV)/.ready-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint bench examples clean browser

help:
	@sed -n 's/^#   //p' Makefile

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "vlmeval needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." >&2; \
	  echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(BASE): pyproject.toml $(VENV)/.made
	@echo "installing vlmeval (PyTorch and its libraries are several GB; this takes minutes, once)"
	@$(PIP) install -e .
	@touch $@

$(DEV): pyproject.toml $(VENV)/.made
	@echo "installing vlmeval and its development tools (several GB; this takes minutes, once)"
	@$(PIP) install -e '.[dev]'
	@touch $(BASE) $@

demo: $(BASE)
	@$(BIN)/vlmeval demo

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile

# A browser for the tests that open a report. Nothing fails without one: those tests skip and say so.
browser: $(DEV)
	@if command -v chromium || command -v chromium-browser || command -v google-chrome; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "installing chromium for the browser tests"; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends chromium; } > $(VENV)/chromium.log 2>&1 < /dev/null || \
	    echo "chromium could not be installed ($(VENV)/chromium.log says why): browser tests will be skipped"; \
	else echo "no chromium here: browser tests will be skipped"; fi

bench: $(DEV)
	@set -e; for script in tests/perf/bench_*.py; do \
	  [ -e "$$script" ] || { echo "no speed scripts in tests/perf"; exit 0; }; \
	  echo "== $$script"; $(BIN)/python "$$script"; done

examples: $(DEV)
	$(BIN)/python tests/demo/make_examples.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find vlmeval tests -name __pycache__ -type d -prune -exec rm -rf {} +
