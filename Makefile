# make run            set up .venv (once) and train the built-in model on the strategy game;
#                     again: go on with that run, or show its results
# make run ARGS="--algo mc --seeds 0:3"
# make test           install what the tests need, then run all tests that are not marked slow
# make test-all       the same with the slow tests
# make lint           ruff on everything, mypy on the public modules
# make docs           build the pages of docs/ and the API reference into site/
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
DOCUMENTED := $(VENV)/.documented
PACKAGE := build/package/colllm_bench
JOBS ?= 2
TEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.PHONY: run test test-all lint docs package

# train three agents on the strategy game
run: $(INSTALLED)
	$(BIN)/python -m colllm_bench.run --env strategy --algo cc --resume $(ARGS)

# all tests but the slow ones, in JOBS processes of one thread each
test: $(TESTABLE)
	$(TEST) -m "not slow" $(ARGS)

# all tests
test-all: $(TESTABLE)
	$(TEST) $(ARGS)

# style of all files, types of the public modules
lint: $(TESTABLE) package
	$(BIN)/python -m ruff check .
	cd $(PACKAGE)/.. && $(abspath $(BIN))/python -m mypy --config-file $(CURDIR)/pyproject.toml

# docs/ and the API reference as a site, without network; a broken link is an error
docs: $(DOCUMENTED) package
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet $(ARGS)

# links in the layout that pip installs: mypy and the API reference read the package there
package:
	@rm -rf $(PACKAGE) && mkdir -p $(PACKAGE)
	@ln -s $(CURDIR)/colllm_bench/* $(addprefix $(CURDIR)/,envs baselines leaderboard) $(PACKAGE)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 10) <= v <= (3, 13) or sys.exit("error: $(PYTHON) is Python %d.%d; allowed: 3.10 to 3.13; fix: make PYTHON=python3.12 ..." % v)'
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) -e ".[train,plots]"
	@touch $(INSTALLED)

# what only the tests need: a browser's driver, Ray, loggers, a local model server
$(TESTABLE): $(INSTALLED)
	$(INSTALL) -e ".[train,plots,test]"
	@touch $(TESTABLE)

# what only the documentation needs
$(DOCUMENTED): $(INSTALLED)
	$(INSTALL) -e ".[train,plots,docs]"
	@touch $(DOCUMENTED)
