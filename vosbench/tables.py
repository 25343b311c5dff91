"""The table that every analysis returns and every report shows: plain values with notes.

Scores stay 0-1 in a table; a column of unit `%` shows them x 100. What is undefined is None.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from vosbench import formats
from vosbench.errors import needing
from vosbench.files import misfit
from vosbench.types import check_name, visible

if TYPE_CHECKING:
    import pandas

Cell: TypeAlias = str | int | float | None

UNDEFINED = "-"
INTERVAL = "95 % interval"
BOUNDS = (" low", " high")  # behind the name of a column whose interval they bound


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


def with_interval(column: Column) -> tuple[Column, Column, Column]:
    """A column and those of its interval's bounds, which `laid_out` shows as one."""
    low, high = (replace(column, name=f"{column.name}{end}", better="") for end in BOUNDS)
    return column, low, high


def is_bound(column: Column) -> bool:
    """Whether this column is a bound of another column's interval."""
    return column.name.endswith(BOUNDS)


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

    def to_text(self, report: str = formats.TERMINAL) -> str:
        """The table as the text of a report plugin, see `vosbench list reports`."""
        return formats.render(self, report)

    def to_markdown(self) -> str:
        """A pipe table for Markdown, rounded."""
        return self.to_text("markdown")

    def to_latex(self) -> str:
        r"""A `table` float for LaTeX, rounded; it needs \usepackage{booktabs}."""
        return self.to_text("latex")

    def to_csv(self) -> str:
        """Comma-separated values, unrounded; scores are 0-1."""
        return self.to_text("csv")

    def to_pandas(self) -> pandas.DataFrame:
        """One row per row, unrounded; scores are 0-1."""
        with needing("a table for pandas"):
            import pandas

        names = [column.name for column in self.columns]
        return pandas.DataFrame([list(row) for row in self.rows], columns=names)


def shown(cell: Cell, column: Column) -> str:
    """A cell for a reader: scaled, rounded, a dash if undefined.

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


def laid_out(table: Table) -> tuple[tuple[Column, ...], tuple[tuple[str, ...], ...]]:
    """Columns and cells for a reader: `X low` and `X high` become one column, `low to high`."""
    columns: list[Column] = []
    places: list[tuple[int, int | None]] = []
    names = [column.name for column in table.columns]
    for place, column in enumerate(table.columns):
        stem = column.name.removesuffix(" low")
        if stem != column.name and names[place + 1 : place + 2] == [f"{stem} high"]:
            columns.append(Column(INTERVAL, column.unit, column.digits))
            places.append((place, place + 1))
        elif not (places and places[-1][1] == place):
            columns.append(column)
            places.append((place, None))
    rows = []
    for row in table.rows:
        cells = []
        for first, second in places:
            text = shown(row[first], table.columns[first])
            if second is not None and row[first] is not None:
                text += f" to {shown(row[second], table.columns[second])}"
            cells.append(text)
        rows.append(tuple(cells))
    return tuple(columns), tuple(rows)


def heading(column: Column) -> str:
    """A column's name with its unit; that scores are x 100 is said once, under the table."""
    return f"{column.name} ({column.unit})" if column.unit not in ("", "%") else column.name


def footnotes(table: Table) -> tuple[str, ...]:
    """Notes that hold for all columns, then the table's own."""
    percent = [column for column in table.columns if column.unit == "%"]
    scale = ("scores x 100",) if percent else ()
    return (*scale, *table.notes)


class Cells(NamedTuple):
    """A table as a reader sees it: header and rows as text, and which columns hold numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def cells(table: Table) -> Cells:
    """Names with units, values rounded, intervals in one column, each cell on one line.

    Columns of numbers are those to set on the right.
    """
    columns, rows = laid_out(table)
    words = {
        column.name
        for place, column in enumerate(table.columns)
        if any(isinstance(row[place], str) for row in table.rows)
    }
    return Cells(
        header=tuple(visible(heading(column)) for column in columns),
        rows=tuple(tuple(map(visible, row)) for row in rows),
        numeric=tuple(column.name not in words for column in columns),
    )


def best(table: Table) -> frozenset[tuple[int, int]]:
    """Row and column of the cells, as `cells` gives them, that show the best of their column.

    Rows compete where each is a run of its own; all that show the same are the best.
    """
    names = [str(row[0]) for row in table.rows]
    if not (table.columns[0].name == "run" and len(set(names)) == len(names) > 1):
        return frozenset()
    columns, rows = laid_out(table)
    found = []
    for c, column in enumerate(columns):
        values = {row[c] for row in rows if row[c] != UNDEFINED}
        if column.better and len(values) > 1:
            top = (max if column.better == "higher" else min)(values, key=float)
            found += [(r, c) for r, row in enumerate(rows) if row[c] == top]
    return frozenset(found)


def only(table: Table, names: Sequence[str]) -> Table:
    """The table with its first column, and of the others those named, in that order.

    An interval goes with its value; a note that begins with the name of a column goes with it.
    """
    others = [column.name for column in table.columns[1:]]
    wanted = [f"{name}{end}" for name in names for end in ("", *BOUNDS)]
    kept = [0, *(others.index(name) + 1 for name in wanted if name in others)]
    gone = tuple(f"{name}: " for name in others if name not in wanted)
    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
        notes=tuple(note for note in table.notes if not note.startswith(gone)),
    )


def as_json(table: Table) -> str:
    """Name, title, columns with their units, rows as objects, notes; `from_json` reads it back."""
    whole = {
        "name": table.name,
        "title": table.title,
        "columns": [asdict(column) for column in table.columns],
        "rows": list(table.records()),
        "notes": list(table.notes),
    }
    return json.dumps(whole, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


_CELL = (str, int, float, type(None))
_TABLE = {  # what `as_json` writes
    "name": str, "title": str, "rows": [dict], "notes": [str],
    "columns": [{"name": str, "unit": str, "digits": int, "better": str, "signed": bool}],
}  # fmt: skip


def from_json(text: str) -> Table:
    """The table that `as_json` wrote; ValueError where it is none."""
    whole = json.loads(text)
    if not (fault := misfit(whole, _TABLE)):
        row = {column["name"]: _CELL for column in whole["columns"]}
        faults = (misfit(each, row, f"rows[{at}]") for at, each in enumerate(whole["rows"]))
        fault = next(filter(None, faults), "" if row else "it has no columns")
    if fault:
        raise ValueError(fault)
    check_name(whole["name"], "table", "what was kept")
    columns = tuple(Column(**column) for column in whole["columns"])
    rows = tuple(tuple(row[column.name] for column in columns) for row in whole["rows"])
    return Table(whole["name"], whole["title"], columns, rows, tuple(whole["notes"]))
