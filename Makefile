# knownas: `make demo` and `make test` set up what they need; nothing is installed outside this folder.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo test mutate check lock clean

setup: $(READY)

demo: $(READY)
	@$(BIN)/knownas demo $(ARGS)

test: $(READY)
	@$(BIN)/pytest $(ARGS)

mutate: $(READY)
	@$(BIN)/python tools/mutate.py $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import_linter
	$(BIN)/python tools/licences.py

# Renews requirements/ (dev: everything; run: what a worker in production needs) and Kafka's jars, each with hashes.
COMPILE := .cache/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml
lock: $(READY)
	$(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv
	$(COMPILE) --extra dev --output-file requirements/dev.txt
	$(COMPILE) --output-file requirements/run.txt
	$(BIN)/python tools/lock_kafka.py

clean:
	rm -rf .venv .cache .hypothesis build dist

$(READY): pyproject.toml requirements/dev.txt
	@command -v $(PYTHON) > /dev/null || { echo "Python is missing. Install it: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed. Install it: apt-get install python3.11 python3.11-venv, then add PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo "Python's venv package is missing. Install it: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
