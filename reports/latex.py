r"""A table in LaTeX: a `table` float with booktabs rules; it needs \usepackage{booktabs}.

The best of a column is bold, and a long first column is wrapped, for a column of two. Under the
rules stands what a reader of the paper must know: the protocol by its name, and notes that begin in
capitals, as ONLY 1 of 30 sequences. All other notes are comments in the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

from vosbench.tables import Table, best, cells, footnotes
from vosbench.types import visible

SOURCE = "vosbench"
SUFFIX = ".tex"
COLUMN = 237  # points: the width of a column of a CVPR or WACV paper
LEAST = 60  # points: a narrower first column is not read

Strings: TypeAlias = Sequence[str]

_PROTOCOL = re.compile(r"protocol \S+(?=: )")
_LOUD = re.compile(r"\b(?:ONLY|NOT)\b")

_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "Ḟ": r"$\dot{F}$",
} | {sign: f"\\{sign}" for sign in "{}$&#_%"}  # fmt: skip


def render(table: Table) -> str:
    """Lay out the table; what LaTeX would read in its texts is escaped."""
    header, rows, numeric = cells(table)
    bold = best(table)
    fit = _fit(header, rows)
    body = [
        [
            _set(cell, right=right, bold=(r, c) in bold)
            for c, (cell, right) in enumerate(zip(row, numeric, strict=True))
        ]
        for r, row in enumerate(rows)
    ]
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_escape(table.title)}}}",
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', table.name)}}}",
        *(f"  {line}" for line in fit.lines),
        rf"  \begin{{tabular}}{{{_first(header, rows, numeric, fit)}{_others(numeric)}}}",
        r"    \toprule",
        rf"    {' & '.join(map(_escape, header))} \\",
        r"    \midrule",
        *(rf"    {' & '.join(row)} \\" for row in body),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(line for note in footnotes(table) for line in _note(note)),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _note(note: str) -> Iterator[str]:
    """A note below the rules, or as a comment; of a protocol's, what it is in a comment."""
    shown = note
    if named := _PROTOCOL.match(note):
        shown = note if " NOT " in note else named[0]
    elif not _LOUD.search(note):
        shown = ""
    if shown:
        yield rf"  \par\footnotesize {_escape(shown)}."
    if shown != note:
        yield f"  % {visible(note)}"


class Fit(NamedTuple):
    """How a table is made narrow: points of a sign and between columns, and the lines for that."""

    sign: int
    gap: int
    lines: tuple[str, ...] = ()


_TIGHT = r"\setlength{\tabcolsep}{3pt}"
FITS = (Fit(5, 12), Fit(5, 6, (_TIGHT,)), Fit(4, 6, (_TIGHT, r"\footnotesize")))  # of 10 pt text


def _longest(header: Strings, rows: Sequence[Strings]) -> list[int]:
    return [max(map(len, column)) for column in zip(header, *rows, strict=True)]


def _fit(header: Strings, rows: Sequence[Strings]) -> Fit:
    """The widest way in which a table fits a column; the narrowest where none does."""
    longest = _longest(header, rows)
    for fit in FITS:
        others = sum(fit.sign * signs + fit.gap for signs in longest[1:])
        first = min(LEAST, fit.sign * longest[0]) if longest else 0
        if first + fit.gap + others <= COLUMN:
            return fit
    return FITS[-1]


def _first(header: Strings, rows: Sequence[Strings], numeric: Sequence[bool], fit: Fit) -> str:
    """The first column: of words as wide as they are, or as the others leave room for."""
    if not header or numeric[0]:
        return "r"
    longest = _longest(header, rows)
    left = COLUMN - sum(fit.sign * signs + fit.gap for signs in longest[1:]) - fit.gap
    return "l" if fit.sign * longest[0] <= left or left < LEAST else rf"p{{{left}pt}}"


def _others(numeric: Sequence[bool]) -> str:
    return "".join("r" if right else "l" for right in numeric[1:])


def _set(cell: str, *, right: bool, bold: bool) -> str:
    """A cell as LaTeX sets it."""
    text = _minus(cell) if right else _escape(cell)
    return rf"\textbf{{{text}}}" if bold else text


def _escape(text: str) -> str:
    return "".join(_SIGNS.get(sign, sign) for sign in visible(text))


def _minus(number: str) -> str:
    """A cell of numbers, whose signs are minus signs and not hyphens."""
    return re.sub(r"-(?=\d)", "$-$", _escape(number))
