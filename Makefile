# make demo   three tiny models, seven tasks, base / SFT / DPO: ten minutes on two cores, no GPU, no network
# make bench  deletes the demo, runs it anew and times it, then training and answering
# make test   the test suite, from a fresh clone
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
PYTHON ?= python3
export PATH := $(BIN):$(PATH)

.PHONY: demo report test test-all lint format bench clean

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

# The slow ones in two processes: those of Slurm, which mostly wait, and all others (tests/conftest.py).
test-all: test
	pytest -m slow --durations=20 --numprocesses 2 --dist loadscope --no-loadscope-reorder

# ancient() keeps Snakemake from seeing changes behind it.
lint: $(VENV)/installed
	! grep -n "ancient(" Snakefile workflow/*/*.smk
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	mypy
	snakemake --lint
	snakemake --lint --configfile config/demo.yaml

format: $(VENV)/installed
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow

bench: $(VENV)/installed
	python benchmarks/workflow.py
	python -m benchmarks.training
	python -m benchmarks.generation

clean:
	rm -rf results/demo reports/demo logs/demo

# torch first and with its exact pin, so that no other package draws another build of it.
$(VENV)/installed: requirements.lock
	$(PYTHON) -c 'import sys; sys.version_info[:2] == (3, 11) or sys.exit("Python 3.11 is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.lock)"
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@
