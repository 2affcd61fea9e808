# Everything a developer runs. Each target first makes the environment it needs; all that has to
# be there is make and a Python from 3.11 on. Two choices, on any target:
#   make test PYTHON=python3.12     another interpreter
#   make test DJANGO=5.2            another Django than the newest one for that interpreter
# ARGS are handed to the tool: make test ARGS="-k flask -x".

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env test test-quick test-django test-engines crash mysqlclient contract servers coverage lint format types docs wishes demo mixed bench bench-quick rates constraints clean

# The first one that really runs: a version manager may leave commands on PATH that only fail.
ifndef PYTHON
PYTHON := $(shell for python in python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)
endif
INTERPRETER := $(shell $(or $(PYTHON),false) -c 'import sys; print(sys.executable)' 2>/dev/null)
VERSION := $(shell $(or $(INTERPRETER),false) -c \
	'import sys; print("py%d.%d" % sys.version_info[:2])' 2>/dev/null)

ENV := .venv/$(VERSION)-dj$(or $(DJANGO),newest)
BIN := $(ENV)/bin
READY := $(ENV)/.ready
BENCH := .venv/bench-$(VERSION)
ENGINES := celery django_tasks_db dramatiq huey procrastinate rq taskiq

# An installed uv is used if it knows dependency groups; else pip brings one into a folder here.
BOOTSTRAP := .venv/bootstrap
ifneq ($(shell uv pip install --help 2>/dev/null | grep -e --group),)
UV := uv
else
UV := $(BOOTSTRAP)/bin/uv
UV_READY := $(BOOTSTRAP)/bin/uv
endif
UV_COMPILE := pip compile --quiet --universal --python-version 3.11 --all-extras --group dev \
	--strip-extras --no-annotate --no-header

# What starts many servers or many interpreters, and depends least on the version of each.
SLOW := tests/contract tests/servers tests/doctor tests/django/load tests/test_docs_code.py \
	tests/test_mixed_services.py tests/test_benchmarks.py tests/test_crash.py

help:  ## show this list
	@sed -n -E 's/^([a-z-]+):.*  ## (.*)/\1\t\2/p' Makefile | expand -t 14

env: $(READY)  ## make the environment .venv/pyX.Y-djZ
	@echo "$(ENV) is ready"

test: $(READY)  ## run the tests; the long matrices in their short form
	$(BIN)/python -m pytest -n 2 --dist loadscope $(ARGS)

test-quick: $(READY)  ## the tests without the contract, the servers, load and the code of the pages
	$(BIN)/python -m pytest -n 2 --dist loadscope $(SLOW:%=--ignore=%) $(ARGS)

test-django: mysqlclient  ## test Django on every database under load; write two tables of docs/ (long)
	$(BIN)/python -m pytest -n 2 --dist loadscope tests/django tests/test_django_example.py \
		--long --record $(ARGS)

mysqlclient: $(READY)  ## compile the usual driver of MariaDB; PyMySQL stands in where that fails
	@$(UV) pip install --quiet --python $(BIN)/python --group mysql 2>$(ENV)/mysqlclient.log \
		|| echo "mysqlclient cannot be built here (it needs a compiler, pkg-config and libmariadb-dev)"

contract: $(READY)  ## run the contract over every host and server; write its table in docs/ (long)
	$(BIN)/python -m pytest tests/contract --long --record $(ARGS)

servers: $(READY)  ## measure every server there is and write docs/servers.md (long)
	@$(UV) pip install --quiet --python $(BIN)/python --constraints constraints.txt bjoern 2>$(ENV)/bjoern.log \
		|| echo "bjoern cannot be built here (it needs libev): its row will say so"
	$(BIN)/python -m pytest tests/servers --long --record $(ARGS)

test-engines: $(UV_READY)  ## test every queue engine that tasks are handed off to, with its worker
	$(MAKE) --jobs 3 --output-sync=target $(ENGINES:%=test-engine-%)

test-engine-%: .venv/engine-%-$(VERSION)/.ready
	BGTASKS_ENGINE=$* .venv/engine-$*-$(VERSION)/bin/python -m pytest tests/engines \
		$(if $(filter django_tasks_db,$*),--ds tests.engines.django_settings) $(ARGS)

crash: $(READY)  ## kill journalled sites 100 times each and account for every task (long)
	$(BIN)/python -m tests.crash $(ARGS)

coverage: $(READY)  ## run the tests and show the lines they do not reach
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: $(READY)  ## check the style
	$(BIN)/ruff check $(ARGS)
	$(BIN)/ruff format --check

format: $(READY)  ## put the code into that style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(READY)  ## check the types with mypy (strict) and pyright
	$(BIN)/mypy $(ARGS)
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python $(ARGS)

docs: $(READY)  ## build the documentation into docs/_build/html
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html $(ARGS)
	@echo "docs/_build/html/index.html"

wishes: $(READY)  ## try what FastAPI's users ask for, with FastAPI's own class and with ours
	$(BIN)/python -m tests.fastapi.wishes

demo: $(READY)  ## run the sign-up site and show what happens when (ONCE=1: check it and end)
	$(BIN)/python -m django_example.demo $(if $(filter 1,$(ONCE)),--once) $(ARGS)

mixed: $(READY)  ## the three services and a script, together
	$(BIN)/python docs/examples/mixed/run.py $(ARGS)

bench: $(BENCH)/.ready  ## measure beside every peer and write docs/performance.md (long)
	$(BENCH)/bin/python -m benchmarks $(ARGS)

bench-quick: $(BENCH)/.ready  ## the same in few rounds; only print what is reached
	$(BENCH)/bin/python -m benchmarks --quick $(ARGS)

rates: $(BENCH)/.ready  ## measure how many tasks a second each step carries; write a table of docs/
	$(BENCH)/bin/python -m benchmarks.rates

constraints: $(READY)  ## renew the pins in constraints.txt
	$(UV) $(UV_COMPILE) --upgrade pyproject.toml --output-file $(ENV)/pins.txt
	sed '/^#/!d' constraints.txt > $(ENV)/constraints.new
	cat $(ENV)/pins.txt >> $(ENV)/constraints.new
	cp $(ENV)/constraints.new constraints.txt

clean:  ## remove all that the targets made
	rm -rf .venv docs/_build dist htmlcov .coverage .coverage.* \
		.mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One environment a choice of interpreter and Django, made anew when what it is made from changes.
$(READY): pyproject.toml constraints.txt Makefile $(UV_READY)
	@test -n "$(VERSION)" || { echo "no Python from 3.11 on: make PYTHON=/path/to/python" >&2; exit 1; }
	rm -rf $(ENV)
	$(UV) venv --quiet --python $(INTERPRETER) $(ENV)
ifdef DJANGO
	sed '/^django==/d' constraints.txt > $(ENV)/constraints.txt
	echo 'django==$(DJANGO).*' >> $(ENV)/constraints.txt
else
	cp constraints.txt $(ENV)/constraints.txt
endif
	$(UV) pip install --quiet --python $(BIN)/python --constraints $(ENV)/constraints.txt \
		--build-constraints constraints.txt --editable '.[django,flask,quart,fastapi]' --group dev
	@touch $@

# Peers are measured at their newest, so nothing is pinned. One section needs wrk (Debian: wrk).
$(BENCH)/.ready: pyproject.toml Makefile $(UV_READY)
	@test -n "$(VERSION)" || { echo "no Python from 3.11 on: make PYTHON=/path/to/python" >&2; exit 1; }
	rm -rf $(BENCH)
	$(UV) venv --quiet --python $(INTERPRETER) $(BENCH)
	$(UV) pip install --quiet --upgrade --python $(BENCH)/bin/python \
		--editable '.[django,flask,quart,fastapi]' --group bench
	@touch $@

.PRECIOUS: .venv/engine-%-$(VERSION)/.ready

# Unpinned, as for the benchmarks: the newest engines are the ones to keep up with.
.venv/engine-%-$(VERSION)/.ready: pyproject.toml Makefile $(UV_READY)
	@test -n "$(VERSION)" || { echo "no Python from 3.11 on: make PYTHON=/path/to/python" >&2; exit 1; }
	rm -rf $(@D)
	$(UV) venv --quiet --python $(INTERPRETER) $(@D)
	$(UV) pip install --quiet --upgrade --python $(@D)/bin/python --editable . --group engine-$*
	@touch $@

$(BOOTSTRAP)/bin/uv: constraints.txt
	@test -n "$(VERSION)" || { echo "no Python from 3.11 on: make PYTHON=/path/to/python" >&2; exit 1; }
	$(INTERPRETER) -m venv --clear $(BOOTSTRAP)
	$(BOOTSTRAP)/bin/python -m pip install --quiet --constraint constraints.txt uv
	@touch $@
