"""Running a method over a dataset: configuration in, masks and run.json out."""
