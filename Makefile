# What a person does with Femfem. Every target sets up all it needs, and a second time takes moments.
#
#   make run      set up and start: the demo institution on SQLite, web and background work     PORT=8000
#                 YEARS=9: nine years from now, when the first files may be disposed of
#   make run-full the same as in production: PostgreSQL, Redis, worker and beat apart; nothing is kept
#   make test     the whole suite: on SQLite, on PostgreSQL, and in a real browser               ARGS="-k word"
#   make check    everything that can be said without running it
#   make bench    the measurements
#   make drill    save the demo institution and restore it on an empty machine, with times
#   make golden   draw the pictures anew that the printed declarations are compared with; look at what changed
#   make chaos    faults of every kind, 10,000 runs in one process and 300 of real ones: docs/reliability.md
#   make reset    throw the demo data away                                                       FORCE=1: do not ask
#   make format   put the code in shape
#
# PYTHON=3.12 takes that interpreter, if the machine has it.

PORT ?= 8000
PYTHON ?=
ARGS ?=
UV_VERSION := 0.13.8

VENV := .venv$(addprefix -,$(PYTHON))
UV := .tools/bin/uv
UV_STAMP := .tools/.uv-$(UV_VERSION)
BIN := $(VENV)/bin
SERVICES := $(BIN)/python scripts/with_services.py

export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
export PYTHONUNBUFFERED := 1
export PORT YEARS

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help debian setup run run-full reset test test-sqlite test-postgres test-browser check format bench drill golden chaos

help:
	@sed -n '/^# What/,/^$$/s/^# \{0,1\}//p' Makefile

# Set-up: each step leaves a stamp and is repeated only when what it stands on has changed

$(UV_STAMP):
	python3 -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/.synced: $(UV_STAMP) uv.lock
	$(UV) sync --frozen --quiet $(addprefix --python ,$(PYTHON))
	@touch $@

static/vendor/.built: package.json package-lock.json scripts/vendor.py | $(VENV)/.synced
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
	$(BIN)/python scripts/vendor.py

debian:
	@python3 scripts/debian.py pdf

setup: debian $(VENV)/.synced static/vendor/.built

# Running it

run: setup
	@exec $(BIN)/python scripts/run.py

run-full: setup
	$(SERVICES) --postgres --redis python scripts/run.py full

reset:
	@$(if $(FORCE),:,printf 'Throw away the demo data in var/? [y/N] '; read answer; [ "$$answer" = y ] || { echo Kept.; exit 1; })
	rm -rf var

# Tests: the three runs do not stop each other. What a run leaves out is said here and taken by another run.

test: setup
	@failed=0; \
	for part in sqlite postgres browser; do $(MAKE) --no-print-directory test-$$part || failed=1; done; \
	exit $$failed

test-sqlite: setup
	@echo "== On SQLite"
	$(SERVICES) --sqlite pytest -n 2 -m "not postgres and not worker and not browser" $(ARGS)

test-postgres: setup
	@echo "== On PostgreSQL, with Redis"
	$(SERVICES) --postgres --redis pytest -n 2 -m "not browser" $(ARGS)

test-browser: setup
	@echo "== In Chromium, on PostgreSQL and Redis"
	$(SERVICES) --postgres --redis --chromium pytest -m browser $(ARGS)

check: setup
	@$(BIN)/python scripts/check.py

format: setup
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

bench: setup
	@for script in $(wildcard bench/*.py); do echo "== $$script"; $(SERVICES) --postgres --redis python $$script || exit 1; done

golden: setup
	GOLDEN=new $(SERVICES) --sqlite pytest -q -k looks_as_it_did tests/inhouse/test_declaration_papers.py

drill: setup
	@$(SERVICES) --postgres python scripts/drill.py

chaos: setup
	@rm -f var/chaos.jsonl
	@failed=0; \
	echo "== Inside one process"; \
	$(SERVICES) --sqlite python scripts/chaos.py inside --runs 10000 || failed=1; \
	echo "== With real processes"; \
	$(SERVICES) --postgres --redis python scripts/chaos.py outside --runs 300 || failed=1; \
	$(BIN)/python scripts/chaos.py report || failed=1; \
	exit $$failed
