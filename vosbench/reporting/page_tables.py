"""Write tables as files in every format, and as cells of text for a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vosbench import formats
from vosbench.analysis.groups import Group, card_or_none, sequence_means
from vosbench.files import write_text
from vosbench.tables import UNDEFINED, Cell, Column, Table, cells, footnotes, laid_out
from vosbench.toolbox.reports.page import Place, ShownTable

HEADLINES = ("J&F", "J")  # the first of these columns gets the bars


def by_sequence(group: Group) -> Table:
    """J of every run in each sequence, as in its summary, with the sequence's attributes."""
    card = card_or_none(group.results[0])
    tags = card.attributes if card else {}
    means = [sequence_means(run) for run in group.results]
    rows: list[tuple[Cell, ...]] = []
    for row in group.results[0].summary["sequences"]:
        name = row["sequence"]
        scores = (of.get(name) for of in means)
        attributes = " ".join(tags.get(name, ())) or None
        rows.append((name, attributes, row["frames"], row["objects"], *scores))
    return Table(
        name="by-sequence",
        title=f"J of each sequence: {group.title}",
        columns=(
            Column("sequence"),
            Column("attributes"),
            Column("frames"),
            Column("objects"),
            *(Column(run.name, "%", better="higher") for run in group.results),
        ),
        rows=tuple(rows),
        notes=("frames: those that are scored; J: mean over the objects", *group.notes),
    )


def write_files(table: Table, out: Path, where: str) -> tuple[str, ...]:
    """Write the table into `out`/`where` in every format for files; paths are relative to `out`."""
    (out / where).mkdir(parents=True, exist_ok=True)
    files = {
        f"{where}/{table.name}{formats.suffix(name)}": formats.render(table, name)
        for name in formats.names()
        if name != formats.TERMINAL
    }
    for file, text in files.items():
        write_text(out / file, text)
    return tuple(files)


def show(table: Table, files: tuple[str, ...] = (), *, folded: bool = False) -> ShownTable:
    """The table as a page shows it: scaled and rounded, the best of each column marked."""
    columns, _ = laid_out(table)
    header, rows, numeric = cells(table)
    bar = next((header.index(name) for name in HEADLINES if name in header), None)
    return ShownTable(
        name=table.name,
        title=table.title,
        header=header,
        rows=rows,
        numeric=numeric,
        notes=footnotes(table),
        bar=bar if table.name == "scores" else None,
        best=frozenset(_best(columns, rows)) if _is_by_run(table) else frozenset(),
        places=tuple(map(_place, table.records())),
        files=files,
        folded=folded,
    )


def _is_by_run(table: Table) -> bool:
    """Whether each run has one row, so that the rows of a column compete."""
    names = [str(row[0]) for row in table.rows]
    return table.columns[0].name == "run" and len(set(names)) == len(names) > 1


def _best(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """The cells that show the best of their column; all that show the same are so."""
    found = []
    for c, column in enumerate(columns):
        values = {row[c] for row in rows if row[c] != UNDEFINED}
        if not column.better or len(values) < 2:
            continue
        best = (max if column.better == "higher" else min)(values, key=float)
        found += [(r, c) for r, row in enumerate(rows) if row[c] == best]
    return found


def _place(row: dict[str, Cell]) -> Place | None:
    """What a row is about: columns named `sequence`, `frame` or `worst frame`, and `run`."""
    if not isinstance(row.get("sequence"), str):
        return None
    frame = row.get("frame", row.get("worst frame"))
    return Place(str(row["sequence"]), str(frame or ""), str(row.get("run") or ""))
