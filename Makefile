# SPDX-License-Identifier: GPL-3.0-or-later
# Everything a contributor runs; `make help` lists it.

PYTHON ?= python3
UV_VERSION := >=0.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
PROJECTS := $(wildcard pyproject.toml uv.lock plugins/*/pyproject.toml provisioners/*/pyproject.toml)
# Sent to hosts, where Python may be as old as 3.6.
HELPER := $(wildcard jetpack_core/connections/remote/helper plugins/download/src/jetpack_plugin_download/onhost plugins/unpack/src/jetpack_plugin_unpack/onhost)
# Typed with the product: their own folders, not the whole tree, so that a virtual environment is never walked.
TYPED := $(wildcard jetpack_core tests benchmarks website plugins/*/src plugins/*/tests provisioners/*/src provisioners/*/tests)
# libvirt-python is compiled; where it cannot be, its provisioner is left out and the tests of it are skipped.
CAN_COMPILE = pkg-config --exists libvirt && command -v cc && $(PYTHON) -c 'import os, sysconfig; os.stat(sysconfig.get_path("include") + "/Python.h")'
LEFT_OUT = $(shell { $(CAN_COMPILE); } >/dev/null 2>&1 || echo --no-install-package libvirt-python --no-install-package jetpack-provisioner-libvirt)
WORKERS ?= 2
# What needs no server, no root, and few seconds; where every test is required, all are run.
QUICK := not slow and not docker and not ssh and not root
QUICK_FOLDERS := $(filter-out $(addprefix tests/unit/,docs conversion provisioning testing reports benchmarking __pycache__),$(wildcard tests/unit/*))
QUICKLY = --hypothesis-profile quick -m '$(QUICK)' $(QUICK_FOLDERS)
ARGS ?=

# uv installs into the environment made here, and never fetches a Python of its own.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
# It would tell those who run `make docs` of its plans.
export NO_MKDOCS_2_WARNING := 1

.PHONY: help venv demo test test-all images check format bench docs clean
.DEFAULT_GOAL := help

help: ## Show this list
	@echo 'Needs: make, Python 3.11 or newer with its venv module (Debian: apt install make python3-venv).'
	@echo 'test-all also needs, as root: docker, debootstrap and the OpenSSH client; what finds none is skipped.'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

venv: $(STAMP) ## Make or renew .venv with everything locked in uv.lock

$(STAMP): $(PROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo 'error: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	    || { echo 'error: $(PYTHON) has no venv module; on Debian: apt install python3-venv' >&2; exit 1; }
	@echo 'Installing what uv.lock names into $(VENV); the first time, that takes a minute or two.'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv$(UV_VERSION)'
	@$(BIN)/uv sync --frozen --all-packages --quiet $(LEFT_OUT)
	@touch $@

demo: $(STAMP) ## Run the demonstration playbook, twice, on this machine
	@JETPACK="$(CURDIR)/$(BIN)/jetpack" examples/demo/run.sh

test: $(STAMP) ## Run the quick tests of the core, which need no server and no root
	@echo '$(if $(filter 1,$(JETPACK_REQUIRE_ALL)),Every test,The quick tests of the core; all: make test-all)'
	@$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(if $(filter 1,$(JETPACK_REQUIRE_ALL)),,$(QUICKLY)) $(ARGS)

test-all: $(STAMP) ## Run every test; those that need a server it does not find are skipped with the reason
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

images: $(STAMP) ## Make the images of the test hosts now rather than in the first test that needs one
	$(BIN)/python -m tests.integration.fleet

check: $(STAMP) ## Lint, format, types, floors, and the remote helper's syntax
	$(BIN)/uv lock --check --quiet
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(TYPED)
	$(BIN)/lint-imports --no-logo
	$(if $(HELPER),$(BIN)/vermin --quiet --no-tips --violations --target=3.6- $(HELPER))

format: $(STAMP) ## Rewrite the code as the formatter and the safe fixes want it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure start-up, loading and runs
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMP) ## Make the site of docs/, which opens from disk: site/index.html
	$(BIN)/mkdocs --quiet build --strict --config-file website/mkdocs.yml

clean: ## Remove the environment and every cache
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
