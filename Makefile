# Convenience around `pulumi up`; `make help` lists the targets.
STACK ?= dev
PYTHON ?= python3
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv/bin
SANDBOX := $(VENV)/sandbox
# Pulumi, kubectl and buildx of this shell talk to the sandbox; your own logins are not touched.
IN_SANDBOX := eval "$$($(SANDBOX) env)";

# The passphrase of a sandbox is its own, and so is the salt that pulumi writes into the stack's file.
# The state keeps the salt as well; the file needs it only if it has secrets.
FORGET_SALT := grep -q 'secure:' Pulumi.$(STACK).yaml || sed -i '/^encryptionsalt: /d' Pulumi.$(STACK).yaml
SELECT := trap "$(FORGET_SALT)" EXIT; pulumi stack select --create $(STACK) >/dev/null

.PHONY: up
up: sandbox ## Build, push and deploy the stack (STACK=dev), and show what runs
	@$(IN_SANDBOX) $(SELECT); \
	pulumi up --stack $(STACK) --yes --skip-preview; \
	pulumi stack --stack $(STACK); \
	url=$$(pulumi stack output --stack $(STACK) url); \
	echo; echo "Running at $$url, which answers:"; \
	curl --fail --silent --show-error --retry 5 --retry-all-errors "$$url/?format=text"

.PHONY: preview
preview: sandbox ## Show what `make up` would change
	@$(IN_SANDBOX) $(SELECT); pulumi preview --stack $(STACK) --diff

.PHONY: destroy
destroy: sandbox ## Delete everything that the stack created
	@$(IN_SANDBOX) $(SELECT); pulumi destroy --stack $(STACK) --yes --skip-preview

# Tests use another instance of the sandbox: they break it, and need the capacity of its nodes.
TEST_SANDBOX ?= slipway-test
test e2e: export SANDBOX_NAME = $(TEST_SANDBOX)
# These suites break or load the platform, measure, or inspect the whole machine, and so run alone.
ALONE := $(addprefix tests/e2e/,faults load/test_load.py security sandbox/test_machine.py)
# Most of these need a store, a Docker engine, an ingress controller or a Prometheus, which take memory: they come
# last. The bad versions mostly wait, and need much of the nodes.
LAST := $(addprefix tests/e2e/,postgres docker doors prometheus load/test_bad_versions.py)
FIRST := tests/e2e $(addprefix --ignore=,$(ALONE) $(LAST))
# All but those that run alone mostly wait for rollouts: several workers share them.
WORKERS ?= 3
TOGETHER := -n $(WORKERS) --no-loadscope-reorder

.PHONY: test
test: packages venv ## Check the code and run all tests, on a new platform for tests that stops at the end
	@$(SANDBOX) preflight
	@$(SANDBOX) purge
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check unit
	@trap "$(SANDBOX) down" EXIT; $(MAKE) --no-print-directory e2e

.PHONY: e2e
e2e: packages venv ## Run the tests on the platform for tests, which stays up (E2E=… selects some of them)
	@$(SANDBOX) up --wait
	@$(IN_SANDBOX) failed=; \
	run() { $(VENV)/pytest --durations=10 --durations-min=20 "$$@" || failed+="  pytest $$*"$$'\n'; }; \
	$(if $(E2E),run $(E2E),run $(TOGETHER) $(FIRST)$(foreach suite,$(ALONE),; run $(suite)); \
	$(SANDBOX) up --wait --docker --store --postgres --ingress --prometheus; run $(TOGETHER) $(LAST)); \
	[ -z "$$failed" ] || { printf 'These tests failed:\n%s' "$$failed" >&2; exit 1; }

.PHONY: soak
soak: export SOAK := 1
soak: E2E := $(addprefix tests/e2e/,load doors examples faults docker models postgres slipway/promotion slipway/test_capacity_soak.py program/test_stacks.py sandbox) tests/unit/slipway/preview
soak: e2e ## Run the long forms: many versions under load, kills, promotions interrupted at every step

.PHONY: unit
unit: venv ## Run the fast tests: no cluster, no network
	@$(VENV)/pytest tests/unit

.PHONY: check
check: venv ## Lint and type-check
	@$(VENV)/ruff format --check . && $(VENV)/ruff check . && $(VENV)/mypy
	@$(VENV)/hadolint $$(git ls-files "*Dockerfile")
	@$(VENV)/zizmor --offline --quiet .github

.PHONY: fmt
fmt: venv ## Format the code, and fix what the linter can fix
	@$(VENV)/ruff check --fix . ; $(VENV)/ruff format .

.PHONY: lock
lock: venv ## Resolve requirements.in into requirements.txt, with hashes
	@$(VENV)/uv pip compile --no-config --quiet --universal --generate-hashes --python-version 3.11 requirements.in -o requirements.txt

# A stack on a Docker engine needs one, and the plugin for it.
.PHONY: sandbox
sandbox: packages venv ## Start (or repair) the local platform
	@$(SANDBOX) up $$(grep -qs 'runtime: docker' Pulumi.$(STACK).yaml && echo --docker)

.PHONY: down
down: venv ## Stop the local platform and the one for tests; keep their data
	@$(SANDBOX) down
	@SANDBOX_NAME=$(TEST_SANDBOX) $(SANDBOX) down

.PHONY: packages
packages: ## Install the Debian packages that the local platform needs (the only step that does)
	@./sandbox/packages.sh

.PHONY: browser
browser: ## Install Debian's Chromium, for the test that opens a preview's page (skipped without)
	@command -v chromium >/dev/null || apt-get install --yes --no-install-recommends chromium || \
	{ apt-get update && apt-get install --yes --no-install-recommends chromium; }

# What a new project has: the program, the commands around it, and their packages, as git has them.
TEMPLATE := Pulumi.yaml __main__.py stack components app policy slipway requirements.in requirements.txt .gitignore LICENSE

.PHONY: template
template: ## Make build/template, from which `pulumi new` makes a project
	@rm -rf build/template
	@git ls-files -z $(TEMPLATE) | git checkout-index -z --stdin --prefix=build/template/

.PHONY: venv
venv: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -m venv .venv
	@$(VENV)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(VENV)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
