# One obvious command for each need; `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
WORKERS ?= 2
TOOLS ?= $(VENV)/salesforce-tools

.PHONY: help demo test check fmt bench docs promises simulate campaign simulate-bugs evidence rounding salesforce-convert salesforce-lint lock clean setup

help: ## list what there is (default)
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make the virtual environment and install what the lock file pins

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Crossfoot needs Python 3.11 or newer; PYTHON=/path/to/python3.11 make $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "No virtual environment could be made. On Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY) ## the main job in five acts on a made-up business (ONCE=1 ends by itself)
	@$(BIN)/crossfoot demo $(if $(ONCE),--once)

test: $(READY) ## all tests that belong to a change (sixteen to twenty minutes on two cores)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: $(READY) ## lint, formatting, types, import contracts, generated docs, promises
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/generate_docs.py --check
	@$(BIN)/python tools/promises.py --check

fmt: $(READY) ## format, and mend what a linter can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

docs: $(READY) ## write the generated pages anew
	@$(BIN)/python tools/generate_docs.py --write
	@$(BIN)/python tools/promises.py --write

promises: $(READY) ## print which promises are proven, and by which test
	@$(BIN)/python tools/promises.py

bench: $(READY) ## measure API calls and throughput against the emulators
	@$(BIN)/python -m bench

simulate: $(READY) ## run more seeds of the simulator on all cores (SEEDS=1000)
	@$(BIN)/python -m tests.simulation.run --seeds 1-$(or $(SEEDS),1000)

campaign: $(READY) ## run seeds and record them; goes on where it was stopped (SEEDS=20000 JOBS=1)
	@nice -n 19 $(BIN)/python -m tests.simulation.run --seeds 1-$(or $(SEEDS),20000) --jobs $(or $(JOBS),1) \
	  --record docs/evidence/campaign.jsonl

simulate-bugs: $(READY) ## plant every known defect in turn, and see how many seeds find it
	@$(BIN)/python -m tests.simulation.run --bugs --record docs/evidence/bugs.json

evidence: $(READY) ## write docs/evidence from what was recorded
	@$(BIN)/python tools/evidence.py

rounding: $(READY) ## compare a million generated documents with an exact reference
	@$(BIN)/python -m tests.property.xero_rounding --documents $(or $(DOCUMENTS),1000000)

salesforce-convert: $(READY) ## have Salesforce's command line convert the package (SF="npx sf")
	@CROSSFOOT_SF="$(or $(SF),sf)" $(BIN)/python -m pytest tests/contract/salesforce_package/test_vendor_tool.py

salesforce-lint: $(READY) ## have Salesforce's linter and compiler look at the Lightning components (TOOLS=a folder)
	@mkdir -p $(TOOLS) && cp tests/contract/salesforce_package/node/* $(TOOLS)
	@cd $(TOOLS) && npm install --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	@CROSSFOOT_LWC="$(TOOLS)" $(BIN)/python -m pytest tests/contract/salesforce_package/test_vendor_tool.py

lock: $(READY) ## pin the dependencies anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --extra dev --extra cdc --extra postgres pyproject.toml --output-file requirements.lock

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache
