# The two commands of this project: `make lab` and `make test`. Both make .venv once and reuse it.

PYTHON ?= python3
VENV ?= .venv
LESSON ?= *
LAB_ARGS ?=

PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
SOURCES := trm_edu tests notebooks solutions exercises examples pictures $(wildcard benchmarks)

# JupyterLab asks no questions about news (.jupyterlab/overrides.json) and calls nobody.
# Without jupytext's server part, a student who saves a lesson changes that notebook alone. nbgrader, which the tests
# use, shows nothing to students (its page part: .jupyterlab/page_config.json); an instructor starts `jupyter lab` itself.
# A container's root user must be let in by name.
LAB_FLAGS := --LabApp.app_settings_dir=.jupyterlab --LabApp.news_url=None \
	--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.extension_manager=readonly \
	--ServerApp.jpserver_extensions=jupyterlab_jupytext=False \
	$(foreach part,formgrader validate_assignment assignment_list course_list,\
		--ServerApp.jpserver_extensions=nbgrader.server_extensions.$(part)=False) --ServerApp.root_dir=. \
	$(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
NOTEBOOK := $(PY) -m nbconvert --to notebook --inplace --execute --ExecutePreprocessor.record_timing=False \
	--ExecutePreprocessor.timeout=240
.PHONY: help lab test notebooks exercises evidence pictures format clean distclean show-lab-flags

help: ## show this list
	@echo "trm-edu: a course on the Tiny Recursive Model. Type make and one of:"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

lab: $(STAMP) ## open the course in JupyterLab, at lesson 00
	@echo "make lab: JupyterLab opens notebooks/00_start_here.ipynb; Ctrl-C twice ends it"
	$(PY) -m jupyterlab $(LAB_FLAGS) $(LAB_ARGS) notebooks/00_start_here.ipynb

# The browser test starts JupyterLab with the very same flags.
show-lab-flags:
	@echo '$(LAB_FLAGS)'

test: $(STAMP) ## check style, import contract, library and lessons
	@echo "make test 1/5: ruff check"
	@$(PY) -m ruff check $(SOURCES)
	@echo "make test 2/5: ruff format"
	@$(PY) -m ruff format --check $(SOURCES)
	@echo "make test 3/5: import contract"
	@$(PY) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	@echo "make test 4/5: library"
	@$(PY) -m pytest tests
	@echo "make test 5/5: lessons and solved exercises, every cell run again"
	@$(PY) -m pytest --nbval-lax --nbval-current-env --nbval-cell-timeout=240 notebooks/*.ipynb solutions/*.ipynb

notebooks: $(STAMP) ## make lessons from their text twins and run them (one: LESSON=10_trm_complete)
	@echo "make notebooks: notebooks/text/$(LESSON).py -> notebooks/$(LESSON).ipynb"
	$(PY) -m jupytext --sync notebooks/text/$(LESSON).py
	$(NOTEBOOK) notebooks/$(LESSON).ipynb

exercises: $(STAMP) ## make solutions from their text twins, run them, and make exercises of them (one: LESSON=...)
	@echo "make exercises: solutions/text/$(LESSON).py -> solutions/$(LESSON).ipynb -> exercises/"
	$(PY) -m jupytext --sync solutions/text/$(LESSON).py
	$(NOTEBOOK) solutions/$(LESSON).ipynb
	$(PY) solutions/make_exercises.py

evidence: $(STAMP) ## run the ladder from HRM to TRM from scratch in runs/evidence (hours; goes on where it stopped)
	$(PY) benchmarks/ladder.py --out runs/evidence

pictures: $(STAMP) ## make the pictures of the README from the shipped network
	$(PY) pictures/make.py

format: $(STAMP) ## let ruff format code and lessons
	$(PY) -m ruff check --fix $(SOURCES)
	$(PY) -m ruff format $(SOURCES)
	$(PY) -m jupytext --sync notebooks/*.ipynb solutions/*.ipynb
	$(PY) solutions/make_exercises.py

clean: ## remove what tests and tools leave behind; .venv stays
	rm -rf build dist test-artifacts .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find trm_edu tests notebooks solutions exercises -depth \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -exec rm -rf {} \;

distclean: clean ## clean, and remove .venv as well
	rm -rf $(VENV)

# The stamp is written last: an install that broke off is begun again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "make: PYTHON=$(PYTHON) is missing or older than 3.10; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "make: setting up $(VENV) with $(PYTHON) (once; a few minutes)"
	@test -x $(PY) && $(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo "make: $(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv"; exit 1; }
	$(PY) -m pip install --quiet -c constraints.txt -e ".[course,dev]"
	$(PY) -m trm_edu.cli doctor
	@touch $@
