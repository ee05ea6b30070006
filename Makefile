# Needs: Python 3.11 or newer (with its venv module) and make. Everything else is installed into .venv/.
#
# PYTHON   which interpreter makes the environments; the first that will do of the list. Example: make test PYTHON=python3.13
# VENV     where the environment is. Another interpreter needs another one: make test PYTHON=python3.13 VENV=.venv-3.13
# CALLSPAN_SERVERS   where `make servers` keeps what it builds, and the tests look for it: ~/.cache/callspan/servers
# CALLSPAN_VIEWERS   the same for `make viewers`: ~/.cache/callspan/viewers
# CALLSPAN_WORKERS   in how many processes the tests run: 2
# LIVE     LIVE=1: `make demo` asks the real endpoint, with the key in the environment.

PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV ?= .venv
CALLSPAN_WORKERS ?= 2

# The tests start Python some hundred times: what one of them has compiled, the next one reads.
unexport PYTHONDONTWRITEBYTECODE

PACKAGE := pyproject.toml src/callspan/version.py

.PHONY: help setup demo test test-all lint matrix matrix-oldest servers viewers bench bench-counts clean always
.DEFAULT_GOAL := help

help:
	@echo 'make demo      an agent without any tracing code, and the tree of its spans (LIVE=1: on the real endpoint)'
	@echo 'make setup     .venv with everything that tests need, to run single ones (2 minutes)'
	@echo 'make test      the test suite, without network, each pair of forms (5 minutes on two idle cores)'
	@echo 'make test-all  the test suite with every combination of forms (10 minutes)'
	@echo 'make lint      ruff, mypy, pyright'
	@echo 'make matrix    the test suite on each supported LangChain, Python and OpenTelemetry (15 minutes)'
	@echo '               matrix-newest, matrix-oldest: on one; the others are in noxfile.py'
	@echo 'make servers   the real Collector and Jaeger for the tests, with Go (10 minutes the first time)'
	@echo 'make viewers   the real Phoenix and MLflow for the tests (2 minutes the first time)'
	@echo 'make bench     what it costs, in CPU time (1 to 2 minutes)'
	@echo 'make bench-counts   what it costs, in instructions: no load blurs it (needs valgrind and gcc; UPDATE=1 keeps the counts)'
	@echo 'make clean     remove the environments, caches and builds'

demo: $(VENV)/demo.stamp
	@$(if $(LIVE),LIVE=$(LIVE)) $(VENV)/bin/python examples/demo.py

setup: $(VENV)/test.stamp

test: $(VENV)/test.stamp
	@echo 'This takes 5 minutes on two idle cores. Each pair of forms is tried; make test-all tries every combination.'
	@$(VENV)/bin/python -m pytest -q -n $(CALLSPAN_WORKERS) --dist worksteal

test-all: $(VENV)/test.stamp
	@echo 'This takes 10 minutes on two idle cores.'
	@CALLSPAN_TESTS=all $(VENV)/bin/python -m pytest -q -n $(CALLSPAN_WORKERS) --dist worksteal

lint: $(VENV)/lint.stamp
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/python -m pyright --pythonpath $(VENV)/bin/python

matrix: $(VENV)/matrix.stamp
	@$(VENV)/bin/python -m nox

# One row of noxfile.py: make matrix-core-1.0, make matrix-newest-3.13
matrix-%: $(VENV)/matrix.stamp always
	@$(VENV)/bin/python -m nox --session $*

matrix-oldest: matrix-core-0.3

always:

servers: $(VENV)/bin/python
	@$(VENV)/bin/python tests/pipeline/build_servers.py

viewers: $(VENV)/bin/python
	@$(VENV)/bin/python tests/viewers/build_viewers.py

bench: $(VENV)/bench.stamp
	@$(VENV)/bin/python -m benchmarks

bench-counts: $(VENV)/bench.stamp
	@$(VENV)/bin/python -m benchmarks.counts $(if $(UPDATE),--update)

clean:
	rm -rf $(VENV) .nox .mypy_cache .pytest_cache .ruff_cache build dist
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# An environment, empty. The interpreter must be new enough and able to make one (Debian's needs python3-venv).
$(VENV)/bin/python:
	@for candidate in $(PYTHON); do \
	    if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	        echo "Making $(VENV) with $$("$$candidate" --version)"; \
	        exec "$$candidate" -m venv --clear $(VENV); \
	    fi; \
	done; \
	echo 'callspan needs Python 3.11 or newer with its venv module (on Debian: python3-venv).' >&2; \
	echo 'Tried: $(PYTHON). Name another one: make $(MAKECMDGOALS) PYTHON=/path/to/python3' >&2; \
	exit 1

# The environment with one of pyproject.toml's dependency groups, which pip knows from 25.1 on.
$(VENV)/demo.stamp $(VENV)/test.stamp $(VENV)/lint.stamp $(VENV)/matrix.stamp $(VENV)/bench.stamp: $(VENV)/%.stamp: $(VENV)/bin/python $(PACKAGE)
	@echo 'Installing what "make $*" needs'
	@$(VENV)/bin/python -m pip install --quiet 'pip>=25.1'
	@$(VENV)/bin/python -m pip install --quiet --editable . --group $*
	@touch $@
