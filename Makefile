# Brings Prefect up from this checkout; `make` alone lists what there is.
# Tools and state are in .local/. Plain Pulumi works too: eval "$(make -s env)"

PYTHON = python3
STACK = dev

TOOLCHAIN = $(PYTHON) -m toolchain
RUN = $(TOOLCHAIN) run
TEST = $(TOOLCHAIN) --tests run

# The stack of this machine is changed without a question. Any other asks first, as Pulumi does, unless YES=1.
CONSENT = $(if $(YES),--yes,$(if $(filter dev,$(STACK)),--yes --skip-preview))

help: ## list the targets
	@sed -n 's/^\([a-z0-9]*\):.*## /make \1@/p' Makefile | tr @ '\t' | expand -t 16

up: ## bring STACK (default: dev) up; PLAN=FINGERPRINT refuses any plan but that one, which `make preview` printed
	@$(RUN) python -m toolchain.stack '$(STACK)'
	$(if $(PLAN),@$(RUN) python -m toolchain.preview --expect '$(PLAN)' '$(STACK)')
	@$(RUN) python -m toolchain.services start '$(STACK)'
	@$(RUN) pulumi up --stack '$(STACK)' $(CONSENT) $(if $(PLAN),--plan '.local/preview/$(STACK)/plan.json')
	@$(RUN) python -m toolchain.summary '$(STACK)'

login: ## print what to log in with
	@$(RUN) pulumi stack output authString --show-secrets --stack '$(STACK)'

preview: ## show what `make up` would change and what that means
	@$(RUN) python -m toolchain.stack '$(STACK)'
	@$(RUN) python -m toolchain.preview '$(STACK)'

diagram: ## draw STACK's topology, what would change marked
	@$(RUN) python -m toolchain.stack '$(STACK)'
	@$(RUN) python -m toolchain.preview --only-diagram '$(STACK)'

down: ## stop STACK's services on this machine; keeps the data
	@$(RUN) python -m toolchain.services stop '$(STACK)'

destroy: ## remove what `make up` made; asks, unless YES=1
	@$(RUN) pulumi destroy --stack '$(STACK)' $(if $(YES),--yes)

env: ## print the settings with which plain Pulumi works
	@$(TOOLCHAIN) env

test: ## run the tests; ARGS go to pytest
ifdef ARGS
	@$(TEST) python -m pytest $(ARGS)
else
	@$(TEST) python -m pytest --numprocesses 2 --dist loadfile --ignore tests/engine --ignore tests/e2e
	@$(TEST) python -m pytest --numprocesses 2 --dist loadfile tests/engine
	@$(TEST) python -m pytest tests/e2e -m short
endif

e2e: ## run the program on booted hosts, faults and all (root, about an hour)
	@$(TEST) python -m pytest tests/e2e

bench: ## measure what is promised of one server (root, about 5 minutes)
	@$(TEST) python -m benchmarks.single_vps

check: ## lint and type-check
	@$(TEST) ruff check
	@$(TEST) ruff format --check
	@$(TEST) python -m mypy .
	@$(TEST) find scripts toolchain -name '*.sh' -exec shellcheck {} +
	@$(TEST) python -m pytest --quiet tests/documents/test_documents.py tests/documents/test_files.py tests/documents/test_workflows.py

lock: ## resolve the Python dependencies anew
	@$(TEST) sh toolchain/lock.sh

policypack: .local/venv-policies/installed ## install what `pulumi preview --policy-pack policies` needs
.local/venv-policies/installed: policies/requirements.txt
	@$(PYTHON) -m venv --clear .local/venv-policies
	@.local/venv-policies/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: --requirement $<
	@touch $@

wheelhouse: ## download Prefect for hosts without a package index; ARGS="--python-version 3.11 DIRECTORY", --help tells more
	@$(RUN) python -m toolchain.wheelhouse $(ARGS)

clean: ## remove the tools; keeps state, passphrase and data
	@$(TOOLCHAIN) clean

.PHONY: help up login preview diagram down destroy env test e2e bench check lock policypack wheelhouse clean
