# `make help` lists the targets. The first one you call makes the environment in .venv from the lock file.
PYTHON ?= python3
VENV = .venv
# What other versions than the locked ones cannot pass: that they are the locked ones, and that a picture has not changed by a byte.
NOT_LOCKED = $(addprefix --deselect tests/,test_packaging.py::test_this_environment_is_the_locked_one \
	test_packaging.py::test_the_lock_holds_all_that_is_needed_and_nothing_else \
	test_notebooks.py::test_rerunning_a_numpy_lecture_changes_no_byte)
BIN = $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)

.PHONY: help book test slides pdf browser class lab notebooks exercises replicate bench lint lock oldest newest address clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

book: $(VENV)/ready  ## build the book; open _build/html/index.html
	$(BIN)/jupyter-book build . -W -n --keep-going

test: $(VENV)/ready  ## run all tests, every notebook among them
	$(BIN)/python -m pytest

slides: $(VENV)/ready  ## make a deck of slides of each lecture; open _build/slides/week01_....html
	$(BIN)/python tools/slides.py

pdf: $(VENV)/ready  ## print the whole book into _build/course.pdf; needs Chromium
	$(BIN)/python tools/pdf.py

browser: $(VENV)/ready  ## look at every page of the book in Chromium: barriers, formulas, pictures, links; some minutes
	$(BIN)/python -m pytest tests/test_browser.py -m browser --numprocesses=0 --no-cov

class: $(VENV)/ready  ## grade a class of 120, look at the formgrader in Chromium, try all exercises with odd answers; some minutes
	$(BIN)/python -m pytest tests/test_grading*.py -m browser --numprocesses=0 --no-cov

lab: $(VENV)/ready  ## open JupyterLab on the contents of the course
	$(BIN)/jupyter lab --LabApp.app_settings_dir=tools/lab --LabApp.default_url=/lab/tree/book/welcome.md

notebooks: $(VENV)/ready  ## run every notebook again and store its outputs
	$(BIN)/python tools/run_notebooks.py

exercises: $(VENV)/ready  ## make the students' exercise notebooks from the sources in assignments/
	$(BIN)/python tools/exercises.py

replicate: $(VENV)/ready  ## run every lecture under twenty other seeds and count what held; hours, and it goes on where it was stopped
	$(BIN)/python tools/replicate.py

bench: $(VENV)/ready  ## time grids and roll-outs against plain loops, about eight minutes; the table goes into the book
	$(BIN)/python tools/bench.py

lint: $(VENV)/ready  ## check and format modules and notebooks
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(VENV)/ready  ## resolve the lock file anew from pyproject.toml (needs a network)
	$(BIN)/uv pip compile --universal --fork-strategy fewest --python-version 3.11 --all-extras --no-header --upgrade --output-file requirements.txt pyproject.toml

oldest: .venv-oldest/ready  ## run all tests with the oldest packages that the course supports
	.venv-oldest/bin/python -m pytest $(NOT_LOCKED)

newest: .venv-newest/ready  ## run all tests with the newest packages there are
	.venv-newest/bin/python -m pytest $(NOT_LOCKED)

address: $(VENV)/ready  ## change the repository's address everywhere: make address URL=https://github.com/you/fork
	$(BIN)/python tools/set_address.py $(URL)

clean:  ## remove the built book and the environment
	rm -rf _build $(VENV) .venv-oldest .venv-newest

$(VENV)/ready: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "this course needs Python 3.11 to 3.13, and $(PYTHON) is " + sys.version.split()[0] + "; name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# The lowest versions of what physnets itself needs; books and tests are made with whatever fits beside them.
.venv-oldest/ready: $(VENV)/ready pyproject.toml
	$(BIN)/uv venv --seed --clear --quiet --python 3.11 .venv-oldest
	$(BIN)/uv pip compile --quiet --no-deps --python-version 3.11 --resolution lowest-direct --output-file .venv-oldest/oldest.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python .venv-oldest --constraint .venv-oldest/oldest.txt --requirement pyproject.toml --all-extras
	$(BIN)/uv pip install --quiet --python .venv-oldest --no-deps --no-build-isolation --editable .
	touch $@

.venv-newest/ready: $(VENV)/ready pyproject.toml
	$(BIN)/uv venv --seed --clear --quiet .venv-newest
	$(BIN)/uv pip install --quiet --python .venv-newest --upgrade --requirement pyproject.toml --all-extras
	$(BIN)/uv pip install --quiet --python .venv-newest --no-deps --no-build-isolation --editable .
	touch $@
