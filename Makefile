# Targets call what they need themselves: on a bare machine with Python 3.11 or newer, `make demo` is enough.

.DEFAULT_GOAL := help
.NOTPARALLEL:

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
UV ?= uv
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready-$(shell cat requirements-dev.txt requirements.txt | cksum | cut -d' ' -f1)
POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/postgres
REDIS_URL ?= redis://127.0.0.1:6379/14
PRODUCTION := DEBUG=false PUBLIC_URL=https://connector.example.com SECRET_KEY=checked-only-$(shell printf '%064d' 0)abcdef \
	FIELD_ENCRYPTION_KEYS=Y2hlY2tlZC1vbmx5LWNoZWNrZWQtb25seS1jaGVja2U=

.PHONY: help setup demo run test test-postgres test-processes histories interop bench-sandbox bench-notifications bench-outbound bench-inbound check format lock screenshots differences clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything the other targets need

$(READY): requirements.txt requirements-dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=…" >&2; exit 1; }
	@$(PY) -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing the pinned packages into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@DATABASE_URL= $(PY) manage.py migrate --verbosity 0
	@rm -f $(VENV)/.ready-* && touch $@

demo: setup ## See it work: two simulated remotes, a full sync, then the admin (ONCE=1 stops after the report)
	@$(PY) manage.py demo $(if $(ONCE),--once)

run: setup ## Run web, worker and scheduler on this machine
	@$(PY) manage.py migrate --verbosity 0
	@exec $(PY) manage.py serve

test: setup ## Run the whole suite, on PostgreSQL too if one answers
	@$(PY) -m pytest -n 2 $(ARGS)
	@if [ "$$CI" = true ] || $(PY) -c 'import psycopg; psycopg.connect("$(POSTGRES_URL)", connect_timeout=2)' 2>/dev/null; \
	then $(MAKE) --no-print-directory test-postgres test-processes; \
	else echo "Not run on this machine: no PostgreSQL at $(POSTGRES_URL), so no tests on it, with or without real processes."; fi

test-postgres: setup ## Run the tests that use a database, on PostgreSQL (POSTGRES_URL=…)
	@DATABASE_URL="$(POSTGRES_URL)" $(PY) -m pytest -n 2 $(wildcard tests/integration tests/journeys) $(ARGS)

test-processes: setup ## Run the journeys with web, worker and scheduler as processes, on PostgreSQL and Redis
	@if [ "$$CI" = true ] || $(PY) -c 'import redis; redis.Redis.from_url("$(REDIS_URL)").ping()' 2>/dev/null; \
	then WORLD=processes TEST_BROKER_URL="$(REDIS_URL)" DATABASE_URL="$(POSTGRES_URL)" $(PY) -m pytest tests/journeys $(ARGS); \
	else echo "Not run on this machine: no Redis at $(REDIS_URL), so no journeys with real processes."; fi

check: setup ## Check format, lint, types, migrations and the deployment settings
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

format: setup ## Format and sort the code
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format .

lock: ## Pin the newest packages with hashes (needs uv)
	@$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--custom-compile-command "make lock" -o requirements.txt pyproject.toml
	@$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--custom-compile-command "make lock" --group dev -o requirements-dev.txt pyproject.toml

histories: setup ## Live through many simulated months of a rep (SEEDS=1000), or through one again (SEED=17)
	@PYTHONHASHSEED=0 SEEDS="$(or $(SEEDS),1000)" SEED="$(SEED)" $(PY) -m pytest -n 2 --timeout 900 tests/journeys/test_histories.py $(ARGS)

interop: setup ## Run clients that other people wrote for Close and Hull against the sandbox and the product
	@$(PY) tests/interop/environments.py
	@$(PY) -m pytest -n 2 --dist loadfile tests/interop tests/vectors tests/integration/doors/test_notifications.py $(ARGS)

bench-sandbox: setup ## Measure how fast the sandbox answers (LEADS=100000 for the full size)
	@$(PY) bench/sandbox.py

bench-notifications: setup ## Measure how long Hull waits for its answer, on SQLite
	@$(PY) bench/notifications.py

bench-inbound: setup ## Count what reading Close costs, against the original's way (LEADS=2000 for a quick look)
	@$(PY) bench/inbound.py

bench-outbound: setup ## Count what writing to Close costs, and how much of its limit a long queue uses (ACCOUNTS=500 for a quick look)
	@$(PY) bench/outbound.py

screenshots: setup ## Take the pictures of the documentation anew
	@$(PY) docs/screenshots.py
	@PICTURES=docs/images $(PY) -m pytest -q tests/browser/test_setup.py tests/browser/test_mapping.py tests/browser/test_queue.py

differences: setup ## Write docs/differences.md anew from the verdicts on the recorded inputs
	@DJANGO_SETTINGS_MODULE=tests.settings $(PY) -c 'import django; django.setup(); from tests.vectors.page import PAGE, page; PAGE.write_text(page())'

clean: ## Remove the virtual environment, the local database and caches
	@rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis
