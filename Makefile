PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo check test bench

install: .venv/installed

.venv/installed: pyproject.toml Makefile
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --no-deps vos-benchmark==0.1.0 trackeval==1.3.0
	touch $@

demo: install
	$(BIN)/vosbench run --method copy-first --dataset synthetic --out demo
	$(BIN)/vosbench run --method optical-flow --dataset synthetic --out demo
	$(BIN)/vosbench compare demo/*-synthetic --picture demo/picture.png
	@echo "masks and scores of each run: demo/<run>/masks, demo/<run>/scores.csv, summary.json"

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: check
	$(BIN)/pytest

bench: install
	$(BIN)/python benchmarks/scoring.py
