# Turnout. `make` alone lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCK ?= requirements/dev.txt
STAMP = $(VENV)/.installed-$(notdir $(basename $(LOCK)))
# What training and fuzzing need comes on top of the rest.
TRAINS = $(filter %/train.txt,$(LOCK))
ON_TOP = $(filter %/train.txt %/fuzz.txt,$(LOCK))
# When Turnout itself was built there: a lock on top of another does not build it again.
BUILT = $(VENV)/.built
ARGS ?=
# Tests of one file share what they started; every server listens on a port of its own. The folders
# keep their order: the last, unit tests, are many short files, so that no core waits for the other. Three for
# two cores: a test often waits for the processes that it started.
PARALLEL ?= -n 3 --dist loadfile --no-loadscope-reorder
# pytest ends with 5 where ARGS chose no test.
UNLESS_NONE = $(if $(ARGS),|| [ $$? = 5 ])

# Containers often set it; then every process compiles its libraries anew, which takes longer than
# the fast tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo lint style test test-all check bench bench-quick bench-guard trust fuzz audit train conformance lock revision clean

help:  ## list the commands
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): $(LOCK) pyproject.toml setup.py $(wildcard classifiers/native/* router/native/*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Turnout needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Could not create $(VENV). On Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	@echo "Installing the locked packages of $(LOCK) into $(VENV) (about $(if $(TRAINS),900,400) MB, once)"
	@$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes --no-compile -r $(LOCK)
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib router policies classifiers >/dev/null || true
	@test -z "$$(find pyproject.toml setup.py {classifiers,router}/native -newer $(BUILT) 2>&1)" || \
	  { $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable . && \
	    touch $(BUILT); }
	@rm -f $(VENV)/.installed-*; touch $@ $(if $(ON_TOP),$(VENV)/.installed-dev)

install: $(STAMP)  ## set up .venv and do nothing else

demo: install  ## the main job, end to end: no key, no GPU, no network (ARGS=--once to end by itself)
	@$(BIN)/turnout demo $(ARGS)

# Types take a minute of one core: they are checked beside the tests, and told after them.
BESIDE_TYPES = $(BIN)/mypy >$(VENV)/types.txt & types=$$!; $(1); tested=$$?; \
  wait $$types || tested=1; cat $(VENV)/types.txt; exit $$tested

lint: style  ## what reads the code only: format, lint, imports, types
	@$(BIN)/mypy

style: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

test: style  ## what lint checks, and the tests, on real parts; needs nothing beyond pip (ARGS='-k name' to choose)
	@$(call BESIDE_TYPES,$(BIN)/pytest $(PARALLEL) $(ARGS))

test-all: test  ## and those that need more: training's packages, PostgreSQL, Node, Chromium, clusters
	@$(MAKE) --no-print-directory train
	@$(BIN)/pytest $(PARALLEL) --postgresql $(ARGS) $(UNLESS_NONE)
	@$(BIN)/pytest $(PARALLEL) tests/more $(ARGS) $(UNLESS_NONE)

check: install  ## format, lint, types, imports and the fast tests, in under a minute
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/lint-imports
	@$(call BESIDE_TYPES,$(BIN)/pytest -q $(PARALLEL) tests/unit tests/promises $(ARGS))

bench: train  ## measure Turnout beside nginx, Envoy, LiteLLM and Portkey; writes docs/benchmarks.md (about 25 minutes)
	@$(BIN)/python -m bench all $(ARGS)

bench-quick: install  ## CPU per request beside nginx, and where instructions go, in under two minutes
	@$(BIN)/python -m bench quick

bench-guard: install  ## a request within its budget of instructions and of time; for a quiet machine
	@$(BIN)/python -m bench guard

trust: train  ## attack it and break it: every row of docs/trust.md, the long ones too (ARGS='-k name' to choose)
	@PYTHONPATH=tests $(BIN)/python -m trust $(ARGS)

conformance: install  ## clients of the field, direct and through Turnout; writes docs/conformance.md (ARGS='--only NAME', '--list')
	@$(BIN)/python -m conformance $(ARGS)

fuzz:  ## ten minutes of inputs for what reads strangers' bytes, C under sanitizers (ARGS='--seconds 60 --target edge')
	@$(MAKE) --no-print-directory install LOCK=requirements/fuzz.txt
	@PYTHONPATH=tests:tests/contract $(BIN)/python -m fuzz $(ARGS)

# Tools of their own environment: they are no part of what is audited.
AUDIT := $(VENV)-audit/bin
audit:  ## known vulnerabilities of the locks, where their data can be had; a bill of materials in sbom.json
	@test -x $(AUDIT)/pip-audit || { $(PYTHON) -m venv $(VENV)-audit && \
	  $(AUDIT)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/audit.txt; }
	@$(AUDIT)/cyclonedx-py requirements requirements/run.txt --output-reproducible -o sbom.json
	@echo "sbom.json: the bill of materials of requirements/run.txt"
	@for set in run cuda; do $(AUDIT)/pip-audit --disable-pip --require-hashes -r requirements/$$set.txt; done || \
	  { echo "Not audited, or not clean: see above. Without a way to the advisories nothing is known of them." >&2; exit 1; }

train:  ## set up for training too (then: .venv/bin/python -m classifiers train --help)
	@$(MAKE) --no-print-directory install LOCK=requirements/train.txt

lock:  ## renew the hash-pinned locks (needs uv)
	@for set in "cuda:--extra demo --extra cuda" "run:--extra demo" "dev:--extra demo --extra telemetry --extra dev" "train:--extra demo --extra telemetry --extra dev --extra train --extra presidio --extra browser" "fuzz:--extra demo --extra telemetry --extra dev --extra fuzz"; do \
	  uv pip compile --quiet pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url $(UPGRADE) $${set#*:} -o requirements/$${set%%:*}.txt || exit 1; done
	@uv pip compile --quiet requirements/audit.in --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header $(UPGRADE) -o requirements/audit.txt

revision: install  ## the next version of the tables, from what their code says (ARGS='"why"'; docs/storage.md)
	@PYTHONPATH=tests $(BIN)/python -m revisions $(ARGS)

clean:  ## remove what was built, the environment included
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
