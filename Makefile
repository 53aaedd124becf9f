# One command per intent. `make help` lists them; CI runs the same ones.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# State of `make run` and `make demo`: inside the checkout, so that trying it leaves nothing behind.
STATE ?= $(CURDIR)/state
FUZZ_SECONDS ?= 20
# Test files run at the same time; their processes wait more than they work.
TESTS_AT_ONCE ?= 3
FUZZ_TARGETS = $(notdir $(basename $(wildcard rust/fuzz/fuzz_targets/*.rs)))
CARGO_FUZZ := target/tools/bin/cargo-fuzz
RUST_SOURCES := $(shell find rust -name '*.rs' -not -path 'rust/fuzz/*' -o -name Cargo.toml -not -path 'rust/fuzz/*') Cargo.toml Cargo.lock
CONSOLE_SOURCES := deploy/wheel/console_assets.py $(wildcard $(addprefix python/schoolgate/console/assets/*.,css js json svg txt))
# Installed versions are those of the lock, whatever is newest today.
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: help
help: ## List what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: prerequisites
prerequisites: ## Say what this machine lacks, with the command that installs it
	@missing=0; say() { echo "missing: $$1 — install it with: $$2" >&2; missing=1; }; \
	command -v $(PYTHON) >/dev/null || say "Python 3.11 or newer" "apt-get install python3 python3-venv"; \
	if command -v $(PYTHON) >/dev/null; then \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || say "Python 3.11 or newer ($(PYTHON) is older)" "apt-get install python3.11 python3.11-venv, then make PYTHON=python3.11 ..."; \
	  $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || say "Python's venv module" "apt-get install python3-venv"; \
	fi; \
	command -v cargo >/dev/null || say "Rust 1.88 or newer" "curl https://sh.rustup.rs -sSf | sh   (or apt-get install rustup, then rustup default stable)"; \
	command -v node >/dev/null && command -v npm >/dev/null || say "Node 18 or newer with npm, for the console's style sheets" "apt-get install nodejs npm"; \
	if command -v node >/dev/null; then \
	  node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' || say "Node 18 or newer (node is older)" "apt-get install nodejs npm, of Debian 12 or newer"; \
	fi; \
	command -v cc >/dev/null || say "a C linker" "apt-get install gcc libc6-dev"; \
	exit $$missing

$(BIN)/pip: | prerequisites
	@echo "making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'

$(VENV)/.dependencies: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "installing Python packages"
	@$(PIP) install --constraint constraints.txt --group dev
	@touch $@

$(VENV)/.core: $(VENV)/.dependencies $(RUST_SOURCES)
	@echo "building the Rust core (about a minute the first time)"
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/maturin develop --release --locked --quiet --pip-path $(BIN)/pip
	@touch $@

$(VENV)/.assets: $(CONSOLE_SOURCES) | $(BIN)/pip
	@echo "building the console's style sheets and scripts"
	@$(BIN)/python deploy/wheel/console_assets.py
	@touch $@

.PHONY: build
build: $(VENV)/.core $(VENV)/.assets ## Set up the virtual environment and build the core

.PHONY: run
run: build ## Set up everything and start the resolver on 127.0.0.1 and ::1 port 5300
	@SCHOOLGATE_STATE_DIR=$(STATE) $(BIN)/schoolgate run

.PHONY: demo
demo: build ## Like run, with a stand-in upstream that answers any name: works without a network
	@SCHOOLGATE_STATE_DIR=$(STATE) $(BIN)/python -m tests.stand_in.demo

.PHONY: test
test: build ## Set up and pass every test
	@cargo test --workspace --locked --quiet
	@$(BIN)/python -m pytest -q -n $(TESTS_AT_ONCE) --dist loadfile --benchmark-disable

.PHONY: properties
properties: build ## The property tests with new examples, ten times as many (FILES=tests/unit/audit for some)
	@HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest -q -n $(TESTS_AT_ONCE) --dist loadfile $(or $(FILES),tests/property tests/unit)

.PHONY: lint
lint: build ## ruff, mypy --strict, stubtest, clippy, rustfmt
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest schoolgate._core
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings

.PHONY: format
format: build ## Bring all sources into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format --quiet .
	@cargo fmt --all

$(CARGO_FUZZ):
	@cargo install cargo-fuzz --locked --quiet --root target/tools

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## A short run of every fuzz target (FUZZ_SECONDS=20 each)
	@cd rust/fuzz && for target in $(FUZZ_TARGETS); do \
	  mkdir -p corpus/$$target seeds/$$target; \
	  RUSTC_BOOTSTRAP=1 PATH=$(CURDIR)/target/tools/bin:$$PATH cargo fuzz run --fuzz-dir . --sanitizer none $$target \
	    corpus/$$target seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 2>&1 \
	    | grep -E 'number_of_executed_units|ERROR|panicked|artifact' ; \
	  test $${PIPESTATUS[0]} -eq 0 || exit 1; \
	done

.PHONY: bench
bench: build ## Measure this machine: load, swap, start, memory, compile (half an hour; BENCH=--quick for two minutes)
	@$(BIN)/python -m benchmarks.run $(BENCH)

.PHONY: bench-compare
bench-compare: build ## Measure the other DNS servers of this machine beside ours, same names, same run
	@$(BIN)/python -m benchmarks.compare $(BENCH)

.PHONY: bench-scale
bench-scale: build ## Speed and memory by number of names, segments, policies, cache and workers (BENCH=--quick for a minute)
	@$(BIN)/python -m benchmarks.scale $(BENCH)

.PHONY: bench-log
bench-log: build ## Measure the query log: octets a row, ingest, searches (20 M rows; BENCH="--rows 200000" for a try)
	@$(BIN)/python -m benchmarks.querylog $(BENCH)

.PHONY: bench-micro
bench-micro: ## Criterion: peek, find, decide, cache, compose
	@cargo bench --manifest-path benchmarks/micro/Cargo.toml --locked

.PHONY: instructions
instructions: build ## Count instructions of the hot path under callgrind against the committed baseline
	@$(BIN)/python -m benchmarks.instructions

.PHONY: budgets
budgets: build ## How the cost of calls may grow: ratios of two things measured in the same run
	@$(BIN)/python -m pytest -q benchmarks/python/test_budgets.py --benchmark-columns=min --benchmark-sort=name

.PHONY: metrics-document
metrics-document: build ## Write deploy/monitoring/metrics.md from the code
	@$(BIN)/python -m schoolgate.metrics.document > deploy/monitoring/metrics.md

.PHONY: commands-document
commands-document: build ## Write docs/schoolgate.1 and docs/exit-codes.md from the code
	@$(BIN)/python -m schoolgate.cli.manual docs

.PHONY: api-document
api-document: build ## Write docs/openapi.json, the OpenAPI document, from the operations
	@$(BIN)/python -m schoolgate.operations.openapi_document python/schoolgate/console/api/openapi.json

.PHONY: manuals
manuals: build ## Build the manuals as a site of plain files, in target/manuals
	@$(BIN)/python deploy/site/manual_site.py target/manuals

.PHONY: wheel
wheel: build ## Build the wheel, in target/dist
	@rm -f target/dist/schoolgate-*.whl
	@PATH=$(CURDIR)/$(BIN):$$PATH $(PIP) wheel --no-deps --no-build-isolation --wheel-dir target/dist .

.PHONY: deb
deb: wheel ## Build the Debian package for the release of this machine, in target/dist
	@rm -rf target/deb-site
	@umask 022 && $(PIP) install --no-compile --constraint constraints.txt --target target/deb-site target/dist/schoolgate-*.whl
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} \
	  $(BIN)/python deploy/deb/debian_package.py --site-packages target/deb-site --out target/dist

.PHONY: sbom
sbom: build ## Write the bill of materials (CycloneDX) of what is installed, in target/dist
	@$(BIN)/python deploy/parts/bill_of_materials.py target/dist/schoolgate.cdx.json

.PHONY: audit
audit: build ## Count the licences of what schoolgate contains; refuse those that are not allowed
	@$(BIN)/python deploy/parts/licence_audit.py

.PHONY: lock
lock: build ## Write the versions now installed to constraints.txt
	@$(PIP) freeze --exclude-editable --exclude schoolgate > constraints.txt

.PHONY: clean
clean: ## Remove what was built; state/ stays
	@rm -rf $(VENV) target rust/fuzz/target python/schoolgate/console/assets/built
