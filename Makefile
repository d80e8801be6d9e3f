# All of it happens in .venv, which the first target that needs it makes. Ask `make help` for the targets.

PYTHON ?= python3
RECIPE ?= default
OUT ?= runs/$(basename $(notdir $(RECIPE)))
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

# Install a Debian package where that takes no password; fail everywhere else.
apt_install = { command -v apt-get >/dev/null && echo "Trying to install the package $(1)" && { \
	root=; [ "$$(id -u)" = 0 ] || root='sudo -n'; \
	apt="$$root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=1"; \
	$$apt install -y $(1) || { $$apt update && $$apt install -y $(1); }; } >/dev/null 2>&1 </dev/null; }

.PHONY: help study test mutants bench check format data clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

study: data ## the whole study into runs/RECIPE (RECIPE=default, a name or a file; ARGS="more options"; OUT=folder)
	$(BIN)/deepbelief study $(RECIPE) --out $(OUT) $(ARGS)

test: data check ## all checks and tests (PYTEST_ARGS="-k name")
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

bench: data .venv/installed-bench ## speed beside other libraries, growth with size, precision (half an hour; tables, JSON)
	$(BIN)/python benchmarks/speed.py $(ARGS)
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/precision.py
	$(BIN)/python benchmarks/readme.py

mutants: .venv/installed-mutation ## change the code in one place at a time: do the tests notice? (hours; ARGS="learning --sample 300 --seed 1")
	@$(BIN)/python tests/mutants.py $(ARGS)

check: .venv/installed-dev ## format, lint and types, without changing a file
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy

format: .venv/installed-dev ## mend format and lint where that can be done safely
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

data: .venv/installed ## Fashion-MNIST: found, downloaded, or installed from Debian's package
	@$(BIN)/deepbelief data fashion-mnist \
	|| { $(call apt_install,dataset-fashion-mnist) && $(BIN)/deepbelief data fashion-mnist; }

clean: ## remove what make made here, but for runs/
	rm -rf .venv build dist .mutants .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find src tests benchmarks examples -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "deepbelief needs Python 3.11 or newer, and $(PYTHON) is not: add the name of one that is," \
			"such as PYTHON=python3.12." >&2; exit 1; }
	@echo "Creating .venv"
	@venv="$(PYTHON) -m venv --clear .venv"; $$venv >/dev/null || { \
		package="$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; \
		$(call apt_install,$$package) && $$venv >/dev/null || { \
			rm -rf .venv; \
			echo "Python's venv module does not work here: install it (on Debian and Ubuntu:" \
				"sudo apt-get install $$package) and run make again." >&2; exit 1; }; }

.venv/installed: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing deepbelief (a few minutes the first time)"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing the tools for checks and tests"
	@$(PIP) install -c constraints.txt -e ".[dev]"
	@touch $@

.venv/installed-bench: .venv/installed
	@echo "Installing the libraries to compare with"
	@$(PIP) install -c constraints.txt -e ".[bench]"
	@touch $@

.venv/installed-mutation: .venv/installed-dev
	@echo "Installing the mutation tester"
	@$(PIP) install -c constraints.txt -e ".[mutation]"
	@touch $@
