# All of it happens in .venv, which the first target that needs it makes. Ask `make help` for the targets.

RECIPE ?= default
OUT ?= runs/$(basename $(notdir $(RECIPE)))
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN := $(VENV)/bin
# Python compiles a module when it is first used; to compile all of them at once takes ten seconds more.
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check -qq install --no-compile -c $(CONSTRAINTS)

# An environment's pip3.12 says which Python it is of. Without a word an environment stays as it is; PYTHON=python3.12
# asks for that one, and an environment of another Python makes way for it.
ifdef PYTHON
ENVIRONMENT := $(BIN)/pip$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo -none)
else
PYTHON := python3
ENVIRONMENT := $(or $(firstword $(wildcard $(BIN)/pip3.*)),$(BIN)/pip3)
endif

# Install a Debian package where that takes no password; fail everywhere else.
apt_install = { command -v apt-get >/dev/null && echo "Trying to install the package $(1)" && { \
	root=; [ "$$(id -u)" = 0 ] || root='sudo -n'; \
	apt="$$root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=1"; \
	$$apt install -y $(1) || { $$apt update && $$apt install -y $(1); }; } >/dev/null 2>&1 </dev/null; }

.PHONY: help study test test-long test-oldest wheel-test release-check notebooks kill kill-workers fuzz mutants bench docs check format data clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

study: data ## the whole study into runs/RECIPE (RECIPE=default, a name or a file; ARGS="more options"; OUT=folder)
	$(BIN)/deepbelief study $(RECIPE) --out $(OUT) $(ARGS)

# A process for each core, each with one thread. A file's tests stay in one process, which makes their studies once. Tests
# start hundreds of processes, each of which would compile this package anew if Python were told not to keep what it compiled.
RUN_TESTS := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=
PYTEST := -m pytest -n logical --maxprocesses 8 --dist loadfile -m "not long"

test: data check browser ## all checks and tests (PYTEST_ARGS="-k name"; PYTHON=python3.12, with another Python)
	@$(RUN_TESTS) $(BIN)/python $(PYTEST) $(PYTEST_ARGS)

# Pages are tried in Chromium, and by node. Where neither is there nor can be had, their tests say so and are skipped.
.PHONY: browser
browser:
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
		command -v $$name >/dev/null && exit; done; $(call apt_install,chromium) || true
	@command -v node >/dev/null || $(call apt_install,nodejs) || true

kill: $(VENV)/installed-dev ## kill studies at 100 random moments; nothing may be lost (some minutes; ARGS="--kills 20")
	@$(BIN)/python tests/kill.py $(ARGS)

kill-workers: $(VENV)/installed-dev ## kill workers of torchrun at 20 random moments; nothing may be lost (ARGS="--ray --kills 10": of Ray)
	@$(BIN)/python tests/kill_workers.py $(ARGS)

fuzz: $(VENV)/installed-fuzz ## change files of each kind at random: each is read, or refused by a sentence (an hour; ARGS="table --seconds 60")
	@$(BIN)/python tests/fuzz.py $(ARGS)

test-long: $(VENV)/installed-dev ## the few tests that take too long for each change
	@$(RUN_TESTS) $(BIN)/python -m pytest -m long $(PYTEST_ARGS)

test-oldest: ## the tests with the oldest versions that pyproject.toml promises (PYTHON=python3.11; PYTEST_ARGS)
	@PIP_CONSTRAINT=constraints-oldest.txt $(MAKE) --no-print-directory VENV=.venv-oldest \
		CONSTRAINTS=constraints-oldest.txt PYTHON=$(if $(filter python3,$(PYTHON)),python3.11,$(PYTHON)) \
		data .venv-oldest/installed-dev
	@$(RUN_TESTS) .venv-oldest/bin/python $(PYTEST) -m "not study and not long" $(PYTEST_ARGS)

wheel-test: data $(VENV)/installed-dev ## wheel and source archive: each built, installed elsewhere, its recipe smoke run
	@$(BIN)/python tests/distribution.py

release-check: data $(VENV)/installed-release ## both checked for PyPI, the wheel tried with every Python at hand; they stay in dist/
	@$(BIN)/python tests/distribution.py --release

PACE ?= lesson
notebooks: data $(VENV)/installed-dev ## the notebooks as .ipynb with their outputs, in build/notebooks (PACE=published, lesson or seconds)
	@$(BIN)/python docs/notebooks.py --pace $(PACE)

bench: data $(VENV)/installed-bench ## speed beside other libraries, growth with size, precision (half an hour; tables, JSON)
	$(BIN)/python benchmarks/speed.py $(ARGS)
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/precision.py
	$(BIN)/python benchmarks/readme.py

mutants: $(VENV)/installed-mutation ## change the code in one place at a time: do the tests notice? (hours; ARGS="learning --sample 300")
	@$(BIN)/python tests/mutants.py $(ARGS)

# The explorer's scripts and the workflows are linted where there is npm, which brings the tools for it.
BIOME := javascript/node_modules/.bin/biome

docs: $(VENV)/installed-docs ## the documentation site, without a warning and without network: docs/_build/html/index.html
	@$(BIN)/python docs/make.py

check: $(VENV)/installed-dev $(BIOME) ## format, lint and types, without changing a file
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@! test -x $(BIOME) || npm --prefix javascript run --silent check

format: $(VENV)/installed-dev $(BIOME) ## mend format and lint where that can be done safely
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format
	@! test -x $(BIOME) || npm --prefix javascript run --silent format

data: $(VENV)/installed ## Fashion-MNIST: found, downloaded, or installed from Debian's package
	@$(BIN)/deepbelief data fashion-mnist \
	|| { $(call apt_install,dataset-fashion-mnist) && $(BIN)/deepbelief data fashion-mnist; }

clean: ## remove what make made here, but for runs/
	rm -rf docs/_build .venv .venv-oldest javascript/node_modules build dist .fuzz .mutants .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find src tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} +

$(BIOME): javascript/package-lock.json
	@{ command -v npm >/dev/null && npm --prefix javascript ci --silent --no-audit --no-fund && touch $@; } \
	|| echo "The scripts of the explorer are not linted: npm is not installed here, or does not get the tool."

$(ENVIRONMENT):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "deepbelief needs Python 3.11 or newer, and $(PYTHON) is not: add the name of one that is," \
			"such as PYTHON=python3.12." >&2; exit 1; }
	@echo "Creating $(VENV)"
	@venv="$(PYTHON) -m venv --clear $(VENV)"; $$venv >/dev/null || { \
		package="$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
		$(call apt_install,$$package) && $$venv >/dev/null || { \
			rm -rf $(VENV); \
			echo "Python's venv module does not work here: install it (on Debian and Ubuntu:" \
				"sudo apt-get install $$package) and run make again." >&2; exit 1; }; }

$(VENV)/installed: pyproject.toml $(CONSTRAINTS) $(ENVIRONMENT)
	@echo "Installing deepbelief (a few minutes the first time)"
	@$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing the tools for checks and tests"
	@$(PIP_INSTALL) -e ".[dev]"
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed
	@echo "Installing the libraries to compare with"
	@$(PIP_INSTALL) -e ".[bench]"
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	@echo "Installing what makes the documentation"
	@$(PIP_INSTALL) -e ".[docs]"
	@touch $@

$(VENV)/installed-fuzz: $(VENV)/installed-dev
	@echo "Installing the fuzzer"
	@$(PIP_INSTALL) -e ".[fuzz]"
	@touch $@

$(VENV)/installed-release: $(VENV)/installed
	@echo "Installing the tools for a release"
	@$(PIP_INSTALL) -e ".[release]"
	@touch $@

$(VENV)/installed-mutation: $(VENV)/installed-dev
	@echo "Installing the mutation tester"
	@$(PIP_INSTALL) -e ".[mutation]"
	@touch $@
