"""What was inspected is read as it was written, and damage is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from vosbench.drawing import charts
from vosbench.drawing.charts import Value
from vosbench.drawing.exhibit import Exhibit
from vosbench.drawing.figure import Figure
from vosbench.errors import DataError
from vosbench.inspection import folder
from vosbench.tables import Column, Table

TABLE = Table(
    "one", "One & all", (Column("run"), Column("J", "%", better="higher")),
    (("a", 0.25), ("b", None)), ("a note",),
)  # fmt: skip


def looked() -> Exhibit:
    figure = charts.grouped_bars(["x"], {"a": [Value(0.5)]}, ylabel="J")
    return Exhibit("looked", "Looked", (TABLE,), (Figure("bars", "Bars.", "One bar.", figure),))


def test_a_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert folder.read(tmp_path) is None
    folder.write([looked()], tmp_path / "kept", key="k")
    assert folder.read(tmp_path / "kept", key="another") is None
    kept = folder.read(tmp_path / "kept", key="k")
    assert kept == folder.read(tmp_path / "kept")
    assert kept is not None
    assert (kept.title, kept.tables) == ("kept", (TABLE,))
    (figure,) = kept.figures
    assert (figure.caption, figure.alt, figure.pictures) == ("Bars.", "One bar.", False)
    png, svg = figure.save(tmp_path / "out")
    assert png.read_bytes() == (tmp_path / "kept" / "bars.png").read_bytes()
    assert svg.name == "bars.svg"


def test_damage_is_said(tmp_path: Path) -> None:
    folder.write([looked()], tmp_path)
    (tmp_path / "one.json").unlink()
    with pytest.raises(DataError, match=r"is damaged: .* remove it and inspect again"):
        folder.read(tmp_path)
