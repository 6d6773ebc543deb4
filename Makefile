# make demo   three tiny models, eight tasks, base / SFT / DPO: ten minutes on two cores, no GPU, no network
# make bench  deletes the demo, runs and times it again, then times training and answering
# make gpu-check  checks what needs a CUDA card, ten minutes on an H100, and writes benchmarks/gpu_<card>.md
# make test   the test suite, from a fresh clone
# make docs   the documentation as a site, in site/
# make locks  writes the locks of all packages from pyproject.toml
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
PYTHON ?= python3
export PATH := $(BIN):$(PATH)

.PHONY: demo report test test-all lint format bench gpu-check docs locks clean

demo: $(VENV)/installed
	snakemake --cores $(CORES) --configfile config/demo.yaml

# The demo's report, an HTML file. For the published study: make report CONFIG= REPORT=reports/report.html
CONFIG ?= --configfile config/demo.yaml
REPORT ?= reports/demo/report.html
report: $(VENV)/installed
	snakemake --cores 1 --report $(REPORT) $(CONFIG)

# Tests of one file, and tests that need the same finished run, share a process (tests/conftest.py).
test: lint
	pytest -m "not slow" --durations=20 --numprocesses $(CORES) --dist loadscope --no-loadscope-reorder

# Slow tests mostly wait. Six groups of them have a process each (tests/conftest.py).
test-all: test
	pytest -m slow --durations=20 --numprocesses 6 --dist loadscope --no-loadscope-reorder

# ancient() hides changes of an input from Snakemake, so no rule may use it.
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

# Sections that fail are rows of the table; the exit status is not 0 then.
gpu-check: $(VENV)/installed-dev
	python -m benchmarks.gpu_check

# The variable hides an announcement of the theme's authors.
docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 mkdocs build

clean:
	rm -rf results/demo reports/demo logs/demo

# pip installs no file whose SHA-256 is not in the lock, and `pip check` shows that the locks are complete. Two packages
# come as source. The locked setuptools builds them, since an isolated build would download an unchecked one. PyTorch's
# build without CUDA is installed if pip's settings name an index or a folder that has it. PyPI's build for Linux needs
# CUDA's libraries.
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

# UPGRADE=--upgrade resolves to the newest versions.
locks: $(VENV)/installed-dev
	python envs/locks.py $(UPGRADE)
