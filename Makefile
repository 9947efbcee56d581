# Everything a developer does here. Bare `make` prints what there is; each command sets up what it needs.
#
#   make test                       with python3, in .venv
#   PYTHON=python3.12 make test     with another interpreter, in a .venv-3.12 of its own

ifeq ($(origin PYTHON),undefined)
PYTHON := python3
VENV   := .venv
else
VENV   := .venv-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
endif

BIN   := $(VENV)/bin
STAMP := $(VENV)/tocsin-stamp
CODE  := $(wildcard src tests benchmarks examples)

# What the environment was made from. When one of these changes (a new python3, a moved checkout), it is made anew.
MADE_FROM := $(shell $(PYTHON) -c 'import sys; print(sys.executable, sys.version.split()[0])' 2>/dev/null) $(CURDIR)
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(MADE_FROM))
.PHONY: $(STAMP)
endif

.DEFAULT_GOAL := help
.PHONY: help demo test page check bench clean

help: ## Print this list
	@echo 'Tocsin. Usage: make COMMAND, or PYTHON=python3.12 make COMMAND'
	@echo
	@sed -n 's/^\([a-z]*\): .*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: $(STAMP) ## Set everything up and watch a small leaking program ring the bell (ARGS="--for 30s" ends it)
	@sh scripts/page.sh --quiet
	@$(BIN)/tocsin demo $(ARGS)

test: $(STAMP) ## Set everything up and run the tests (ARGS="-k word" is handed to pytest)
	@sh scripts/page.sh --quiet
	@$(BIN)/python -m compileall -q src benchmarks  # the tests start hundreds of programs, and some settings write no bytecode
	@$(BIN)/python -m pytest $(ARGS)

page: ## Get what draws the page, from npm; without node the program runs and the page says so
	@sh scripts/page.sh

check: $(STAMP) ## Lint, formatting, types and the import law; all four, then which of them failed
	@failed=; \
	$(BIN)/ruff check $(CODE) || failed="$$failed, ruff check"; \
	$(BIN)/ruff format --check $(CODE) || failed="$$failed, ruff format (run $(BIN)/ruff format $(CODE))"; \
	$(BIN)/mypy --strict || failed="$$failed, mypy"; \
	$(BIN)/lint-imports || failed="$$failed, lint-imports (see The import law in CONTRIBUTING.md)"; \
	[ -z "$$failed" ] || $(call failed,check,$${failed#$(comma) })

bench: $(STAMP) ## Measure our figures, the peers' and the floor's (a quiet machine, some minutes)
	@for name in import emit rules detector benign labelled runtime sampling processes memory heap-accuracy leaks looks retention outbox delivery storm backtest forecast host page; do \
		echo "── $$name"; \
		$(BIN)/python -m benchmarks $$name || $(call failed,benchmark $$name,run it alone: $(BIN)/python -m benchmarks $$name); \
	done

clean: ## Remove the environments, the caches and what was built
	rm -rf .venv .venv-* build dist src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf src/tocsin/web/static/vendor src/tocsin/web/static/lean
	find src -name '_heap.*.so' -delete
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment, with Tocsin installed in place. The stamp is written last, so a broken setup is begun again.
$(STAMP): pyproject.toml setup.py $(wildcard src/tocsin/*/*/*.[ch])
	@sh scripts/preflight.sh $(PYTHON)
	@if [ "$$(cat $@ 2>/dev/null)" != "$(MADE_FROM)" ]; then \
		echo "Making $(VENV)"; rm -f $@; \
		$(PYTHON) -m venv --clear $(VENV) || $(call failed,venv,see the message above); \
	fi
	@echo "Installing Tocsin and its tools into $(VENV)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[dev]' \
		|| $(call failed,pip install,is the package index reachable? The message above is pip's own)
	@echo '$(MADE_FROM)' > $@

# $(call failed,STEP,REMEDY) says which step failed, and ends the recipe.
failed = { echo "make: $(1) failed: $(2)" >&2; exit 1; }
comma  := ,
