"""A figure on disk is sized for paper, and the same each time."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vosbench.drawing import charts, style
from vosbench.drawing.charts import Value
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
