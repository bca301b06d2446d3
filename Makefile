# Everything starts here; each target makes .venv first if uv.lock changed. `make help` lists the targets.
PYTHON := .venv/bin/python

.PHONY: up dev test lint format bench docs help bootstrap

up: bootstrap ## start everything; PORT, HOST, DATA_DIR, DATABASE_URL … as in docs/settings.md
	@exec $(PYTHON) manage.py up

dev: bootstrap ## the same, started again when a source changes
	@exec $(PYTHON) manage.py dev

test: bootstrap ## run all tests, browser tests included
	@$(PYTHON) -m tests.run

lint: bootstrap ## run the linters and the type checker
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/lint-imports
	@.venv/bin/pyright --warnings

format: bootstrap ## put the code into shape
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

bench: bootstrap ## measure this machine; prints a report
	@$(PYTHON) -m bench

docs: bootstrap ## write the pages that are generated from code
	@$(PYTHON) -m docs.generate

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

bootstrap:
	@sh bin/bootstrap
