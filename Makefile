# `make run` opens the app, `make test` runs every test. Both install what they need into .venv first.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test check format picture wheel clean

run: $(VENV)/installed
	@$(BIN)/cae-tui $(ARGS)

# Three at once on two cores: half of what the tests of the screens take is waiting.
test: $(VENV)/installed-dev
	@$(BIN)/python -m pytest -n 3 $(ARGS)

check: $(VENV)/installed-dev
	@$(BIN)/ruff format --check --quiet . || { echo "Some files are not formatted: make format."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/installed-dev
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .

picture: $(VENV)/installed-dev
	@$(BIN)/python docs/make_picture.py

wheel: $(VENV)/installed-dev
	@rm -rf dist
	@$(PIP) wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# The marker is younger than what it was made from, so that nothing is looked up when there is nothing to install.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is older: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "No virtual environment could be made: on Debian and Ubuntu, install python3-venv."; exit 2; }
	@echo "Installing into $(VENV): once, a few minutes, most of it PyTorch."
	@$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing the development tools into $(VENV)."
	@$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $@
