"""Write the tables and figures of an inspection into a folder, and read them back.

What was computed is kept there under a key of all that decides it, and is read again instead of
being computed anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vosbench import formats
from vosbench.drawing.exhibit import Exhibit, Exhibition
from vosbench.drawing.figure import SUFFIXES as PICTURES
from vosbench.drawing.figure import Figure
from vosbench.errors import DataError, UsageError
from vosbench.files import (
    built_beside,
    place_of,
    read_json,
    refuse_foreign,
    write_json,
    write_text,
)
from vosbench.tables import Table, as_json, from_json
from vosbench.types import check_name

MARK = "features.json"
SAID = {
    "key": str, "tables": [str],
    "figures": [{"name": str, "caption": str, "alt": str, "pictures": bool}],
}  # fmt: skip
REMEDY = "remove it and inspect again"


def write(exhibits: Iterable[Exhibit], folder: Path, *, key: str = "") -> None:
    """Write tables and figures beside a folder and give them its place when they are all there.

    Raises:
        UsageError: the folder holds what was not written so, see `check_place`.
    """
    with built_beside(place_of(folder), check_place) as building:
        _write(exhibits, building, key)


def check_place(folder: Path) -> None:
    """Raise UsageError unless a folder is empty, not there, or all of what `write` wrote."""
    folder = place_of(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        said = _said(folder)
        suffixes = {".json", *map(formats.suffix, formats.names())}
        own = {MARK, *(f"{name}{suffix}" for name in said["tables"] for suffix in suffixes)}
        own.update(f"{each['name']}{end}" for each in said["figures"] for end in PICTURES)
    except (OSError, DataError):
        raise UsageError(
            f"{folder} holds something, but nothing that was inspected (it has no {MARK} of it), "
            "and is not replaced; remove it, or name another folder"
        ) from None
    refuse_foreign(folder, own, what="what was inspected")


def _write(exhibits: Iterable[Exhibit], folder: Path, key: str) -> None:
    tables, figures = [], []
    for exhibit in exhibits:
        for table in exhibit.tables:
            for name in formats.names():
                text = formats.render(table, name)
                write_text(folder / f"{table.name}{formats.suffix(name)}", text)
            write_text(folder / f"{table.name}.json", as_json(table))  # what `read` reads
            tables.append(table.name)
        for figure in exhibit.figures:
            figure.save(folder)
            figures.append({
                "name": figure.name, "caption": figure.caption, "alt": figure.alt,
                "pictures": figure.pictures,
            })  # fmt: skip
    write_json(folder / MARK, {"key": key, "tables": tables, "figures": figures})


def read(folder: Path, *, key: str | None = None) -> Exhibit | None:
    """What `write` left, as one exhibit of the folder's name.

    None where there is nothing, not all of it, or where it was kept under another key than `key`.

    Raises:
        DataError: a file of it is damaged.
    """
    if not (folder / MARK).is_file():
        return None
    said = _said(folder)
    if key is not None and said["key"] != key:
        return None
    tables = tuple(
        _table(folder / f"{check_name(name, 'table', folder / MARK)}.json")
        for name in said["tables"]
    )
    figures = tuple(
        Figure(
            each["name"], each["caption"], each["alt"],
            folder / check_name(each["name"], "figure", folder / MARK), each["pictures"],
        )
        for each in said["figures"]
    )  # fmt: skip
    return Exhibit(f"features-{folder.name}", folder.name, tables, figures)


def _said(folder: Path) -> dict[str, Any]:
    """What the folder holds, as `write` noted it."""
    return read_json(folder / MARK, SAID, what="the list of an inspection", remedy=REMEDY)


def _table(path: Path) -> Table:
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path.parent} is damaged: {path.name}: {error!r}; {REMEDY}") from error


def exhibition(folder: Path) -> Exhibition:
    """What `vosbench inspect` wrote, or a report of the paper kept, an exhibit for each folder.

    Raises:
        UsageError: there is nothing of it.
        DataError: a file of it is damaged.
    """
    folders = (folder, *sorted(path for path in folder.glob("*") if path.is_dir()))
    exhibits = tuple(
        exhibit.prefixed(path.name) for path in folders if (exhibit := read(path)) is not None
    )
    if not exhibits:
        raise UsageError(
            f"{folder} holds nothing to show (no {MARK}); "
            f"`vosbench inspect RUN ... --out {folder}` makes it"
        )
    return Exhibition("features", "What embeddings are alike in", exhibits)
