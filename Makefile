# knownas: `make demo` and `make test` set up what they need; nothing is installed outside this folder.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
BENCH := .cache/bench
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo test faults mutate check schemas audit bench lock clean

setup: $(READY)

demo: $(READY)
	@$(BIN)/knownas demo $(ARGS)

# Three at once, for tests mostly wait; each has a Kafka and a Valkey of its own. Faults come alone, after the rest: they
# print their seed and what was killed where. ARGS=tests/find chooses.
test: $(READY)
	@$(BIN)/pytest -n 3 --dist loadfile $(or $(ARGS),--ignore tests/faults)
	$(if $(ARGS),,@$(BIN)/pytest tests/faults)

# All faults on real services. ARGS="--kills 40 --seed 7" chooses.
faults: $(READY)
	@$(BIN)/pytest tests/faults --kills 24 $(ARGS)

mutate: $(READY)
	@$(BIN)/python tools/mutate.py $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/import_linter
	$(BIN)/python tools/licences.py
	@$(MAKE) --no-print-directory audit

# What is made from the code's types: schemas/ and docs/reference/.
schemas: $(READY)
	@$(BIN)/python -m tools.schemas

# Looks the pinned packages up in the list of known weaknesses: the one check that needs the network. Without one it says so.
audit: $(READY)
	@test -x .cache/audit/bin/pip-audit || { $(PYTHON) -m venv .cache/audit && .cache/audit/bin/pip install --quiet pip-audit; } || true
	@$(BIN)/python tools/audit.py .cache/audit/bin/pip-audit requirements/run.txt

# The peers' packages have an environment of their own: one of them holds others at versions that knownas is beyond.
bench: $(BENCH)/ready
	@$(BENCH)/bin/python -m tests.bench $(ARGS)

# Renews requirements/ (dev: all but the bench; run: what a worker in production needs; bench; build: what makes
# the image's package), Kafka's jars, and the clients that the tests run, each with hashes; which Node clients, in which
# version, stands in the package.json beside each lock; Go's client in tests/docs/producers/go.mod, for `go get`.
COMPILE := .cache/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock: $(READY)
	$(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv
	$(COMPILE) pyproject.toml --extra dev --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --extra bench --output-file requirements/bench.txt
	$(COMPILE) requirements/build.in --output-file requirements/build.txt
	$(COMPILE) tests/clients/requirements.in --output-file tests/clients/requirements.txt
	$(BIN)/python tools/lock_kafka.py
	@command -v npm > /dev/null || { echo "npm is missing: the locks of the Node packages stay as they are. Install it: apt-get install npm" >&2; exit 1; }
	for folder in tests/clients tests/browser tests/schemas tests/docs/producers; do (cd $$folder && rm -f package-lock.json && npm install --package-lock-only --loglevel=error) || exit 1; done

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

$(BENCH)/ready: $(READY) requirements/bench.txt
	@echo "Setting up the benchmark's packages in $(BENCH) (once, about a minute)"
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/pip install --quiet --require-hashes -r requirements/bench.txt
	@$(BENCH)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
