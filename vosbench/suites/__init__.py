"""Suites: TOML lists of trainings and runs; what is done already is skipped."""
