# `make` lists the targets. A machine needs Python 3.10 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
# So that the CDK CLI finds the Python of the app, and the app finds Node.
export PATH := $(CURDIR)/$(BIN):$(PATH)
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Shows pip's output as a count, but errors and warnings in full.
PROGRESS := /^Collecting / { printf "\r%4d packages", ++n; fflush() } \
	/^Installing collected/ { print " fetched, installing them" } \
	/^ *(ERROR|WARNING|error)/ { wrong = 1 } wrong { print } /^pip failed/ { failed = 1 } \
	END { exit failed }
PIP := $(BIN)/pip install --disable-pip-version-check --no-deps
install = { $(PIP) --require-hashes --requirement $(1) 2>&1 || echo "pip failed"; } | awk '$(PROGRESS)'

# Each contains the one before it: what a deployment needs, the command pump-roles, and everything else.
DEPLOY := .venv/.deploy node_modules/.deploy
REVIEW := $(DEPLOY) .venv/.review
DEVELOP := $(REVIEW) .venv/.develop node_modules/.develop
BROWSER := $(DEVELOP) .venv/.browser

.PHONY: help setup setup-review setup-develop demo demo-org sandbox smoke smoke-org check test pythons versions lint type fix synth snapshot generate catalog attributes screenshot bench site dist release-check release lock clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' Makefile

setup: $(DEPLOY) ## Set up what a deployment needs: Python packages, Node, and the CDK CLI

setup-review: $(REVIEW) ## Also set up the command pump-roles

setup-develop: $(BROWSER) ## Also set up what the demos, the tests, and development need

# A changed file recreates .venv, so that packages that are no longer listed are removed.
.venv/.deploy: requirements.txt requirements-review.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "pump-roles needs Python 3.10 or newer, this is " + sys.version)'
	@echo "Setting up once: what a deployment needs, into .venv (about 30 seconds)"
	@$(PYTHON) -m venv --clear .venv
	@$(call install,requirements.txt)
	@touch $@

.venv/.review: .venv/.deploy
	@echo "Setting up once: the command pump-roles, into .venv"
	@$(call install,requirements-review.txt)
	@$(PIP) --quiet --no-build-isolation --editable .
	@touch $@

.venv/.develop: .venv/.review
	@echo "Setting up once: what the demos and the tests need, into .venv (about 30 seconds)"
	@$(call install,requirements-dev.txt)
	@printf '#!/bin/sh\n$(AWS_CLI)\n' > $(BIN)/aws
	@touch $@

.venv/.browser: .venv/.develop
	@$(BIN)/python -m tools.sandbox.browser install
	@touch $@

node_modules/.deploy: package.json package-lock.json .venv/.deploy
	@echo "Setting up once: the CDK CLI, into node_modules"
	@$(BIN)/npm ci --omit=dev
	@touch $@

node_modules/.develop: node_modules/.deploy
	@echo "Setting up once: the policy simulator, into node_modules"
	@$(BIN)/npm ci
	@touch node_modules/.deploy $@

# pip's has the path of Python, without quotes. Version 1 of the AWS CLI ignores AWS_ENDPOINT_URL for some services.
AWS_CLI := exec "$${0%%/*}/python" -m awscli $${AWS_ENDPOINT_URL:+--endpoint-url "$$AWS_ENDPOINT_URL"} "$$@"

demo: $(DEVELOP) ## Deploy both roles to an AWS emulator, and show who can do what
	@echo "This takes about 30 seconds on 2 cores."
	@$(BIN)/python -m tools.sandbox.demo

demo-org: $(DEVELOP) ## Roll both roles out across an emulated organization, protect them, and stop Pump
	@echo "This takes about 40 seconds on 2 cores."
	@$(BIN)/python -m tools.sandbox.demo_organization

sandbox: $(DEVELOP) ## Open a shell in which AWS is the emulator, to try the commands of the guides
	@$(BIN)/python -m tools.sandbox.shell

smoke: $(DEVELOP) ## Deploy the read-only role to the account of your AWS credentials, check it, and delete it
	@$(BIN)/python -m tools.sandbox.smoke $(PROFILE)

smoke-org: $(DEVELOP) ## Deploy everything to a unit of a sandbox organization, try it, and remove it: ACCOUNT= UNIT= MEMBERS= REGION= EMAIL=
	@$(BIN)/python -m tools.sandbox.smoke_organization "$(ACCOUNT)" "$(UNIT)" "$(MEMBERS)" "$(REGION)" "$(EMAIL)"

# Without it, each worker would prepare the assertions of each file again, which takes 10 seconds.
check test: export PYTHONDONTWRITEBYTECODE =

check: lint type $(BROWSER) ## Run what CI runs: also the slow tests, and more examples of each property
	@echo "This takes about 7 minutes on 2 cores."
	@HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n auto --dist worksteal -m "not versions"
	@$(BIN)/python -m tools.sandbox.browser

test: $(BROWSER) ## Run the tests, without the slow ones
	@echo "This takes about 2 minutes on 2 cores."
	@$(BIN)/python -m pytest -n auto --dist worksteal
	@$(BIN)/python -m tools.sandbox.browser

# It needs no environment: each clone gets its own.
pythons: ## Run the tests on each Python of this machine, each in a clone; TARGETS="demo test"
	@$(PYTHON) -m tools.sandbox.pythons $(or $(TARGETS),test)

synth: $(DEPLOY) ## Write the templates to cdk.out
	@$(BIN)/node node_modules/aws-cdk/bin/cdk synth --quiet

snapshot: generate ## Accept the templates as they are now; review the difference before you commit
	@$(BIN)/python -m pytest tests/snapshot --snapshot-update

versions: $(DEVELOP) ## Test the wheel with the lowest and the newest aws-cdk-lib that the package accepts
	@echo "This takes about 3 minutes on 2 cores."
	@$(BIN)/python -m pytest -m versions

lint: $(DEVELOP) ## Check the style of the code
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

fix: $(DEVELOP) ## Fix the style of the code, where this can be automated
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

type: $(DEVELOP) ## Check the types, strictly
	@$(BIN)/mypy
	@$(BIN)/node node_modules/pyright/index.js

bench: $(BROWSER) ## Measure speed and size, for tools/bench/README.md
	@$(BIN)/python -m tools.bench

catalog: $(DEVELOP) ## Update the action catalog from the pinned package, and print the actions that wildcards newly grant
	@$(BIN)/python -m tools.sandbox.make_catalog

attributes: $(DEVELOP) ## Update which names of resources AWS makes, from the resource schemas in cfn-lint
	@$(BIN)/python -m tools.sandbox.make_attributes

generate: $(DEVELOP) ## Write the files that are generated from the published roles; review the difference before you commit
	@$(BIN)/python -m tools.release.generate

release-check: $(DEVELOP) ## Check that PERMISSIONS.md lists what lets the roles do more
	@$(BIN)/python -m tools.release.check

release: $(DEVELOP) ## Prepare the commit of a release: make release VERSION=0.2.0
	@$(BIN)/python -m tools.release.check --notice
	@test "$$($(BIN)/python -m hatchling version)" = $(or $(VERSION),$(error pass a version, such as: make release VERSION=0.2.0)) || \
		$(BIN)/python -m hatchling version $(VERSION)
	@$(BIN)/towncrier build --yes --version $(VERSION)
	@$(MAKE) --no-print-directory snapshot
	@$(BIN)/python -m pump_roles report pump_roles/universal --format csv --keep tools/release/released.json > /dev/null

screenshot: $(BROWSER) ## Draw the picture of the README
	@$(BIN)/python -m tools.sandbox.screenshot

site: $(DEVELOP) ## Build the documentation as a website, in site; open site/index.html
	@$(BIN)/python -m tools.site

dist: $(DEVELOP) ## Write the files of a release to dist, with their checksums
	@$(BIN)/python -m tools.release.dist

lock: $(DEVELOP) ## Pin what pyproject.toml and package.json ask for
	@$(BIN)/uv pip compile pyproject.toml --group dev --extra review --output-file requirements-dev.txt $(PIN)
	@$(BIN)/uv pip compile pyproject.toml --group editable --extra review --output-file requirements-review.txt --constraint requirements-dev.txt $(PIN)
	@$(BIN)/uv pip compile pyproject.toml --group app --output-file requirements.txt --constraint requirements-dev.txt $(PIN)
	@$(BIN)/npm install --package-lock-only

PIN := --quiet --no-annotate --universal --python-version 3.10 --generate-hashes --no-emit-find-links --no-emit-index-url --custom-compile-command "make lock"

clean: ## Remove everything that make created
	@rm -rf .venv node_modules cdk.out examples/*/cdk.out dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
