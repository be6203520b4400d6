# make run            set up .venv (once) and train the built-in model on the strategy game
# make run ARGS="--algo mc --seeds 0:3"
# make test           the same set-up, then the tests
# make lint           ruff
#
# PYTHON=python3.12   another interpreter (3.10 to 3.13)
# PIP_ARGS=...        for pip install, e.g. an index with CPU builds of torch
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PIP_ARGS ?=
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: run test lint

run: $(INSTALLED)
	$(BIN)/python -m colllm_bench.run --env strategy --algo cc $(ARGS)

test: $(INSTALLED)
	$(BIN)/python -m pytest -q $(ARGS)

lint: $(INSTALLED)
	$(BIN)/python -m ruff check .

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 10) <= v <= (3, 13) or sys.exit("error: $(PYTHON) is Python %d.%d; allowed: 3.10 to 3.13; fix: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -e ".[train,plots,test]" -c constraints.txt
	@touch $(INSTALLED)
