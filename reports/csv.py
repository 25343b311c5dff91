"""A table as CSV for programs: one header line and the plain values, scores 0-1, no notes."""

from __future__ import annotations

import csv
import io

from vosbench.tables import Table

SOURCE = "vosbench"
SUFFIX = ".csv"


def render(table: Table) -> str:
    """Write the values as they were computed; an empty cell is undefined."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows(table.rows)
    return out.getvalue()
