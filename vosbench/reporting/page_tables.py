"""Write tables as files in every format, and as cells of text for a page."""

from __future__ import annotations

from pathlib import Path

from vosbench import formats
from vosbench.files import write_text
from vosbench.tables import Cell, Table, best, cells, footnotes
from vosbench.toolbox.reports.page import Place, ShownTable

HEADLINES = ("J&F", "J")  # the first of these columns gets the bars


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
        best=best(table),
        places=tuple(map(_place, table.records())),
        files=files,
        folded=folded,
    )


def _place(row: dict[str, Cell]) -> Place | None:
    """What a row is about: columns named `sequence`, `frame` or `worst frame`, and `run`."""
    if not isinstance(row.get("sequence"), str):
        return None
    frame = row.get("frame", row.get("worst frame"))
    return Place(str(row["sequence"]), str(frame or ""), str(row.get("run") or ""))
