# `make run` serves, `make test` checks everything. Both need Python 3.11 or newer and nothing else.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
STATIC := $(shell find accounts authsite oauth_providers profiles tokens -path '*/static/*' -type f)

.PHONY: help run test lint clean
help:
	@echo "make run    serve on HOST:PORT (127.0.0.1:8000), from the environment or .env"
	@echo "make test   everything: lint, then the tests on SQLite, then on PostgreSQL with Valkey"
	@echo "make lint   style, templates, types, import rules, missing migrations"
	@echo "make clean  remove the environment and what was built; data stays"
	@echo "Variables: PYTHON=$(PYTHON) VENV=$(VENV) JOBS=$(JOBS)"

run: $(VENV)/run.stamp var/static.stamp
	$(BIN)/python manage.py migrate --noinput
	$(BIN)/python -m authsite.serve

# An empty value means the default: neither the shell's nor .env's database is checked or tested.
test: export DATABASE_URL =
test: export REDIS_URL =
# Dozens of processes are started: they read what the first one has compiled.
test: export PYTHONDONTWRITEBYTECODE =
test: lint var/static.stamp
	@echo "== SQLite"
	$(BIN)/pytest -n $(JOBS) --dist worksteal
	@echo "== PostgreSQL and Valkey"
	$(BIN)/python -m authsite.tests.services $(BIN)/pytest -n $(JOBS) --dist worksteal

lint: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/mypy
	$(BIN)/lint-imports
	DATABASE_URL=sqlite://:memory: $(BIN)/python manage.py makemigrations --check --dry-run

clean:
	rm -rf $(VENV) var/static var/static.stamp .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# The stamps are older than the files they were made from as soon as one of those changes.
$(VENV)/run.stamp: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "authsite needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another, as in: make PYTHON=python3.12 run" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing requirements.txt, about half a minute"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp requirements-dev.txt
	@echo "Installing requirements-dev.txt, about half a minute"
	@$(PIP) -r requirements-dev.txt
	@touch $@

var/static.stamp: $(VENV)/run.stamp authsite/settings.py $(STATIC)
	$(BIN)/python manage.py collectstatic --noinput -v 0
	@touch $@
