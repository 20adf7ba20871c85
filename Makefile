# `make` alone lists the targets. Each needs Python >= 3.11 and make; the container ones need Docker.

PYTHON ?= python3
VENV := .venv/bin
PORT ?= 5000
URL ?= http://localhost:$(PORT)
IMAGE ?= discount-service
CONTAINER ?= discount-service
export PORT

.DEFAULT_GOAL := help
.PHONY: help install run test lint format run-tests-api lock clean \
	build start stop restart start-interactive run-shell

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install into .venv what the lock names
	@$(PYTHON) .ci/install.py

run: install ## Serve on 127.0.0.1:5000 (PORT=), with a development key and var/discount.db
	@$(VENV)/discount db upgrade
	@echo "A token:  $(VENV)/discount token --subject me --brand '*'"
	@echo "Try it:   http://127.0.0.1:$(PORT)/apidocs/"
	@exec $(VENV)/discount serve

test: install ## Run every test
	$(VENV)/pytest

lint: install ## Check style, types, imports, manifests and the Dockerfile
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports
	$(VENV)/hadolint Dockerfile
	$(VENV)/pytest tests/deploy

format: install ## Rewrite the code as the linter wants it
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

run-tests-api: install ## Black-box tests against a running service (URL=, TOKEN=)
	URL=$(URL) $(VENV)/pytest tests/api/blackbox

lock: ## Renew the locks (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml --output-file config/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml --group dev --constraint config/requirements.txt \
		--output-file config/requirements-dev.txt

clean: ## Remove what was installed and made, but not var/
	rm -rf .venv .venv.lock build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
