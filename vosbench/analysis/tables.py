"""What every analysis gives and every report shows: a table of plain values with its notes.

Scores stay 0-1 in a table; a column of unit `%` shows them x 100. What is undefined is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Cell: TypeAlias = str | int | float | None

UNDEFINED = "-"


@dataclass(frozen=True)
class Column:
    """A column: its unit, the decimals shown, which direction is better, if any.

    signed: a difference, shown with its sign.
    """

    name: str
    unit: str = ""
    digits: int = 1
    better: Literal["higher", "lower", ""] = ""
    signed: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under columns; `name` is fit for a file's name, notes say what a reader must know."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            assert len(row) == len(self.columns), f"{self.name}: {row} has another width"
            assert not any(isinstance(cell, float) and math.isnan(cell) for cell in row), row

    def records(self) -> Iterator[dict[str, Cell]]:
        """Each row as column name -> value, unrounded."""
        for row in self.rows:
            yield dict(zip((column.name for column in self.columns), row, strict=True))


def shown(cell: Cell, column: Column) -> str:
    """A cell as a person reads it: scaled, rounded, a dash for what is undefined.

    >>> shown(0.3457, Column("J", "%")), shown(-0.0312, Column("gain", "%", signed=True))
    ('34.6', '-3.1')
    >>> shown(None, Column("J", "%")), shown(12, Column("n")), shown(2.0, Column("s", digits=3))
    ('-', '12', '2.000')
    """
    if cell is None:
        return UNDEFINED
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:+d}" if column.signed else str(cell)
    value = round(100 * cell if column.unit == "%" else cell, column.digits) + 0.0  # no -0.0
    return f"{value:{'+' if column.signed else ''}.{column.digits}f}"


def maybe(value: float) -> float | None:
    """A number as a cell: NaN is undefined."""
    return None if math.isnan(value) else float(value)
