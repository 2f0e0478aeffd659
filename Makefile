# `make demo` and `make test` work on a fresh clone on a machine that has only Python (3.11 or newer) and make.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo test lint types clean

demo: $(VENV)/runtime.stamp
	$(VENV)/bin/bsep demo --output demo --overwrite

test: lint types
	$(VENV)/bin/python -m pytest

lint: $(VENV)/everything.stamp
	$(VENV)/bin/ruff check .

# mypy knows no package-dir: it gets the folders as links, laid out as they are installed.
types: $(VENV)/everything.stamp
	rm -rf build/typed
	mkdir -p build/typed/bsep_stream
	ln -s $(CURDIR)/bsep_stream/* $(CURDIR)/train $(CURDIR)/export build/typed/bsep_stream/
	cd build/typed && $(CURDIR)/$(VENV)/bin/mypy --config-file $(CURDIR)/pyproject.toml --package bsep_stream

clean:
	rm -rf $(VENV) build dist demo *.egg-info .pytest_cache .ruff_cache .mypy_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/everything.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[train,cluster,notes,dev]"
	touch $@ $(VENV)/runtime.stamp
