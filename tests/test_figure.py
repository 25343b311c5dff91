"""A figure on disk is sized for paper, and the same each time."""

from __future__ import annotations

from pathlib import Path

import matplotlib.figure
import pytest
from PIL import Image

from vosbench.drawing import charts, style
from vosbench.drawing.charts import Curve, Value
from vosbench.drawing.figure import Figure


def test_a_figure_is_written_as_wide_as_the_page_and_the_same_each_time(tmp_path: Path) -> None:
    def drawn(name: str) -> tuple[Path, Path]:
        figure = charts.grouped_bars(["x"], {"a": [Value(0.5)]}, ylabel="J")
        return Figure(name, "", "", figure).save(tmp_path / "deep")

    one, other = drawn("one"), drawn("two")
    with Image.open(one[0]) as image:
        assert image.width == round(style.PAGE * style.DPI)
    assert one[1].read_text().startswith("<?xml")
    assert [a.read_bytes() == b.read_bytes() for a, b in zip(one, other, strict=True)] == [True] * 2
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == [
        "one.png", "one.svg", "two.png", "two.svg",
    ]  # fmt: skip


def test_a_figure_is_drawn_once_for_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Matplotlib alone draws twice for each: first to lay out, though the layout is known."""
    drawn: list[object] = []
    draw = matplotlib.figure.Figure.draw
    monkeypatch.setattr(
        matplotlib.figure.Figure, "draw", lambda self, renderer: drawn.append(draw(self, renderer))
    )
    panels = {name: {"a": Curve([1, 2], [0.1, 0.2])} for name in "xyz"}
    made = charts.line_panels(panels, xlabel="x", ylabel="y")
    Figure("f", "caption", "alt", made).save(tmp_path)
    assert len(drawn) == 2
