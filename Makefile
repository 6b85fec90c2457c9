# `make run` opens the app, `make test` runs every test. Both install what they need into .venv first.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: run test test-clients torture torture-full soak fuzz check format picture wheel lock clean bench bench-full

run: $(VENV)/installed
	@$(BIN)/cae-tui $(ARGS)

# Three at once on two cores: half of what the tests of the screens take is waiting. What is compiled is kept, whatever
# the environment says, for the tests start hundreds of processes.
test: $(VENV)/installed-dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

# What needs packages that the program does not: Parquet, what opens its exports, a notebook, sets that come in Debian's
# packages, unpacked into build/, and a browser, which is installed where that is allowed.
CLIENTS := pyarrow==26.0.1 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 tensorboard==2.21.0 \
  opentsne==1.0.4 nbclient==0.11.0 ipykernel==7.4.0 pandas==3.1.1
CLIENT_SETS := dataset-fashion-mnist oxygen-icon-theme

test-clients: $(VENV)/installed-dev build/clients/unpacked build/clients/browser
	@$(PIP) install --quiet -c constraints.txt $(CLIENTS)
	@$(BIN)/python -m pytest -n 2 --dist worksteal tests/clients $(ARGS)

build/clients/unpacked:
	@mkdir -p build/clients
	@cd build/clients && { apt-get download -qq $(CLIENT_SETS) 2>/dev/null || \
	  { apt-get update -qq && apt-get download -qq $(CLIENT_SETS); } || \
	  { echo "apt-get download $(CLIENT_SETS) failed: these sets come from Debian."; exit 1; }; }
	@cd build/clients && for package in *.deb; do dpkg -x $$package . && rm $$package; done
	@touch $@

FIND_BROWSER := for name in chromium chromium-browser google-chrome; do command -v $$name && break; done
GET_BROWSER := apt-get install -y -qq --no-install-recommends chromium

build/clients/browser:
	@mkdir -p build/clients
	@$(FIND_BROWSER) >$@ || { { $(GET_BROWSER) || { apt-get update -qq && $(GET_BROWSER); }; } >/dev/null 2>&1 && \
	  $(FIND_BROWSER) >$@; } || \
	  { rm -f $@; echo "Documents are looked at in Chromium, which is not here: apt-get install chromium, as root."; exit 1; }

# An hour; what was counted is in build/soak.json, and a second call goes on where the first was stopped.
soak: $(VENV)/installed-dev
	@$(BIN)/python -m tests.endurance.soak $(ARGS)

# A hundred thousand cases of bad input and more; counts are in build/fuzz.json as they come, and a second call goes on.
# Then what libFuzzer finds by looking for branches, where there is a wheel of atheris.
fuzz: $(VENV)/installed-dev
	@$(BIN)/python -m tests.fuzz $(ARGS)
	@$(PIP) install --quiet atheris==3.0.0 || echo "atheris does not install here."
	@$(BIN)/python -m tests.fuzz.guided || [ $$? = 2 ]

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
	@$(BIN)/python benchmarks/journey.py --picture docs/own-images-report.svg

# Forty minutes, with the machine otherwise idle; what was measured is in build/bench/*.json.
bench: $(VENV)/installed-dev $(VENV)-peers/installed
	@mkdir -p build/bench
	@for name in throughput limit startup keys screen threads workers; do \
	  $(BIN)/python benchmarks/$$name.py --json build/bench/$$name.json || exit 1; done

# Hours: each training of `quality` and each of Keras's epochs is written down as it comes, and a second call goes on
# after the last of them.
bench-full: bench
	@for name in growth study_screen run_list long_use ending time_to_loss quality; do \
	  $(BIN)/python benchmarks/$$name.py --json build/bench/$$name.json || exit 1; done

wheel: $(VENV)/installed-dev
	@rm -rf dist
	@$(PIP) wheel --quiet --no-deps --wheel-dir dist .

# `kill -9` 30 times, in a minute, and 200 times; what was counted is in build/torture/kills.json as it comes, and
# a second call goes on where the first was stopped. Then the same of workers and their drivers.
torture: $(VENV)/installed-dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.torture --kills 30
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.torture_workers --studies 2

torture-full: $(VENV)/installed-dev
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.torture --kills 200
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.faults.torture_workers --studies 20

# Needs uv, which resolves for every platform at once. The versions are those of constraints.txt.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
  --constraints constraints.txt --custom-compile-command 'make lock'

lock:
	@echo hatchling | $(LOCK) pyproject.toml - --output-file requirements.lock
	@$(LOCK) pyproject.toml --extra dev --output-file requirements-dev.lock

clean:
	rm -rf $(VENV) $(VENV)-peers dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

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

# What people would use instead, to be measured against; never among what the program needs.
$(VENV)-peers/installed: benchmarks/peers/requirements.txt
	@test -x $(VENV)-peers/bin/python || $(PYTHON) -m venv $(VENV)-peers
	@echo "Installing Keras and TensorFlow into $(VENV)-peers: once, a few minutes."
	@$(VENV)-peers/bin/python -m pip --disable-pip-version-check install --quiet -r $<
	@touch $@
