# Each target sets up what it needs, on a fresh Debian or Ubuntu, and says what is missing when it may not.
.DEFAULT_GOAL := help
PY := .venv/bin/python
ONLY ?=
# Half of what a short process does is compiling what it imports, where nothing compiled may be kept.
unexport PYTHONDONTWRITEBYTECODE

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

trial: ## Start the whole appliance here, as processes, and print its address
	@.ci/setup trial
	@.venv/bin/airgate-trial up

trial-status trial-logs trial-stop: ## Look at the trial, or end it
	@.venv/bin/airgate-trial $(subst trial-,,$@)

check: ## Lint, floors, types, unit and contract tests: under two minutes
	@.ci/setup dev
	@.ci/check

fix: ## Format, and mend what the linter can mend
	@.ci/setup dev
	@$(PY) -m ruff format -q . ; $(PY) -m ruff check --fix --output-format concise .

test: ## Everything, the test cluster included
	@.ci/setup test
	@.ci/test

cluster: ## Bring up the test cluster (root)
	@.ci/setup test
	@$(PY) -m tests.cluster up

cluster-down: ## Remove the test cluster
	@$(PY) -m tests.cluster down

bench: ## Make the figures; ONLY=NAME runs one
	@.ci/setup test
	@$(PY) -m tests.bench $(ONLY)

soak: ## The long runs; dated results are kept in tests/soak/results
	@.ci/setup test
	@$(PY) -m tests.soak $(ONLY)

screenshots: ## Take the README's pictures from a running trial
	@.ci/setup test
	@$(PY) -m tests.browser.screenshots

lock: ## Write locks/*.txt anew from pyproject.toml
	@.ci/setup dev
	@.ci/lock

.PHONY: help trial trial-status trial-logs trial-stop check fix test cluster cluster-down bench soak screenshots lock
