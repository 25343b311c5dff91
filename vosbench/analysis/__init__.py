"""Finished runs -> tables: where a method is good, where it fails, and how sure one can be."""
