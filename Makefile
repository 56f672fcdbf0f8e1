# Everything that a fresh machine with Python 3.11 or newer, git and make needs.
#   make demo   colorize examples/ into colored/ (no PyTorch is installed)
#   make test   lint, types and the whole test suite
# Each keeps its own environment, which is set up again only when pyproject.toml changes.

PYTHON ?= python3
# Installed before the rest, so that a newer release never replaces the tested one.
TORCH ?= torch==2.13.0

MINUTES ?= 30

DEMO := .venv-demo
DEV := .venv
AUDIT := .venv-audit

.DEFAULT_GOAL := help
.PHONY: help demo test test-faults lint types pytest format wheel fuzz audit lock site man clean

help:
	@echo "make demo    colorize examples/ into colored/, 4 colourings a photo"
	@echo "make test    lint, types and the whole test suite"
	@echo "make test-faults   faults at full size: 300 photos, 50 kills; as root, full disks too"
	@echo "make fuzz    $(MINUTES) minutes of fuzzing for each reader of untrusted files"
	@echo "make audit   known vulnerabilities of what requirements.lock names"
	@echo "make site    all pages as a site that opens from the disk, in build/site"
	@echo "make man     docs/colorize.1, the manual page"
	@echo "make lint | types | pytest | format | wheel | lock | clean"

demo: $(DEMO)/.installed
	$(DEMO)/bin/colorize examples --out colored --samples 4
	@echo "The colourings are in $(CURDIR)/colored"

test: lint types pytest

lint: $(DEV)/.installed
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check

types: $(DEV)/.installed
	$(DEV)/bin/mypy

# A process a core, in which nothing takes more than one: two that share cores wait for each other.
pytest: $(DEV)/.installed
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest --durations=25 --numprocesses auto --dist loadscope

test-faults: $(DEV)/.installed
	COLORIZE_FAULTS=full $(DEV)/bin/python -m pytest tests/faults

format: $(DEV)/.installed
	$(DEV)/bin/ruff check --fix
	$(DEV)/bin/ruff format

wheel: $(DEV)/.installed
	$(DEV)/bin/python -m build --wheel --no-isolation

fuzz: $(DEV)/.installed
	$(DEV)/bin/python tests/fuzz/run.py --minutes $(MINUTES)

# What pip-audit cannot look up it leaves out, which would pass for an answer: --strict fails then.
audit: $(AUDIT)/.installed
	@$(AUDIT)/bin/pip-audit --strict --no-deps --disable-pip -r requirements.lock || { \
		echo "There are vulnerabilities above, or the data of vulnerabilities could not be reached"; \
		echo "(not found, a connection refused): then nothing is known about these versions."; \
		exit 1; }

lock: $(DEV)/.installed
	$(DEV)/bin/python .ci/lock.py

site: $(DEV)/.installed
	NO_MKDOCS_2_WARNING=1 $(DEV)/bin/mkdocs build --strict
	@echo "Open $(CURDIR)/build/site/index.html"

man: $(DEV)/.installed
	$(DEV)/bin/python .ci/man.py docs/colorize.1

clean:
	rm -rf $(DEMO) $(DEV) $(AUDIT) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

$(DEMO)/.installed: pyproject.toml
	$(call environment,$(DEMO))
	$(DEMO)/bin/python -m pip install --editable .
	@touch $@

$(DEV)/.installed: pyproject.toml
	$(call environment,$(DEV))
	$(DEV)/bin/python -m pip install "$(TORCH)"
	$(DEV)/bin/python -m pip install --editable ".[dev]"
	@touch $@

$(AUDIT)/.installed:
	$(call environment,$(AUDIT))
	$(AUDIT)/bin/python -m pip install "pip-audit>=2.9,<3"
	@touch $@

define environment
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"Python 3.11 or newer is needed. Name one: make PYTHON=python3.12 ...")'
$(PYTHON) -m venv $(1)
endef
