# Front door of the repository. Every target is one command of a Python package;
# `python3 -m devtools --help` lists the options.

PYTHON ?= python3
DEVTOOLS := $(PYTHON) -m devtools
ARGS ?=
ONLY ?=
COMPONENT ?=
TARGET ?= previous

.DEFAULT_GOAL := help
.PHONY: help setup assets run stop status reset test soak lint audit infra-check bench recovery-drill lock test-18 \
	pipeline pipeline-gps pipeline-odoo pipeline-rollback pipeline-test platform-test pipeline-down

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## virtualenvs, Odoo, front-end files, database template
	@$(DEVTOOLS) setup

assets: ## third-party front-end files of the addon, from npm
	@$(DEVTOOLS) assets

run: ## start the whole system; Ctrl-C ends it (ARGS="--detach --no-simulator")
	@$(DEVTOOLS) run $(ARGS)

stop: ## end what `make run` started
	@$(DEVTOOLS) stop

status: ## what runs, where, and how to log in
	@$(DEVTOOLS) status

reset: ## stop, and delete the data
	@$(DEVTOOLS) reset

test: ## every check and every test (ONLY=gps, ONLY=mypy, ADVISORIES=DIR)
	@$(DEVTOOLS) test --only "$(ONLY)"

soak: ## the fault tests in their long form, an hour and more (ONLY=gps, ONLY=e2e)
	@$(DEVTOOLS) soak --only "$(ONLY)"

lint: ## the static checks (ONLY=...)
	@$(DEVTOOLS) lint --only "$(ONLY)"

audit: ## locked dependencies against advisories (ADVISORIES=DIR)
	@$(DEVTOOLS) audit --only "$(ONLY)"

infra-check: ## Terraform code, manifests, alerts, offline (ARGS=--mutations)
	@$(DEVTOOLS) infra-check $(ARGS)

bench: ## what a fix costs; ARGS=--write keeps it in docs (ARGS=--help)
	@$(DEVTOOLS) bench $(ARGS)

recovery-drill: ## lose a GPS database and restore it to a point in time
	@$(DEVTOOLS) recovery-drill $(ARGS)

lock: ## compile the requirements anew (ARGS=--upgrade)
	@$(DEVTOOLS) lock $(ARGS)

test-18: ## the addon's tests on Odoo 18.0 (ODOO_HOME=/path/to/its/source)
	@$(DEVTOOLS) test-18

pipeline: ## both delivery pipelines on this machine, as root (ARGS="--approve-as NAME")
	@$(DEVTOOLS) pipeline gps odoo $(ARGS)

pipeline-gps: ## pl-gps-001 alone
	@$(DEVTOOLS) pipeline gps $(ARGS)

pipeline-odoo: ## pl-odoo-001 alone
	@$(DEVTOOLS) pipeline odoo $(ARGS)

pipeline-rollback: ## production back (COMPONENT=tms-odoo, TARGET=previous)
	@$(DEVTOOLS) pipeline-rollback "$(COMPONENT)" --target "$(TARGET)" $(ARGS)

pipeline-test: ## make every gate of the pipelines fail, as root (ONLY=lint)
	@$(DEVTOOLS) pipeline-test --only "$(ONLY)"

platform-test: ## the local platform up and down for real, as root; none may be up (ONLY=...)
	@$(DEVTOOLS) platform-test --only "$(ONLY)"

pipeline-down: ## the local platform down; proves that the machine is as before
	@$(DEVTOOLS) pipeline-down
