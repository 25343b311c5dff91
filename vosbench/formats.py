r"""A table as text, Markdown, LaTeX (booktabs), CSV or JSON; whatever text it holds is escaped.

Text, Markdown and LaTeX are for readers: scaled, rounded, intervals in one column. CSV and JSON
are for programs: scores 0-1 as they were computed, an empty cell or null for what is undefined.
"""

from __future__ import annotations

import csv
import io
import json
import re
import textwrap
from dataclasses import asdict

from vosbench.errors import UsageError, did_you_mean
from vosbench.tables import Column, Table, footnotes, heading, laid_out
from vosbench.types import check_name

WIDTH = 100  # columns of a terminal, for notes; a table itself is as wide as its cells


def render(table: Table, kind: str) -> str:
    """The table in one of FORMATS; UsageError for another."""
    if kind not in FORMATS:
        raise UsageError(f"unknown format {kind!r}; {did_you_mean(kind, FORMATS)}")
    return FORMATS[kind](table)


def text(table: Table) -> str:
    """Aligned columns for a terminal."""
    header, rows, numeric = _cells(table)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [table.title, ""]
    for row in (header, tuple("-" * width for width in widths), *rows):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    lines.append("")
    for note in footnotes(table):
        lines += textwrap.wrap(note, WIDTH, subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def markdown(table: Table) -> str:
    """A pipe table under its title in bold, the notes in italics below."""
    header, rows, numeric = _cells(table)
    lines = [f"**{_markdown(table.title)}**", ""]
    lines.append(f"| {' | '.join(map(_markdown, header))} |")
    lines.append(f"|{'|'.join('---:' if right else '---' for right in numeric)}|")
    lines += [f"| {' | '.join(map(_markdown, row))} |" for row in rows]
    return "\n".join([*lines, "", *(f"_{_markdown(note)}_  " for note in footnotes(table))]) + "\n"


def latex(table: Table) -> str:
    r"""A `table` float with booktabs rules; it needs \usepackage{booktabs}."""
    header, rows, numeric = _cells(table)
    body = [
        [_minus(cell) if right else _latex(cell) for cell, right in zip(row, numeric, strict=True)]
        for row in rows
    ]
    notes = [rf"  \par\footnotesize {_latex(note)}." for note in footnotes(table)]
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_latex(table.title)}}}",
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', table.name)}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
        r"    \toprule",
        rf"    {' & '.join(map(_latex, header))} \\",
        r"    \midrule",
        *(rf"    {' & '.join(cells)} \\" for cells in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        *notes,
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def as_csv(table: Table) -> str:
    """One header line and the plain values; the notes are in the other formats."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(column.name for column in table.columns)
    writer.writerows(table.rows)
    return out.getvalue()


def as_json(table: Table) -> str:
    """Name, title, columns with their units, rows as objects, notes."""
    whole = {
        "name": table.name,
        "title": table.title,
        "columns": [asdict(column) for column in table.columns],
        "rows": list(table.records()),
        "notes": list(table.notes),
    }
    return json.dumps(whole, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def from_json(said: str) -> Table:
    """The table that `as_json` wrote."""
    whole = json.loads(said)
    check_name(whole["name"], "table", "what was kept")
    columns = tuple(Column(**column) for column in whole["columns"])
    rows = tuple(tuple(row[column.name] for column in columns) for row in whole["rows"])
    return Table(whole["name"], whole["title"], columns, rows, tuple(whole["notes"]))


FORMATS = {"text": text, "markdown": markdown, "latex": latex, "csv": as_csv, "json": as_json}
SUFFIXES = {"text": ".txt", "markdown": ".md", "latex": ".tex", "csv": ".csv", "json": ".json"}


def _cells(table: Table) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...], list[bool]]:
    """Header, rows and which columns hold numbers, which stand on the right."""
    columns, rows = laid_out(table)
    words = {
        column.name
        for place, column in enumerate(table.columns)
        if any(isinstance(row[place], str) for row in table.rows)
    }
    return tuple(map(heading, columns)), rows, [column.name not in words for column in columns]


def _markdown(said: str) -> str:
    """Text from outside may hold signs that Markdown or HTML would read, or a line's end."""
    return re.sub(r"([\\|_*`<>\[\]])", r"\\\1", _one_line(said))


_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
} | {sign: f"\\{sign}" for sign in "{}$&#_%"}  # fmt: skip


def _latex(said: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in _one_line(said))


def _minus(number: str) -> str:
    """A cell of numbers, whose signs are minus signs and not hyphens."""
    return re.sub(r"-(?=\d)", "$-$", _latex(number))


def _one_line(said: str) -> str:
    return " ".join(said.split())
