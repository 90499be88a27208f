# Everything that a developer does here, one command each. `make` alone lists them.
#
# Needed: Python 3.11 or later, git, make. Whatever else a target uses is installed into .venv and
# .cache, both inside this folder and ignored by git. Another Python: make venv PYTHON=/path/to/it

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

# A package that is compiled anew in each process would be slow, and would be measured as slow.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Nothing below may depend on what else is on the import path of the caller.
unexport PYTHONPATH PYTHONHOME

PY := .venv/bin/python
STAMP := .venv/.installed

# The first of these that is new enough and can make a virtual environment with pip in it.
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ifneq ($(origin PYTHON),command line)
PYTHON = $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	if $$name -c '$(USABLE)' >/dev/null 2>&1; then command -v $$name; break; fi; done)
endif

# Arguments for pytest: make test ARGS="tests/test_money.py -x". Three processes, unless said
# otherwise: one more than a small machine has cores, since tests also wait.
ARGS ?=
WORKERS ?= 3

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: venv
venv: $(STAMP)  ## install the locked dependencies and this package (editable) into .venv

$(STAMP): requirements/dev.txt pyproject.toml
	@python='$(PYTHON)'; \
	if [ -z "$$python" ]; then \
		echo 'No usable Python: 3.11 or later, with the modules venv and ensurepip, is needed'; \
		echo '(on Debian and Ubuntu: the package python3-venv), or name one: make PYTHON=...'; \
		exit 1; \
	fi; \
	.venv/bin/python -c '$(USABLE)' 2>/dev/null || { \
		echo "Making .venv with $$python"; "$$python" -m venv --clear .venv; }
	@echo 'Installing what requirements/dev.txt locks (once; a minute or so)'
	@$(PY) -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(PY) -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: demo
demo: venv  ## show the main job on SQLite and the sandbox Stripe; no network, no key
	@$(PY) scripts/demo.py

.PHONY: stripe-mock
stripe-mock: venv  ## build the real stripe-mock into .cache (once), for the tests
	@$(PY) tests/support/stripe_mock.py build

.PHONY: test
test: venv stripe-mock  ## run all tests, against the real stripe-mock (ARGS="-k money" picks some)
	$(PY) -m pytest -n $(WORKERS) $(ARGS)

# Where there is a server already, `make test` runs these as well.
.PHONY: test-vault
test-vault: venv  ## the tests on a real Vault; compiles one where there is none (once, 12 minutes)
	@$(PY) tests/support/vault_server.py build
	$(PY) -m pytest -n $(WORKERS) -m vault $(ARGS)

.PHONY: lint
lint: venv  ## ruff: rules and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

.PHONY: format
format: venv  ## let ruff repair what it can
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: rooms
rooms: venv  ## print the rooms of the package, what imports what, and circles
	@$(PY) scripts/rooms.py

.PHONY: types
types: venv  ## mypy --strict over everything, basedpyright over src and typing_tests
	$(PY) -m mypy --strict
	$(PY) -m basedpyright

# These decide about money: no line and no branch of them may go untested.
MONEY := */stripe_billing_router/domain/*,*/stripe_billing_router/engine/*,*/core/money.py

.PHONY: coverage
coverage: venv stripe-mock  ## line and branch coverage; complete for domain/, engine/ and money
	@rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(PY) -m coverage run -m pytest -n $(WORKERS) $(ARGS)
	@$(PY) -m coverage combine --quiet
	$(PY) -m coverage report
	@echo 'What decides about money must be covered completely:'
	$(PY) -m coverage report --include='$(MONEY)' --fail-under=100

.PHONY: matrix
matrix: venv stripe-mock  ## the suite on each Python here, on the oldest and the newest stripe
	@$(PY) scripts/matrix.py $(ARGS)

.PHONY: docs
docs: venv  ## run the code blocks of README and docs/ as tests
	$(PY) -m pytest tests/docs $(ARGS)

.PHONY: bench
bench: venv  ## measure ratios beside the bare SDK
	@$(PY) scripts/bench.py

.PHONY: chaos
chaos: venv  ## kill bots by the thousand and count what was paid (long; ARGS="500" for fewer)
	@$(PY) scripts/chaos.py $(ARGS)

.PHONY: mutate
mutate: venv  ## mutation testing of domain/ and money (long)
	@echo 'Installing what requirements/mutation.txt locks'
	@$(PY) -m pip install --quiet --require-hashes --requirement requirements/mutation.txt
	$(PY) -m mutmut run $(ARGS)
	$(PY) -m mutmut results
	$(PY) scripts/mutate_rest.py

.PHONY: schema
schema: venv  ## regenerate the JSON Schemas in config/ from the models
	@$(PY) scripts/generate_schema.py

.PHONY: lock
lock: venv  ## resolve requirements/*.txt anew within pyproject's bounds (UPGRADE=1: to the newest)
	@UPGRADE='$(UPGRADE)' $(PY) scripts/lock.py

.PHONY: clean
clean:  ## remove all that make made
	rm -rf .venv .cache mutants dist build .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
