# make run            set up .venv (once) and train the built-in model on the strategy game
# make run ARGS="--algo mc --seeds 0:3"
# make test           the same set-up and what the tests need, then the tests
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
TESTABLE := $(VENV)/.testable
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.PHONY: run test lint

run: $(INSTALLED)
	$(BIN)/python -m colllm_bench.run --env strategy --algo cc $(ARGS)

test: $(TESTABLE)
	$(BIN)/python -m pytest -q $(ARGS)

lint: $(TESTABLE)
	$(BIN)/python -m ruff check .

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 10) <= v <= (3, 13) or sys.exit("error: $(PYTHON) is Python %d.%d; allowed: 3.10 to 3.13; fix: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -e ".[train,plots]"
	@touch $(INSTALLED)

# what only the tests need: a browser's driver, Ray, loggers, a local model server
$(TESTABLE): $(INSTALLED)
	$(INSTALL) -e ".[train,plots,test]"
	@touch $(TESTABLE)
