"""Score masks on disk against a dataset's truth."""
