# Everything runs in .venv, which the first command makes from requirements.lock.
#   make demo PYTHON=/path/to/python3.11    use this interpreter
#   make test VENV=/some/folder             keep the environment elsewhere

VENV  ?= .venv
BIN    = $(VENV)/bin
READY  = $(VENV)/.ready
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check format bench docs clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## make the environment (the other commands do it when needed)

# The newest tested Python first. A command that exists but does not run is passed over.
$(READY): requirements.lock pyproject.toml tools/setup_env.py
	@python="$(PYTHON)"; \
	for name in python3.11 python3.12 python3.13 python3 python; do \
	  [ -n "$$python" ] && break; \
	  "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python=$$name; \
	done; \
	"$${python:-python3}" tools/setup_env.py "$(VENV)"

demo: $(READY)  ## show a few drawings, get more of their kind: one picture, under a minute
	@$(BIN)/ilk demo

test: $(READY)  ## the tests and the examples in the docstrings
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not slow" -n auto

test-slow: $(READY)  ## the tests that take long
	$(BIN)/python -m pytest -m slow

check: $(READY)  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(READY)  ## rewrite the files as `make check` wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## measure speed on this machine
	$(BIN)/python -m benchmarks.speed

docs: $(READY)  ## build the documentation; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean:  ## remove what was built (not the environment)
	rm -rf build dist docs/_build docs/_generated .pytest_cache .ruff_cache .hypothesis
