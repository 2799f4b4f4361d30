# `make` lists the targets. A machine needs Python 3.10 or newer, and make.
PYTHON ?= python3
BIN := .venv/bin
# So that the CDK CLI finds the Python of the app, and the app finds Node.
export PATH := $(CURDIR)/$(BIN):$(PATH)
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# pip's output as a count, and whole where it is about an error.
PROGRESS := /^Collecting / { printf "\r%4d packages", ++n; fflush() } \
	/^Installing collected/ { print " fetched, installing them" } \
	/^ *(ERROR|WARNING|error)/ { wrong = 1 } wrong { print } /^pip failed/ { failed = 1 } \
	END { exit failed }

PACKAGES := .venv/.complete
TOOLS := node_modules/.complete

.PHONY: help setup demo demo-org test synth snapshot lint format type bench plot catalog generate release-check release tag scanners screenshot dist lock clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s%s\n", $$1, $$2 }' Makefile

setup: $(PACKAGES) $(TOOLS) ## Set up Python packages, Node, the CDK CLI and the simulator

$(PACKAGES): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "pump-roles needs Python 3.10 or newer, this is " + sys.version)'
	@echo "Setting up once: Python packages and Node into .venv (a minute or two)"
	@$(PYTHON) -m venv --clear .venv
	@{ $(BIN)/pip install --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.txt 2>&1 \
		|| echo "pip failed"; } | awk '$(PROGRESS)'
	@$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(TOOLS): package.json package-lock.json $(PACKAGES)
	@echo "Setting up once: the CDK CLI and the policy simulator into node_modules"
	@$(BIN)/npm ci --no-audit --no-fund
	@touch $@

demo: setup ## Deploy both roles to an embedded AWS, and show who may do what
	@echo "This takes about 20 seconds on 2 cores."
	@$(BIN)/python -m sandbox.demo

demo-org: setup ## Roll both roles out across an emulated organization, and show who has them
	@echo "This takes about 10 seconds on 2 cores."
	@$(BIN)/python -m sandbox.demo_organization

test: setup ## Run the whole test suite
	@echo "This takes about 6 minutes on 2 cores."
	@$(BIN)/python -m pytest -n auto --dist worksteal

synth: setup ## Write the templates to cdk.out
	@$(BIN)/node node_modules/aws-cdk/bin/cdk synth --quiet

snapshot: generate ## Accept the templates as they are now; look at the difference before you commit
	@$(BIN)/python -m pytest tests/snapshot --snapshot-update

lint: setup ## Check the style of the code
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

format: setup ## Put the code into the style that lint checks
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

type: setup ## Check the types, strictly
	@$(BIN)/mypy

bench: setup ## Measure speed and size, for docs/performance.md
	@$(BIN)/python -m bench

plot: setup ## Draw how long a rollout takes, for docs/organizations.md
	@$(BIN)/uv run --quiet --isolated --no-project --with matplotlib==3.10.8 --python $(BIN)/python python -m bench.rollout_time

catalog: setup ## Update the action catalog from the pinned package, and print what wildcards newly grant
	@$(BIN)/python -m sandbox.make_catalog

generate: setup ## Write the files that are generated from the published roles; review the difference before you commit
	@$(BIN)/python -m release.generate

release-check: setup ## Check that PERMISSIONS.md says what changes for the roles since the last release
	@$(BIN)/python -m release.check

release: setup ## Prepare the commit of a release: make release VERSION=0.2.0
	@echo "This takes about 30 seconds on 2 cores."
	@$(BIN)/python -m release.prepare "$(VERSION)"

tag: setup ## Tag the release that was prepared and committed; pushes nothing
	@$(BIN)/python -m release.tag

scanners: setup ## Run other scanners over the templates, for docs/scanners.md
	@echo "This takes about 1 minute on 2 cores."
	@$(BIN)/python -m sandbox.scanners

screenshot: setup ## Draw the permission report for the README; needs Chromium
	@$(BIN)/python -m sandbox.screenshot

dist: setup ## Write the files of a release to dist, with their checksums
	@$(BIN)/python -m release.dist

lock: setup ## Pin what pyproject.toml and package.json ask for
	@$(BIN)/uv pip compile pyproject.toml --group dev --extra review --output-file requirements-dev.txt $(PIN)
	@$(BIN)/uv pip compile pyproject.toml --group app --output-file requirements.txt --constraint requirements-dev.txt $(PIN)
	@$(BIN)/npm install --package-lock-only

PIN := --quiet --no-annotate --universal --python-version 3.10 --generate-hashes --no-emit-find-links --no-emit-index-url --custom-compile-command "make lock"

clean: ## Remove everything that make made
	@rm -rf .venv node_modules cdk.out dist .dist-* .mypy_cache .pytest_cache .ruff_cache .hypothesis
