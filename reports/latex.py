r"""A table in LaTeX: a `table` float with booktabs rules; it needs \usepackage{booktabs}."""

from __future__ import annotations

import re

from vosbench.tables import Table, cells, footnotes, one_line

SOURCE = "vosbench"
SUFFIX = ".tex"

_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
} | {sign: f"\\{sign}" for sign in "{}$&#_%"}  # fmt: skip


def render(table: Table) -> str:
    """Lay out the table; what LaTeX would read in its texts is escaped."""
    header, rows, numeric = cells(table)
    body = [
        [_minus(cell) if right else _escape(cell) for cell, right in zip(row, numeric, strict=True)]
        for row in rows
    ]
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_escape(table.title)}}}",
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', table.name)}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
        r"    \toprule",
        rf"    {' & '.join(map(_escape, header))} \\",
        r"    \midrule",
        *(rf"    {' & '.join(row)} \\" for row in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(rf"  \par\footnotesize {_escape(note)}." for note in footnotes(table)),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in one_line(text))


def _minus(number: str) -> str:
    """A cell of numbers, whose signs are minus signs and not hyphens."""
    return re.sub(r"-(?=\d)", "$-$", _escape(number))
