# make demo   three tiny models, seven tasks, base / SFT / DPO: ten minutes on two cores, no GPU, no network
# make bench  deletes the demo, runs it anew and times it, then training and answering
# make test   the test suite, from a fresh clone
# make locks  writes the locks of all packages anew from pyproject.toml
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
PYTHON ?= python3
export PATH := $(BIN):$(PATH)

.PHONY: demo report test test-all lint format bench locks clean

demo: $(VENV)/installed
	snakemake --cores $(CORES) --configfile config/demo.yaml

# The demo's report, one file that opens from disk; the published study's: make report CONFIG= REPORT=reports/report.html
CONFIG ?= --configfile config/demo.yaml
REPORT ?= reports/demo/report.html
report: $(VENV)/installed
	snakemake --cores 1 --report $(REPORT) $(CONFIG)

# Tests that need the same finished run, or stand in one file, share a process (tests/conftest.py).
test: lint
	pytest -m "not slow" --durations=20 --numprocesses $(CORES) --dist loadscope --no-loadscope-reorder

# The slow ones, which mostly wait, in three processes: those of Slurm, of every key, and all others (tests/conftest.py).
test-all: test
	pytest -m slow --durations=20 --numprocesses 3 --dist loadscope --no-loadscope-reorder

# ancient() keeps Snakemake from seeing changes behind it.
lint: $(VENV)/installed-dev
	! grep -n "ancient(" Snakefile workflow/*/*.smk
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint
	snakemake --lint --configfile config/demo.yaml

format: $(VENV)/installed-dev
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

bench: $(VENV)/installed-dev
	python benchmarks/workflow.py
	python -m benchmarks.training
	python -m benchmarks.generation

clean:
	rm -rf results/demo reports/demo logs/demo

# pip takes no file whose SHA-256 is not in the lock, and the locks are whole (pip check). Two packages come as source: the
# locked setuptools builds them, where an isolated build would draw one unchecked. PyTorch's build without CUDA is taken
# where pip's settings name an index or a folder that has it. PyPI's build for Linux needs CUDA's libraries.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-build-isolation -r
WITH_CUDA := from importlib.metadata import requires; raise SystemExit("cuda" not in str(requires("torch")))

$(VENV)/installed: requirements.lock requirements-cpu.lock requirements-cuda.lock
	$(PYTHON) -c 'import sys; sys.version_info[:2] == (3, 11) or sys.exit("Python 3.11 is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) <(sed -n '/^setuptools==/,/[^\]$$/p' requirements.lock)
	if pip index versions torch 2>/dev/null | grep -F "$$(sed -n 's/^torch==\([^ ]*\).*/\1/p' requirements-cpu.lock)" > /dev/null; \
		then $(INSTALL) requirements-cpu.lock; fi
	$(INSTALL) requirements.lock
	if python -c '$(WITH_CUDA)'; then $(INSTALL) requirements-cuda.lock; fi
	pip check --disable-pip-version-check
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(INSTALL) requirements-dev.lock
	pip check --disable-pip-version-check
	touch $@

# UPGRADE=--upgrade takes the newest versions.
locks: $(VENV)/installed-dev
	python envs/locks.py $(UPGRADE)
