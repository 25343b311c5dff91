"""What inspecting gave <-> a folder: tables in every format, figures, and features.json.

What was computed is kept there under a key of all that decides it, and is read again instead of
being computed anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.drawing.figure import KeptFigure
from vosbench.errors import DataError
from vosbench.files import write_json, write_text
from vosbench.formats import SUFFIXES, from_json, render
from vosbench.tables import Table

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
    """Write tables and figures, and last what tells that they are all there."""
    from vosbench.drawing.style import save

    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).unlink(missing_ok=True)
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
            from_json((folder / f"{name}.json").read_text(encoding="utf-8"))
            for name in said["tables"]
        )
        figures = tuple(
            KeptFigure(**each, folder=folder, file=each["name"]) for each in said["figures"]
        )
        return Kept(said["key"], tables, figures)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder} is damaged: {error!r}; remove it, and it is made anew"
        ) from error
