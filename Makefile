# Everything that a fresh machine with Python 3.11 or newer, git and make needs.
#   make demo   colorize examples/ into colored/ (no PyTorch is installed)
#   make test   lint, types and the whole test suite
# Each keeps its own environment, which is set up again only when pyproject.toml changes.

PYTHON ?= python3
# Installed before the rest, so that a newer release never replaces the tested one.
TORCH ?= torch==2.13.0

DEMO := .venv-demo
DEV := .venv

.DEFAULT_GOAL := help
.PHONY: help demo test test-faults lint types pytest format wheel clean

help:
	@echo "make demo    colorize examples/ into colored/, 4 colourings a photo"
	@echo "make test    lint, types and the whole test suite"
	@echo "make test-faults   faults at full size: 300 photos, 50 kills; as root, full disks too"
	@echo "make lint | types | pytest | format | wheel | clean"

demo: $(DEMO)/.installed
	$(DEMO)/bin/colorize examples --out colored --samples 4
	@echo "The colourings are in $(CURDIR)/colored"

test: lint types pytest

lint: $(DEV)/.installed
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check

types: $(DEV)/.installed
	$(DEV)/bin/mypy

pytest: $(DEV)/.installed
	$(DEV)/bin/python -m pytest

test-faults: $(DEV)/.installed
	COLORIZE_FAULTS=full $(DEV)/bin/python -m pytest tests/faults

format: $(DEV)/.installed
	$(DEV)/bin/ruff check --fix
	$(DEV)/bin/ruff format

wheel: $(DEV)/.installed
	$(DEV)/bin/python -m build --wheel --no-isolation

clean:
	rm -rf $(DEMO) $(DEV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(DEMO)/.installed: pyproject.toml
	$(call environment,$(DEMO))
	$(DEMO)/bin/python -m pip install --editable .
	@touch $@

$(DEV)/.installed: pyproject.toml
	$(call environment,$(DEV))
	$(DEV)/bin/python -m pip install "$(TORCH)"
	$(DEV)/bin/python -m pip install --editable ".[dev]"
	@touch $@

define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"Python 3.11 or newer is needed. Name one: make PYTHON=python3.12 ...")'
$(PYTHON) -m venv $(1)
endef
