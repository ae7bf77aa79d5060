# Front door of the repository. Every target is one command of a Python package;
# `python3 -m devtools --help` lists the options.

PYTHON ?= python3
DEVTOOLS := $(PYTHON) -m devtools
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup assets run stop status reset test-18

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

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

test-18: ## the addon's tests on Odoo 18.0 (ODOO_HOME=/path/to/its/source)
	@$(DEVTOOLS) test-18
