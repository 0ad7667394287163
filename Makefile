# Every target works on a new machine: it first installs its dependencies into .venv, once.
PYTHON ?= python3
MODEL ?= inception-v3
NAME ?= inception-v3
HOST ?= 127.0.0.1
PORT ?= 8000
ARCH ?= x86_64
PYTHON_VERSION ?= 3.13
# two more than there are CPUs, since a test often waits for what it started
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 2); [ $$n -le 4 ] && echo $$((n + 2)) || echo 6)
BENCH ?= install accuracy kernels explain predict coldstart batch cloud package serve cost teach standing triggers scale

BIN := .venv/bin
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
# a file in one process, which keeps what its tests share; the slow ones, listed first, begin first
PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# a dot for each package that pip turns to, so that it is seen to move
INSTALL = { $(BIN)/pip --disable-pip-version-check install --prefer-binary -r $(1) || echo failed; } | \
  while read -r line; do case $$line in Collecting*) printf . ;; Installing*) printf " unpacking" ;; \
  failed) exit 1 ;; esac; done && echo

# without bytecode each of the workers would compile all tests anew, each time
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run free-ports check test torture bench lock openapi model infra deploy destroy package page tensorflow clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: free-ports .venv/dev ## Serve on this machine: [MODEL=inception-v3] [HOST=127.0.0.1] [PORT=8000] [URL_PORT=0] [AWS_PORT=4566] [TRIGGERS="sns lex"]
	@MODEL=$(MODEL) HOST=$(HOST) PORT=$(PORT) exec $(BIN)/python -m localcloud

free-ports:
	@[ -e .venv/dev ] || HOST=$(HOST) PORT=$(PORT) $(PYTHON) -m localcloud.listening

check: .venv/test ## Run lint, types and unit tests, in under a minute
	@$(LINT)
	@$(BIN)/pytest $(PARALLEL) tests/unit $(PYTEST)

test: .venv/test ## Run lint, types and all tests that this machine can run
	@$(LINT)
	@$(BIN)/pytest $(PARALLEL) $(PYTEST)

torture: .venv/test ## Run the long tests of faults and hostile input
	@$(BIN)/pytest --torture $(PARALLEL) tests/torture $(PYTEST)

bench: .venv/test ## Repeat all measurements, into docs/figures, README and docs; needs an idle machine
	@for each in $(BENCH); do echo "benchmarks.$$each"; $(BIN)/python -m benchmarks.$$each --save || exit 1; done
	@$(BIN)/python -m benchmarks.quote

lock: .venv/test ## Pin the deployed packages with hashes, after a change of requirements.txt
	@mkdir -p build && $(BIN)/pip-compile --quiet --upgrade --generate-hashes --strip-extras --no-header \
	  --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o build/lock requirements.txt
	@sed -n '/^#/!q;p' requirements.lock | cat - build/lock > build/lock.new && mv build/lock.new requirements.lock

openapi: .venv/dev ## Write openapi.json, after a change of a route, a request or an answer
	@$(BIN)/python -m tools.openapi

model: .venv/dev ## Fetch a model of the catalogue: [NAME=inception-v3]
	@$(BIN)/python -m tools.model fetch $(NAME)

infra: .venv/dev ## Create what `chalice deploy` needs: STAGE=dev [MODEL=inception-v3] [DEPLOY="--plan --region eu-west-1"]
	@$(BIN)/python -m tools.deploy --stage "$(STAGE)" --infra $(if $(filter-out file,$(origin MODEL)),--model "$(MODEL)") $(DEPLOY)

deploy: .venv/dev ## Deploy a stage to AWS, or update it: STAGE=dev [MODEL=inception-v3] [DEPLOY="--plan --region eu-west-1"]
	@$(BIN)/python -m tools.deploy --stage "$(STAGE)" $(if $(filter-out file,$(origin MODEL)),--model "$(MODEL)") $(DEPLOY)

destroy: .venv/dev ## Remove a stage, except its buckets: STAGE=dev [DEPLOY=--plan]
	@$(BIN)/python -m tools.deploy --stage "$(STAGE)" --destroy $(DEPLOY)

package: .venv/dev ## Build a deployment's zips and show their sizes: [ARCH=x86_64] [PYTHON_VERSION=3.13]
	@$(BIN)/python -m tools.bundle --arch $(ARCH) --python-version $(PYTHON_VERSION) --model $(MODEL)

page: ## Build the page, after a change of chalicelib/web; needs Node 20.19, 22.12 or later
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && npm run --silent build

tensorflow: .venv/tensorflow ## Install TensorFlow, to export and train models
	@echo "TensorFlow is in .venv."

clean: ## Remove everything installed or built; fetched models stay in .models
	rm -rf .venv build node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.13 …"; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/dev: .venv/made requirements.txt requirements-dev.txt
	@echo "Installing Chalice, LiteRT, NumPy, Pillow and an AWS for this machine into .venv: over half a gigabyte, once."
	@$(call INSTALL,requirements-dev.txt)
	@touch $@

.venv/tensorflow: .venv/dev requirements-tensorflow.txt
	@echo "Installing TensorFlow into .venv: over a gigabyte …"
	@$(call INSTALL,requirements-tensorflow.txt)
	@touch $@

.venv/test: .venv/tensorflow requirements-test.txt
	@echo "Installing what the tests need into .venv …"
	@$(call INSTALL,requirements-test.txt)
	@touch $@
