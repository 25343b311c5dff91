"""Suites: TOML lists of trainings and runs, of which only what is missing is done."""
