"""Run a method on a dataset: configuration in, masks and run.json out."""
