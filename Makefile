# `make run` and `make test` need Python (3.10 or newer) and Node (18 or newer), and set up the rest.
# What is set up is set up again only when what it was made from has changed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := .
# Tests wait more than they work: on two cores three at a time take less than half the time of one.
PYTEST = $(BIN)/pytest --numprocesses 3 --dist loadfile

.PHONY: run setup test check acceptance bench coverage screenshots format lock clean

run: $(VENV)/.local node_modules/.ready
	@$(BIN)/python -m local

# What `python -m cli` needs; Node is not among it.
setup: $(VENV)/.local

test: $(VENV)/.dev node_modules/.ready
	$(PYTEST) -m "not acceptance"

check: $(VENV)/.dev node_modules/.ready
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	node_modules/.bin/biome check --error-on-warnings .
	$(PYTEST) -m "not acceptance"

acceptance: $(VENV)/.dev node_modules/.ready
	$(BIN)/pytest -m acceptance

bench: $(VENV)/.dev node_modules/.ready
	$(BIN)/python -m benchmarks

coverage: $(VENV)/.dev
	$(BIN)/python -m benchmarks.coverage

screenshots: $(VENV)/.dev node_modules/.ready
	$(BIN)/python -m tests.monitor.screenshots

format: $(VENV)/.dev node_modules/.ready
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)
	node_modules/.bin/biome check --write .

# What is pinned stays, unless requirements/*.in asks for something else; `make lock UPGRADE=--upgrade`
# takes the newest of what nobody asks for by version. Each file holds those above it as well.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes \
	--custom-compile-command "make lock" $(UPGRADE)
lock: $(VENV)/.dev
	$(LOCK) requirements/app.in --output-file requirements.txt
	$(LOCK) requirements/local.in --output-file requirements-local.txt
	$(LOCK) requirements/dev.in --output-file requirements-dev.txt

# Leaves .local alone: it holds the keys and the data.
clean:
	rm -rf $(VENV) node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "error: Python 3.10 or newer is missing: install it, or name it: make run PYTHON=…" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.local: $(VENV)/.python requirements-local.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-local.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.python requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

node_modules/.ready: package.json package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null \
		&& command -v npm >/dev/null || { \
		echo "error: Node.js 18 or newer with npm is missing: install it (Azurite runs on it)" >&2; \
		exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@
