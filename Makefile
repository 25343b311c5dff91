PYTHON ?= python3
BIN := .venv/bin

# rules that would have us write what Python 3.11 cannot read, nor mypy for it
SYNTAX_OF_312 := UP040,UP043,UP046,UP047

.PHONY: install demo check test docs bench weights paper

install: .venv/installed

.venv/installed: pyproject.toml Makefile
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[all,dev]"
	$(BIN)/python -m pip install --quiet --no-deps vos-benchmark==0.1.0 trackeval==1.3.0
	touch $@

demo: install
	@mkdir -p demo
	$(BIN)/vosbench suite demo --out demo --workers 2 > demo/table.txt
	$(BIN)/vosbench compare demo/runs/*-synthetic-* --picture demo/picture.png
	$(BIN)/vosbench report demo/runs/*-synthetic-* --out demo/report
	@echo "masks and scores of each run: demo/runs/<run>/masks, scores.csv, summary.json"
	@echo "the report, with a viewer of every frame: demo/report/index.html"

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/ruff check --target-version py314 --extend-ignore $(SYNTAX_OF_312) .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.14

# a file of tests is one process's, as its tests share what they made
test: check
	$(BIN)/pytest --numprocesses logical --maxprocesses 8 --dist loadfile

# build/site/index.html; a broken link or a missing name is an error
docs: install
	$(BIN)/mkdocs build --strict

bench: install
	$(BIN)/python benchmarks/scoring.py

# VIDEOS: a folder of unlabelled clips; hours on two cores, each weight as soon as it is done
weights: install
	$(BIN)/vosbench suite weights --videos $(VIDEOS) --out build/weights

# VOSBENCH_DATA: the folder that holds DAVIS-2016; prints the tables and writes build/paper/report
paper: install
	$(BIN)/vosbench suite paper --out build/paper --format markdown
