# `make help` lists what there is. A machine with Python 3.11 or later and make is enough.

# The newest Python last: its wheels come last, too.
PYTHON_CANDIDATES := python3.13 python3.12 python3.11 python3 python python3.14
VENV := .venv
BIN := $(VENV)/bin
SETUP_STAMP := $(VENV)/.installed
SOURCES := streams connectors tests
# Where the tests keep servers fetched once (tests/infra/component.py reads the same variable).
export TIEOUT_TEST_CACHE ?= $(CURDIR)/.work

# $(call step,NAME,COMMAND): run, and say how long it took, also when it fails.
define step
@started=$$(date +%s); echo "== $(1)"; \
status=0; { $(2); } || status=$$?; \
echo "== $(1): $$(( $$(date +%s) - started )) s"; \
exit $$status
endef

.DEFAULT_GOAL := help
.PHONY: help setup servers test check simulate demo chaos bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP_STAMP) ## make .venv and install tieout with what its development needs

$(SETUP_STAMP): pyproject.toml hatch_build.py streams/codec/_native.pyx
	$(call step,setup,$(MAKE) --no-print-directory -s .venv-filled)
	@touch $@

.PHONY: .venv-filled
.venv-filled:
	@chosen=; bare=; \
	for candidate in $(PYTHON_CANDIDATES); do \
	  "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  if "$$candidate" -c 'import venv, ensurepip' 2>/dev/null; then chosen=$$candidate; break; fi; \
	  bare=$$candidate; \
	done; \
	if [ -z "$$chosen$$bare" ]; then \
	  echo "tieout needs Python 3.11 or later; none of $(PYTHON_CANDIDATES) on PATH is. Install one, for example: apt-get install python3 python3-venv" >&2; exit 1; \
	elif [ -z "$$chosen" ]; then \
	  echo "$$bare cannot make a virtual environment: it has no ensurepip. Install it, for example: apt-get install python3-venv" >&2; exit 1; \
	elif ! [ -x $(BIN)/python ]; then \
	  echo "$$chosen -m venv $(VENV)"; "$$chosen" -m venv $(VENV); \
	fi
	@echo 'pip install (a minute or so)'; $(BIN)/python -m pip install --disable-pip-version-check --quiet --retries 10 -e '.[dev]'

servers: $(SETUP_STAMP) ## fetch the jars of Apache Kafka and the schema registry, where Java and Maven are
	$(call step,servers for the tests,$(BIN)/python -m tests.infra.maven)

test: servers ## all tests; the last lines say what could not be tested here
	$(call step,test,$(BIN)/python -m pytest)

check: $(SETUP_STAMP) ## style, types, import rules
	$(call step,ruff check,$(BIN)/ruff check $(SOURCES))
	$(call step,ruff format,$(BIN)/ruff format --check $(SOURCES))
	$(call step,mypy,$(BIN)/mypy)
	$(call step,import rules,$(BIN)/lint-imports)
	$(call step,schemas,$(BIN)/tieout schemas check)

simulate: $(SETUP_STAMP) ## the whole protocol, simulated: every crash, and SEEDS random schedules (20000)
	$(call step,simulate,$(BIN)/python -m tests.simulation --every-point --seeds $(or $(SEEDS),20000))

demo: $(SETUP_STAMP) ## play the scenario through all stages; KEEP=1 leaves it running
	$(BIN)/tieout demo $(if $(KEEP),--keep)

chaos: servers ## kill, freeze, cut, lose and fill disks, 220 faults; SEED=, FAULTS=, BROKERS=1|3, STORE=rocksdb|memory (docs/chaos.md)
	$(call step,chaos,$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(BROKERS),--brokers $(BROKERS)) $(if $(STORE),--store $(STORE)))

# A run with the default number of events goes into docs/ as well.
bench: servers ## the orchestration stage beside its peers on Kafka; EVENTS=20000 for a short one
	$(call step,bench,$(BIN)/python -m tests.bench $(if $(EVENTS),--events $(EVENTS) --contracts $(or $(CONTRACTS),50000),--publish) $(BENCH))

clean: ## remove everything that setup, tests and builds made here
	rm -rf $(VENV) .work build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
