"""Analyse scored runs: where a method is good, where it fails, and how sure that is."""
