# Every habit has a name; `make` lists them. A machine needs Python 3.10 or newer, and make.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PACKAGES := .venv/.complete
TOOLS := node_modules/.complete

.PHONY: help setup demo test synth snapshot lint format type bench wheel lock clean

help: ## List what make can do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

setup: $(PACKAGES) $(TOOLS) ## Set up Python packages, Node, the CDK CLI and the simulator

$(PACKAGES): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "pump-roles needs Python 3.10 or newer, this is " + sys.version)'
	@echo "Setting up once: Python packages and Node into .venv (a minute or two)"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --disable-pip-version-check --no-deps --require-hashes --requirement requirements-dev.txt
	@touch $@

$(TOOLS): package.json package-lock.json $(PACKAGES)
	@echo "Setting up once: the CDK CLI and the policy simulator into node_modules"
	@npm ci --no-audit --no-fund
	@touch $@

demo: setup ## Deploy both roles onto an embedded AWS, and show who may do what
	@python -m sandbox.demo

test: setup ## Run the whole test suite
	@python -m pytest -n auto

synth: setup ## Write the templates to cdk.out
	@cdk synth --quiet

snapshot: setup ## Accept the templates as they are now; look at the difference before you commit
	@python -m pytest tests/snapshot --snapshot-update

lint: setup ## Check the style of the code
	@ruff check
	@ruff format --check

format: setup ## Put the code into the style that lint checks
	@ruff check --fix
	@ruff format

type: setup ## Check the types, strictly
	@mypy

bench: setup ## Measure speed and size as ratios, for docs/performance.md
	@python -m bench

wheel: setup ## Build the library's wheel into dist
	@python -m hatchling build --target wheel

lock: setup ## Pin what pyproject.toml and package.json ask for
	@uv pip compile pyproject.toml --group dev --output-file requirements-dev.txt $(PIN)
	@uv pip compile pyproject.toml --group app --output-file requirements.txt --constraint requirements-dev.txt $(PIN)
	@npm install --package-lock-only

PIN := --quiet --no-annotate --universal --python-version 3.10 --generate-hashes --no-emit-find-links --no-emit-index-url --custom-compile-command "make lock"

clean: ## Remove everything that make made
	@rm -rf .venv node_modules cdk.out dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
