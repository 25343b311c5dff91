"""A table as JSON for programs: its columns with their units, rows as objects, scores 0-1."""

from __future__ import annotations

from vosbench.tables import Table, as_json

SOURCE = "vosbench"
SUFFIX = ".json"


def render(table: Table) -> str:
    """Write the values as they were computed; null is undefined."""
    return as_json(table)
