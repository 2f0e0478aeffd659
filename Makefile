# `make demo` and `make test` work on a fresh clone on a machine that has only Python (3.11 or newer) and make.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo docs fuzz test test-live soak lint types clean

demo: $(VENV)/runtime.stamp
	$(VENV)/bin/bsep demo --output demo --overwrite

# The site, in build/site; a warning is an error.
docs: $(VENV)/everything.stamp
	$(VENV)/bin/python -m sphinx -W --keep-going --quiet -b html docs build/site

test: lint types
	$(VENV)/bin/python -m pytest

# Damaged files for every reader, for a minute.
fuzz: $(VENV)/everything.stamp
	$(VENV)/bin/python -m bsep_stream.trust.fuzz --seconds 60 --seed 0

# Real time, with JACK and PulseAudio servers that the tests start: apt-get install jackd2 libportaudio2 pulseaudio
# pulseaudio-utils libasound2-plugins. BSEP_LIVE_SECONDS=600 plays longer than a minute.
test-live: $(VENV)/everything.stamp
	$(VENV)/bin/python -m pytest -m servers -rs tests/test_live_jack.py tests/test_live_jack_midi.py \
		tests/test_live_jack_death.py tests/test_live_pulse.py

# Half an hour on JACK with the shipped model; nothing may be late, and nothing may grow. For a machine whose host stops it
# now and then: BSEP_SOAK_CUSHION=150 make soak.
soak: $(VENV)/everything.stamp
	BSEP_SOAK_SECONDS=$${BSEP_SOAK_SECONDS:-1800} $(VENV)/bin/python -m pytest -m servers -rs -s tests/test_live_soak.py

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
	$(PIP) --editable ".[train,cluster,notes,live,docs,dev]"
	touch $@ $(VENV)/runtime.stamp
