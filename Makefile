# Every target sets up what it needs: .venv with the pinned packages, the pages when they are stale.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Demo: PORT 0 picks a free one; SECONDS 0 runs until Ctrl-C.
PORT ?= 8460
VIEWERS ?= 200
SECONDS ?= 0

# Benchmarks: SECTION is one of them alone, PLOT where the cost curve is drawn.
SECTION ?=
PLOT ?= build/fanout-cost.png

# Chaos: SECONDS of faults (600), SEED, FAULTS, BUYERS, DATABASE as a run printed them.
SEED ?=
FAULTS ?=
BUYERS ?=
DATABASE ?=

# Tests: JOBS files at a time. Those with a browser, whose loop others stumble over, have a run of their
# own; what is measured in milliseconds has the machine to itself. DEPTH=full repeats what is random more.
JOBS ?= 2
DEPTH ?= usual
BROWSER := tests/browser
TIMED := tests/browser/test_countdown.py
BENCHES := tests/loadtest_bench
# Of the tests with a browser, `make test` runs those of sales, networks and what is served.
SALES := $(patsubst %,$(BROWSER)/test_%.py,whole_sale buying network build headers sdk_example without_demo)
# What `make test` asks of redis-server: the scripts that decide of stock, orders and money, and the rooms.
RULES := $(patsubst %,tests/orders/test_%.py,reserve pools lifecycle payments one_tap refunds consumer sweeper watermark) tests/rooms
PYTEST := MIAODAN_TEST_DEPTH=$(DEPTH) $(BIN)/python -m pytest
# In the order of the tree: by the number of tests, the long files with few would come last, with a worker idle.
SPREAD := -n $(JOBS) --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install pages demo test test-all tests test-pages gallery conformance check documents bench bench-all capacity stress chaos soak clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt server/fanout/native/sender.c hatch_build.py
	@test -x $(BIN)/python || $(PYTHON) -c 'import sys; sys.exit("Miaodan needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Miaodan into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,load,bench]'
	@touch $(STAMP)

install: $(STAMP) ## Make .venv with everything the other targets need

pages: $(STAMP) ## Build the viewer page, the console and the SDK
	@$(BIN)/python server/web/build.py

demo: $(STAMP) pages ## A live room with products, flash sales and simulated viewers (PORT=8460 VIEWERS=200 SECONDS=0)
	@$(BIN)/miaodan demo --port $(PORT) --viewers $(VIEWERS) --seconds $(SECONDS)

test: $(STAMP) pages ## Run the tests (the longest campaigns and most of the pages' tests: make test-all)
	@$(MAKE) --no-print-directory tests ONLY='-m "not campaign"' PAGES="$(SALES)"

test-all: $(STAMP) pages ## Run every test there is, at full depth (about half an hour)
	@$(MAKE) --no-print-directory tests DEPTH=full RULES="tests/orders tests/rooms" PAGES="$(BROWSER) --ignore=$(TIMED)"

tests:
	@$(BIN)/python server/web/build.py --test
	@if command -v redis-server >/dev/null; then echo "The store's rules on redis-server:"; \
		MIAODAN_TEST_STORE=redis-server $(PYTEST) -q $(SPREAD) $(RULES) \
			-k "not postgresql and not interleav" $(ONLY); \
	else echo "redis-server is not installed: the store's rules are tested on the embedded Valkey alone"; fi
	@$(if $(ONLY),,$(BIN)/python -m tests.conformance.suite)
	@$(PYTEST) $(SPREAD) --ignore=$(BROWSER) --ignore=$(BENCHES) $(ONLY)
	@$(PYTEST) $(SPREAD) $(PAGES)
	@$(PYTEST) $(TIMED)
	@$(PYTEST) $(BENCHES) $(ONLY)

gallery: $(STAMP) pages ## Pictures of every state of the pages in build/gallery, and the documentation's anew (needs Chromium)
	@$(BIN)/python -m tests.browser.gallery --docs

test-pages: $(STAMP) pages ## Every test of the pages in a real browser, with pictures of each state (about ten minutes)
	@$(PYTEST) $(SPREAD) $(BROWSER)

conformance: $(STAMP) ## Every case of the Autobahn test suite (needs a Python 2.7; a quarter of an hour)
	@$(BIN)/python -m tests.conformance.suite --all

check: $(STAMP) ## Lint, types, import walls, generated documents
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m schemas.asyncapi --check
	@$(BIN)/python -m schemas.openapi --check
	@$(BIN)/python -m schemas.typescript --check
	@$(BIN)/python -m server.metrics_page --check

documents: $(STAMP) ## Write the AsyncAPI and OpenAPI documents, the SDK's types and docs/metrics.md anew
	@$(BIN)/python -m schemas.asyncapi
	@$(BIN)/python -m schemas.openapi
	@$(BIN)/python -m schemas.typescript
	@$(BIN)/python -m server.metrics_page

bench: $(STAMP) ## Fan-out and orders beside their floors and other servers, in one run (SECTION=joins|memory|room|curve)
	@$(BIN)/python -m loadtest.bench $(if $(SECTION),--only $(SECTION)) $(if $(filter curve,$(SECTION)),--plot $(PLOT))

bench-all: $(STAMP) ## Every benchmark there is, about twelve minutes; draws the cost curve
	@$(BIN)/python -m loadtest.bench --all --plot $(PLOT)

capacity: $(STAMP) ## What this machine carries and what 100,000 viewers need, into docs/capacity.md (about six minutes)
	@$(BIN)/python -m loadtest.capacity --images docs/images --document docs/capacity.md

stress: $(STAMP) ## Scenarios that check themselves: counts, order, storms, abuse, leaks; exit code 1 when a promise broke
	@$(BIN)/python -m loadtest.stress

chaos: $(STAMP) ## Buyers at full speed while processes are killed and stopped, then the books (SECONDS=600 SEED=)
	@$(BIN)/python -m loadtest.chaos $(if $(filter-out 0,$(SECONDS)),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(FAULTS),--faults $(FAULTS)) $(if $(BUYERS),--buyers $(BUYERS)) $(if $(DATABASE),--database $(DATABASE))

soak: $(STAMP) ## Twenty minutes of churn, sales and faults; memory, descriptors, tasks and lag stay flat (SECONDS=1200 SEED=)
	@$(BIN)/python -m loadtest.soak $(if $(filter-out 0,$(SECONDS)),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(FAULTS),--faults $(FAULTS)) $(if $(filter-out file,$(origin VIEWERS)),--viewers $(VIEWERS)) \
		--plot docs/images/soak.png $(if $(wildcard docs/capacity.md),--document docs/capacity.md)

clean: ## Remove everything that was made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf server/web/node_modules server/web/dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
