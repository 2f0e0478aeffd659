# `make demo` and `make test` work on a fresh clone on a machine that has only Python (3.11 or newer) and make.
PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: check checks demo docs fuzz test test-live test-programs soak lint types clean

demo: $(VENV)/runtime.stamp
	$(VENV)/bin/bsep demo --output demo --overwrite

# The site, in build/site; a warning is an error.
docs: $(VENV)/everything.stamp
	$(VENV)/bin/python -m sphinx -W --keep-going --quiet -b html docs build/site

# A file of tests stays on one core, with what its tests share; the longest files begin first (tests/conftest.py). One thread
# a core: the tests' networks are tiny, more threads only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

# All tests but those of whole programs, on all cores; the slowest ten are shown.
test: $(VENV)/everything.stamp
	$(PYTEST) --durations 10

# The studio in a browser (Chromium and its driver), and trainings in processes of their own.
test-programs: $(VENV)/everything.stamp
	$(PYTEST) -m programs --durations 10

# What one runs all the time: lint, types, and the tests that are fast.
check: $(VENV)/everything.stamp
	$(MAKE) --no-print-directory --jobs 3 lint types checks

checks: $(VENV)/everything.stamp
	$(PYTEST) -m "not servers and not slow"

# Damaged files for every reader, for a minute.
fuzz: $(VENV)/everything.stamp
	$(VENV)/bin/python -m bsep_stream.fuzz --seconds 60 --seed 0

# Real time, with JACK and PulseAudio servers that the tests start: apt-get install jackd2 libportaudio2 pulseaudio
# pulseaudio-utils libasound2-plugins. BSEP_LIVE_SECONDS=600 plays longer than a minute.
test-live: $(VENV)/everything.stamp
	$(VENV)/bin/python -m pytest -m servers -rs tests/test_live_jack.py tests/test_live_jack_midi.py \
		tests/test_live_jack_death.py tests/test_live_pulse.py tests/test_studio_jack.py

# Half an hour on JACK with the shipped model; nothing may be late, and nothing may grow. For a machine whose host stops it
# now and then: BSEP_SOAK_CUSHION=150 make soak.
soak: $(VENV)/everything.stamp
	BSEP_SOAK_SECONDS=$${BSEP_SOAK_SECONDS:-1800} $(VENV)/bin/python -m pytest -m servers -rs -s tests/test_live_soak.py

lint: $(VENV)/everything.stamp
	$(VENV)/bin/ruff check .

types: $(VENV)/everything.stamp
	$(VENV)/bin/mypy --package bsep_stream

clean:
	rm -rf $(VENV) build dist demo *.egg-info .pytest_cache .ruff_cache .mypy_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[pictures]"
	touch $@

$(VENV)/everything.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) --editable ".[train,cluster,notes,live,midi,pictures,studio,docs,dev]"
	touch $@ $(VENV)/runtime.stamp
