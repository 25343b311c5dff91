"""What inspecting gave <-> a folder: tables in every format, figures, and features.json.

What was computed is kept there under a key of all that decides it, and is read again instead of
being computed anew.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.drawing.figure import KeptFigure
from vosbench.errors import DataError, UsageError
from vosbench.files import place_of, refuse_foreign, remove, replace_folder, write_json, write_text
from vosbench.formats import SUFFIXES, from_json, render
from vosbench.tables import Table
from vosbench.types import check_name

if TYPE_CHECKING:
    from vosbench.inspection.exhibits import Shown


MARK = "features.json"


@dataclass(frozen=True)
class Kept:
    """Tables and figures of a folder; `key` is "" where nothing is meant to be reused."""

    key: str
    tables: tuple[Table, ...]
    figures: tuple[KeptFigure, ...]


def write(looked: Seq[Shown], folder: Path, *, key: str = "") -> None:
    """Write tables and figures beside a folder and give them its place when they are all there.

    Raises:
        UsageError: the folder holds what was not written so, see `check_place`.
    """
    place = place_of(folder)
    check_place(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    folder = place.with_name(f".{place.name}.{os.getpid()}.part")
    remove(folder, inside=place.parent)
    folder.mkdir()
    try:
        _write(looked, folder, key)
        check_place(place)
        replace_folder(folder, place)
    finally:
        with contextlib.suppress(OSError):
            remove(folder, inside=place.parent)


def check_place(folder: Path) -> None:
    """Raise UsageError unless a folder is empty, not there, or all of what `write` wrote."""
    folder = place_of(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        said = json.loads((folder / MARK).read_text(encoding="utf-8"))
        own = {
            MARK,
            *(f"{name}{suffix}" for name in said["tables"] for suffix in SUFFIXES.values()),
        }
        own.update(f"{each['name']}{end}" for each in said["figures"] for end in (".png", ".svg"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(
            f"{folder} holds something, but nothing that was inspected (it has no {MARK} of it), "
            "and is not replaced; remove it, or name another folder"
        ) from None
    refuse_foreign(folder, own, what="what was inspected")


def _write(looked: Seq[Shown], folder: Path, key: str) -> None:
    from vosbench.drawing.style import save

    tables = [table for shown in looked for table in shown.tables]
    figures = [figure for shown in looked for figure in shown.figures]
    for table in tables:
        for kind, suffix in SUFFIXES.items():
            write_text(folder / f"{table.name}{suffix}", render(table, kind))
    for figure in figures:
        save(figure.figure, folder / figure.name)
    write_json(
        folder / MARK,
        {
            "key": key,
            "tables": [table.name for table in tables],
            "figures": [
                {"name": f.name, "caption": f.caption, "alt": f.alt, "pictures": f.pictures}
                for f in figures
            ],
        },
    )


def read(folder: Path) -> Kept | None:
    """What `write` left; None where there is nothing or not all of it.

    Raises:
        DataError: a file of it is damaged.
    """
    if not (folder / MARK).is_file():
        return None
    try:
        said = json.loads((folder / MARK).read_text(encoding="utf-8"))
        tables = tuple(
            from_json((folder / f"{check_name(name, 'table', MARK)}.json").read_text("utf-8"))
            for name in said["tables"]
        )
        for each in said["figures"]:
            check_name(each["name"], "figure", folder / MARK)
        figures = tuple(
            KeptFigure(**each, folder=folder, file=each["name"]) for each in said["figures"]
        )
        return Kept(said["key"], tables, figures)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder} is damaged: {error!r}; remove it, and it is made anew"
        ) from error
