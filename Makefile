# Every developer command; `make` alone lists them. Humans and CI run the same targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
PY := .venv/bin/python
FUNCTIONS := ingest load transform_trigger
DATA ?= .localcloud
# More options for the owner's commands: make runs ARGS=--json
ARGS ?=
# Images of Python often set it. Each of the hundreds of processes that tests and demo start would compile its thousand modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## Live through eleven days of hourly runs in a minute, check every figure, show the top ten and the dashboard
	@$(PY) -m localcloud.demo

.PHONY: test
test: browser ## Run every check and every test; ends with the slowest tests and the seconds per folder
	@$(MAKE) --no-print-directory -j 2 lint terraform-check checkov
	@echo "==> pytest: all tests, three at a time, as many of them wait; Ctrl-C stops"
	@$(PYTEST) $(PYTEST_ARGS)

.PHONY: test-quick
test-quick: setup style ## Run the tests that need no browser, no Java and no processes of their own: a minute
	@$(PYTEST) -m "not (browser or spark or zetasql or slow)" $(PYTEST_ARGS)

PYTEST := $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations 20

.PHONY: faults
faults: setup ## Let storms of faults pass in simulated time: make faults SCHEDULES=10000 SEED=0, or REPLAY=SEED:PARTS
	@$(PY) -m tests.faults $(if $(REPLAY),--replay $(REPLAY),--schedules $(or $(SCHEDULES),200) --seed $(or $(SEED),0)) --spark $(or $(SPARK),0)

.PHONY: lint
lint: style types ## Check style, types, spelling, secrets and known vulnerabilities without running anything
	@echo "==> secrets in the tree"
	@$(PY) -m checks.secret_scan
	@echo "==> known vulnerabilities of what is pinned"
	@$(PY) -m checks.advisories

.PHONY: style
style: setup .venvs/checks/installed
	@echo "==> ruff: style and format; codespell; shell syntax"
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/codespell
	@bash -n .ci/run

.PHONY: types
types: setup
	@echo "==> mypy --strict: each folder that is deployed by itself, then the rest"
	@for name in $(FUNCTIONS); do (cd functions/$$name && ../../.venv/bin/mypy --strict --cache-dir ../../.mypy_cache/$$name .) || exit 1; done
	@MYPYPATH=functions/ingest .venv/bin/mypy --strict spark_jobs localcloud cli checks
	@cd dashboard && ../.venv/bin/mypy --strict --config-file ../pyproject.toml --cache-dir ../.mypy_cache/dashboard .
	@MYPYPATH=dashboard:functions/ingest .venv/bin/mypy --strict benchmarks

.PHONY: browser
browser: setup ## Make sure that there is a Chromium: the system's, else Playwright's own
	@$(PY) -m localcloud.chromium

.PHONY: terraform-check
terraform-check: setup ## Validate, test and plan terraform/ against the providers' schemas; says so when it cannot; with TERRAFORM_OFFLINE=COMMAND without a registry
	@if [ -n "$$TERRAFORM_OFFLINE" ]; then set -e; \
	  echo "==> terraform: validate, test, apply and an empty second plan, with $$TERRAFORM_OFFLINE for the providers; shown when it fails"; \
	  said=$$(mktemp); exec 3>&1; \
	  trap 'status=$$?; if [ $$status != 0 ]; then cat "$$said" >&3; fi; rm -f "$$said"; exit $$status' EXIT; \
	  exec >"$$said" 2>&1; \
	  set -m; trap 'kill -- -$$!; exit 143' INT TERM; step() { $$TERRAFORM_OFFLINE --quiet "$$@" & wait $$!; }; \
	  for folder in terraform terraform/bootstrap; do \
	    step $$folder validate; \
	    step $$folder test; \
	  done; \
	  step terraform check -var-file=terraform.tfvars.example; \
	  grep -E '^(Success|Apply complete|No changes)' "$$said" >&3; \
	elif command -v terraform >/dev/null && terraform -chdir=terraform init -backend=false -input=false >/dev/null 2>&1; then set -e; \
	  echo "==> terraform: validate and test"; \
	  terraform -chdir=terraform validate; \
	  terraform -chdir=terraform test; \
	  terraform -chdir=terraform/bootstrap init -backend=false -input=false >/dev/null; \
	  terraform -chdir=terraform/bootstrap validate; \
	  terraform -chdir=terraform/bootstrap test; \
	else \
	  echo "==> terraform/ was NOT checked: there is no terraform, or its provider registry cannot be reached"; \
	fi
	@if command -v terraform >/dev/null; then terraform fmt -check -recursive -diff terraform; fi

.PHONY: checkov
checkov: .venvs/checkov/installed ## Look for insecure settings in terraform/
	@echo "==> checkov: insecure settings in terraform/"
	@.venvs/checkov/bin/checkov --config-file terraform/.checkov.yaml

.PHONY: sbom
sbom: .venvs/sbom/installed ## Write what each deployed part is made of into build/sbom, as CycloneDX
	@mkdir -p build/sbom
	@set -e; commit=$$(git rev-parse --short HEAD); committed_at=$$(git log -1 --format=%ct); \
	for part in $(FUNCTIONS:%=functions/%) dashboard; do at=build/sbom/$${part##*/}; \
	  .venv/bin/uv venv --quiet --clear --python .venv/bin/python $$at; \
	  .venv/bin/uv pip sync --quiet --require-hashes --python $$at $$part/requirements.txt; \
	  needs=$$(awk '/^[a-z]/ { printf "\"%s\", ", $$1 }' $$part/requirements.in); \
	  printf '[project]\nname = "heavy-rotation-%s"\nversion = "%s"\nlicense = "Apache-2.0"\ndependencies = [%s]\n' $${part##*/} \
	    "$$commit" "$$needs" > $$at/pyproject.toml; \
	  SOURCE_DATE_EPOCH=$$committed_at .venvs/sbom/bin/cyclonedx-py environment --output-reproducible \
	    --pyproject $$at/pyproject.toml --output-file $$at.cdx.json.part $$at; \
	  mv $$at.cdx.json.part $$at.cdx.json; rm -r $$at; echo "$$at.cdx.json"; done

TOOLS := $(addprefix .venvs/,$(addsuffix /installed,checkov checks sbom))
$(TOOLS): .venvs/%/installed: requirements/%.txt .venv/installed
	@echo "==> setting up .venvs/$*"
	@.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venvs/$*
	@.venv/bin/uv pip sync --quiet --require-hashes --python .venvs/$* requirements/$*.txt
	@touch $@

.PHONY: fix
fix: setup ## Format the code and repair what ruff can repair
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

.PHONY: docs
docs: setup ## Write what is generated in README.md and docs/: tables, commands, costs
	@$(PY) -m tests.contracts.generated_docs
	@$(PY) -m benchmarks.costs --write

.PHONY: up
up: setup ## Start the laptop cloud with its hourly schedule; Ctrl-C stops it, its data stays in .localcloud
	@$(PY) -m localcloud up --data $(DATA)

.PHONY: dashboard
dashboard: setup ## Open the dashboard on what the running laptop cloud holds; Ctrl-C stops it
	@$(PY) -m localcloud dashboard --data $(DATA)

.PHONY: deploy
deploy: ## Apply terraform/ to the project in terraform.tfvars; shows the plan and asks first
	@test -f terraform/terraform.tfvars || { echo "Copy terraform/terraform.tfvars.example to terraform/terraform.tfvars and fill it in first."; exit 2; }
	@terraform -chdir=terraform init -input=false && terraform -chdir=terraform apply

.PHONY: dashboard-image
dashboard-image: ## Build and push the dashboard's image and tell Terraform its digest (needs docker and gcloud)
	@for tool in docker gcloud terraform; do command -v $$tool >/dev/null || { echo "$$tool is missing: docs/deploy.md"; exit 1; }; done
	@image=$$(terraform -chdir=terraform output -no-color -raw dashboard_image_name 2>/dev/null); \
	  case "$$image" in *-docker.pkg.dev/*/dashboard) ;; *) \
	    echo "Terraform names no image: make deploy first, with dashboard.access = \"iap\" or \"oidc\"."; exit 1;; esac; \
	  gcloud auth configure-docker "$${image%%/*}" --quiet && \
	  docker build --platform linux/amd64 --tag "$$image:build" dashboard && docker push "$$image:build" && \
	  digests=$$(docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$$image:build") && \
	  digest=$$(grep "^$$image@" <<< "$$digests") && \
	  printf 'dashboard_image = "%s"\n' "$$digest" > terraform/dashboard.auto.tfvars && \
	  echo "Now: make deploy"

.PHONY: bench
bench: bench-spark bench-import bench-cold-start bench-run bench-dashboard bench-same-play ## Measure all that follows, one after the other (twenty minutes)
bench-spark: ## Measure the Spark job against ListenBrainz's way, DuckDB and a plain group-and-count (seven minutes)
bench-cold-start: ## Measure each function's start against its Google clients alone, and with pandas (two minutes)
bench-run: ## Measure a run's calls, bytes and seconds by hop for 1 to 100 listeners (two minutes)
bench-dashboard: ## Measure the dashboard with ten years of a heavy listener (three minutes)
bench-same-play: ## How well load finds the play that the API and an export both report: precision and recall (two minutes)
bench-import: setup ## Measure an import of half a million rows against reading the files with json and DuckDB (three minutes)
	@$(PY) -m benchmarks.imports $(ARGS)
bench-%: setup
	@echo "==> python -m benchmarks.$(subst -,_,$*) $(ARGS)"
	@$(PY) -m benchmarks.$(subst -,_,$*) $(ARGS)

.PHONY: costs
costs: setup ## What a month costs at list prices (LAPTOP=.localcloud or PROJECT=name: for the ledger there)
	@$(PY) -m benchmarks.costs $(if $(LAPTOP),--laptop $(LAPTOP)) $(if $(PROJECT),--project $(PROJECT))

OWNERS := authorize check listeners runs run-now import imports enrich export repair forget
.PHONY: $(OWNERS)
authorize: ## Ask a listener for consent: make authorize LISTENER=anna (LAPTOP=.localcloud: on the laptop cloud)
check: ## Check whether everything is ready for a run: APIs, quota, tables, consents, schedule, dashboard
listeners: ## Show each listener: state, days of consent left, last play, last error
runs: ## Show the ledger: what each step of each run did, or why not
run-now: ## Fire the schedule once and follow the run to its end
import: ## Store Spotify's data export: make import LISTENER=anna FILES=my_spotify_data.zip
imports: ## List the imports of all listeners
enrich: ## Fetch audio features now for up to 1,000 tracks that have none, instead of a few an hour
export: ## Write every play of a listener into a file: make export LISTENER=anna
repair: ## Make one row of each play that is stored twice
forget: ## Delete everything of a listener, after asking: make forget LISTENER=anna
# A variable of the shell goes to no command that takes none.
authorize import export forget: WHO = $(LISTENER)
import: WHAT = $(FILES)
$(OWNERS): setup
	@$(PY) -m cli $@ $(WHO) $(WHAT) $(if $(LAPTOP),--laptop $(LAPTOP)) $(ARGS)

.PHONY: setup
setup: .venv/installed $(FUNCTIONS:%=.venvs/%/installed) ## Make the Python environments (the other targets do it when needed)

.venv/installed: requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " \
	  + sys.version.split()[0] + ". Name another one: make PYTHON=/path/to/python3.12")'
	@echo "==> setting up .venv (first time: downloads about 0.5 GB, most of it Spark; a minute or two)"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@.venv/bin/uv pip sync --quiet --require-hashes --python .venv requirements/dev.txt requirements/uv.txt
	@touch $@

.venvs/%/installed: functions/%/requirements.txt requirements/clock.txt .venv/installed
	@echo "==> setting up .venvs/$*: what the function $* has in the cloud, and the laptop's clock"
	@.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venvs/$*
	@.venv/bin/uv pip sync --quiet --require-hashes --python .venvs/$* functions/$*/requirements.txt requirements/clock.txt
	@touch $@

.PHONY: requirements
requirements: .venv/installed ## Compile every requirements.in into pinned, hashed requirements
	@for name in $(FUNCTIONS); do (cd functions/$$name && $(COMPILE) --no-strip-extras $(UPGRADE) requirements.in -o requirements.txt \
	  && awk '$(WITH_BARE_NAMES)' requirements.txt > requirements.bare && mv requirements.bare requirements.txt) || exit 1; done
	@cd dashboard && $(COMPILE) $(UPGRADE) requirements.in -o requirements.txt
	@cd requirements && for name in uv dev clock checkov checks sbom; do $(COMPILE) $(UPGRADE) $$name.in -o $$name.txt || exit 1; done
COMPILE = $(CURDIR)/.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
# To pip 23.2, which came with Python 3.12.0, package[extra] and package are two packages: each needs its pin.
WITH_BARE_NAMES = function give() { printf "%s", pin; if (sub(/^[a-z0-9-]+\[[^]]*\]/, name, pin)) printf "%s", pin } \
  /^[^ \#]/ { give(); pin = ""; name = $$0; sub(/[^a-z0-9-].*/, "", name) } { pin = pin $$0 "\n" } END { give() }

.PHONY: clean
clean: ## Remove the environments and everything that was built; data in .localcloud stays
	@rm -rf .venv .venvs build .mypy_cache .ruff_cache .pytest_cache .hypothesis
