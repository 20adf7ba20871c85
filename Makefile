# `make` alone lists the targets. Each needs Python >= 3.11 and make; the container ones need Docker.

PYTHON ?= python3
VENV := .venv/bin
PORT ?= 5000
TEST_WORKERS ?= 4
URL ?= http://localhost:$(PORT)
DOCKER ?= docker
IMAGE ?= discount-service
CONTAINER ?= discount-service
METRICS_PORT ?= 5001
SBOM ?= build/sbom.cdx.json
export PORT
# Or every interpreter that a test starts would compile what it imports, seconds of work, anew.
unexport PYTHONDONTWRITEBYTECODE
# Prints what runs side by side one after the other; GNU make older than 4 mixes it.
SIDE_BY_SIDE = $(MAKE) --no-print-directory --keep-going --jobs 3 \
	$(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
# Most tests of processes wait rather than work; a file that shares a service stays in one worker.
IN_PARALLEL = --numprocesses=$(TEST_WORKERS) --dist=loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install install-runtime install-bench system-packages run check test test-long \
	test-models test-random test-unit test-unit-waiting coverage lint lint-style lint-types lint-imports lint-dockerfile \
	lint-workflows lint-manifests lint-api format drill bench bench-quick bench-growth bench-bulk monitor alert-drill attack \
	run-tests-api lock smoke sbom clean build start stop restart start-interactive run-shell \
	container-keys container-tables

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Install into .venv everything to run, test and lint
	@$(PYTHON) .ci/install.py

install-runtime: # what is there for tests and lint stays
	@$(PYTHON) .ci/install.py run

system-packages: ## Install the system packages that tests need (Debian, as root or with sudo)
	@.ci/system-packages

run: install-runtime ## Run a server on 127.0.0.1:5000 (PORT=) and a job worker, with a development key and var/discount.db
	@exec $(VENV)/discount run --upgrade --hints

check: install ## Check style, types and imports, and run the unit tests, in seconds: before each commit
	@$(SIDE_BY_SIDE) test-unit-waiting test-unit lint-types lint-imports lint-style

test: install ## Run every test (TESTS='tests/store -k sqlite')
	$(VENV)/pytest $(IN_PARALLEL) --durations=20 $(TESTS)

test-long: install ## Run the long tests, one after the other (TESTS=)
	$(VENV)/pytest -m long --durations=20 $(TESTS)

test-random: install ## Run every test in random order (SEED= repeats an order)
	$(VENV)/pytest $(IN_PARALLEL) --random-order $(if $(SEED),--random-order-seed=$(SEED)) $(TESTS)

# In two parts, as some wait more than they work, and pytest-xdist would import everything thrice.
WAITING := tests/unit/auth
UNIT_TEST = $(VENV)/pytest --quiet --hypothesis-profile=check

test-unit:
	$(UNIT_TEST) tests/unit $(WAITING:%=--ignore=%)

test-unit-waiting:
	$(UNIT_TEST) $(WAITING)

coverage: install ## Run every test, and list uncovered lines and branches; takes long (TESTS=)
	TEST_WORKERS=$(TEST_WORKERS) .ci/coverage $(TESTS)

lint: install ## Check style, types, imports, the Dockerfile, workflows and manifests
	@$(SIDE_BY_SIDE) lint-manifests lint-types lint-style lint-imports lint-dockerfile lint-workflows

lint-style:
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .

lint-types:
	$(VENV)/mypy

lint-imports:
	$(VENV)/lint-imports

lint-dockerfile:
	$(VENV)/hadolint Dockerfile

lint-workflows:
	$(VENV)/zizmor --quiet --offline .github

lint-manifests:
	.ci/checkov

lint-api: install ## Check the OpenAPI document with spectral and redocly (needs Node 20.19 or newer)
	.ci/lint-api

format: install ## Format the code, and fix what the linter can fix
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

test-models: install ## Compare random calls with models of the contract, for long
	HYPOTHESIS_PROFILE=long $(VENV)/pytest --timeout 0 tests/api/contract/test_model.py \
		tests/api/life/test_model.py tests/history/test_simulated.py

drill: install ## Inject faults and check every answer (DRILL_MINUTES=, DRILL_ENGINE=, DRILL_SEED=)
	$(VENV)/python -m tests.tools.history.drill

bench: install-bench ## Benchmark the service and its alternatives; most of an hour (ROUNDS=, SECONDS=)
	$(VENV)/python -m tests.tools.load --rounds $(or $(ROUNDS),9) --seconds $(or $(SECONDS),4)

bench-quick: install-bench ## Run the benchmark in three minutes, with smaller pools
	$(VENV)/python -m tests.tools.load --quick --rounds $(or $(ROUNDS),3) --seconds $(or $(SECONDS),0.6)

bench-growth: install-bench ## Measure the store's calls in pools of up to 10 M codes (LARGEST=)
	$(VENV)/python -m tests.tools.load.growth --largest $(or $(LARGEST),10000000)

install-bench: install
	@$(VENV)/python -m pip --quiet --disable-pip-version-check install --require-hashes \
		--no-build-isolation --requirement config/requirements-bench.txt || \
		echo "Not everything could be installed: the table will say what was not measured." >&2

bench-bulk: install ## Measure bulk work against the limit of each engine (COUNT=1000000)
	$(VENV)/python -m tests.tools.load.bulk --count $(or $(COUNT),1000000)

monitor: install ## Monitor the service on this machine with Prometheus and Alertmanager
	$(VENV)/python -m tests.tools.monitoring.stack

alert-drill: install ## Cause every fault and wait for its alert; half an hour (DRILL_FACTOR=1)
	$(VENV)/python -m tests.tools.monitoring.drill --factor $(or $(DRILL_FACTOR),1)

attack: install ## Attack a real service, alone and behind HAProxy and nginx where installed
	$(VENV)/python -m tests.tools.attack --seconds $(or $(SECONDS),4)

screenshots: install ## Take pictures of the pages (build/screenshots) and renew the README's
	$(VENV)/python -m tests.tools.screenshots

run-tests-api: install ## Run black-box tests against a running service (URL=, TOKEN=)
	URL=$(URL) $(VENV)/pytest tests/api/blackbox

lock: ## Renew the lock files (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml --extra tracing --output-file config/requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header pyproject.toml --extra tracing --group dev --constraint config/requirements.txt \
		--output-file config/requirements-dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group build --constraint config/requirements-dev.txt \
		--output-file config/requirements-build.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group bench --constraint config/requirements-dev.txt \
		--output-file config/requirements-bench.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group checkov --output-file config/requirements-checkov.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --group sbom --output-file config/requirements-sbom.txt

smoke: install ## Run what deploy/k8s renders with podman (as root, on Debian)
	PATH="$$PATH:/usr/sbin" $(VENV)/python -m tests.tools.smoke.run

sbom: ## Write the bill of materials to build/sbom.cdx.json (CycloneDX)
	@$(PYTHON) .ci/install.py sbom
	@mkdir -p $(dir $(SBOM))
	@.venv-sbom/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--output-file $(SBOM) config/requirements.txt

clean: ## Remove everything installed and generated, except var/
	rm -rf .venv* build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The container way. DOCKER=podman works as well. Keys and data are in volumes of their own.
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
REVISION = $(shell git describe --always --dirty --abbrev=40 --exclude '*' 2>/dev/null || echo unknown)
KEYS := /etc/discount/keys
CONFINED := --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges
ONE_OFF = $(DOCKER) run --rm $(CONFINED) \
	--volume $(CONTAINER)-data:/var/lib/discount --volume $(CONTAINER)-keys:$(KEYS):ro \
	--env DISCOUNT_JWT_SECRET_FILE=$(KEYS)/jwt-secret \
	--env DISCOUNT_PSEUDONYM_KEY_FILE=$(KEYS)/pseudonym-key \
	--env DISCOUNT_ERASURE_KEY_FILE=$(KEYS)/erasure-key
SERVICE = $(ONE_OFF:--rm=) --name $(CONTAINER) --stop-timeout 40 \
	--publish 127.0.0.1:$(PORT):5000 --publish 127.0.0.1:$(METRICS_PORT):5001
NEW_KEY := import secrets; print(secrets.token_urlsafe(48))
READY := import urllib.request as r; r.urlopen("http://127.0.0.1:5000/readyz")

build: ## Build the container image
	$(DOCKER) build --tag $(IMAGE) --tag $(IMAGE):$(VERSION) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$(REVISION) \
		$(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) .

container-keys:
	@$(DOCKER) image inspect $(IMAGE) >/dev/null 2>&1 || $(MAKE) --no-print-directory build
	@$(DOCKER) run --rm --user 0 --volume $(CONTAINER)-keys:$(KEYS) --entrypoint sh $(IMAGE) -euc \
		'umask 277; cd $(KEYS); for key in jwt-secret pseudonym-key erasure-key; do [ -s $$key ] || \
		{ python -c "$(NEW_KEY)" > $$key; chown --reference /var/lib/discount $$key; }; done'

container-tables: container-keys
	@$(ONE_OFF) $(IMAGE) db upgrade

start: container-tables ## Run the service in a container on 127.0.0.1:5000 (PORT=, METRICS_PORT=)
	@$(DOCKER) rm $(CONTAINER) >/dev/null 2>&1 || true # what an earlier boot left
	@$(SERVICE) --detach --restart unless-stopped $(IMAGE) >/dev/null
	@n=0; until $(DOCKER) exec $(CONTAINER) python -c '$(READY)' >/dev/null 2>&1; do sleep 1; \
		[ $$((n += 1)) -lt 30 ] || { $(DOCKER) logs --tail 20 $(CONTAINER); exit 1; }; done
	@echo "A token:  $(DOCKER) exec $(CONTAINER) discount token --subject me --brand '*'"
	@echo "Try it:   http://127.0.0.1:$(PORT)/apidocs/"

stop: ## Stop the container, and keep its data
	@! $(DOCKER) container inspect $(CONTAINER) >/dev/null 2>&1 || \
		{ $(DOCKER) stop $(CONTAINER) && $(DOCKER) rm $(CONTAINER); } >/dev/null

restart: stop ## Stop and start the container
	@$(MAKE) --no-print-directory start

start-interactive: container-tables ## Run the service in a container in the foreground
	@$(SERVICE) --rm --interactive --tty $(IMAGE)

run-shell: container-keys ## Open a shell in a container with the service's data and keys
	@$(ONE_OFF) --interactive --tty --entrypoint sh $(IMAGE)
