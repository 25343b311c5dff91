"""The figure of scores against time, and the script that draws it from runs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from fixtures_figures import panels
from fixtures_runs import steady, write_run
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from vosbench.analysis.groups import one_group
from vosbench.drawing.charts import Value
from vosbench.drawing.score_by_time import Timing, frontier, score_by_time

SCRIPT = Path(__file__).parents[1] / "docs" / "speed.py"
POINTS = [
    Timing("copy-first", 0.01, Value(0.26)),
    Timing("slow", 300, Value(0.6)),
    Timing("fast", 20, Value(0.4)),
    Timing("beaten", 50, Value(0.4)),
    Timing("unscored", 5, Value(None)),
]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_speed", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "docs_speed", module)
    spec.loader.exec_module(module)
    return module


def test_the_line_holds_what_nothing_is_as_fast_as_and_better_than() -> None:
    assert [point.label for point in frontier(POINTS)] == ["fast", "slow"]
    tied = [Timing("b", 20, Value(0.3)), Timing("a", 20, Value(0.5))]
    assert [point.label for point in frontier(tied)] == ["a"]


def test_every_scored_method_is_drawn_and_named_with_its_time() -> None:
    figure = score_by_time(POINTS, ylabel="J mean (%)")
    (axes,) = panels(figure)
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == [
        "1  slow (300 ms)", "2  fast (20 ms)", "3  beaten (50 ms)", "4  copy-first (0 ms)",
    ]  # fmt: skip
    places = [tuple(map(float, np.ravel(line.get_xydata()))) for line in axes.lines]
    assert places[0] == pytest.approx((20, 40, 300, 60))  # the line
    assert places[1:4] == [pytest.approx(at) for at in ((300, 60), (20, 40), (50, 40))]
    assert set(axes.lines[4].get_ydata()) == {26.0}  # what takes no time is a level
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3"]


def test_no_two_of_many_methods_look_alike() -> None:
    many = [Timing(f"m{n}", 10 + n, Value(n / 100)) for n in range(1, 25)]
    (axes,) = panels(score_by_time(many, ylabel="J"))
    seen = {(line.get_color(), line.get_marker()) for line in axes.lines[1:]}
    assert len(seen) == 24


def test_no_number_covers_a_marker_or_another_number() -> None:
    ms = (40, 43, 46, 46, 47, 47, 49, 50, 51, 54, 57, 58, 58, 58)
    near = [Timing(f"m{n}", each, Value(0.3 + 0.01 * (n % 5))) for n, each in enumerate(ms)]
    apart = [Timing("first", 20, Value(0.9)), Timing("last", 300, Value(0.1))]
    figure = score_by_time(near + apart, ylabel="J")
    (axes,) = panels(figure)
    figure.draw_without_rendering()
    texts = [Text.get_window_extent(text) for text in axes.texts]  # without the line to it
    half = figure.dpi / 72 * 6 / 2  # markers of 6 points
    markers = [
        Bbox([place - half, place + half])
        for line in axes.lines[1:]
        for place in axes.transData.transform(line.get_xydata())
    ]
    assert len(texts) == len(markers) == len(ms) + 2
    inked = [text.expanded(0.9, 0.6) for text in texts]  # digits have no descenders
    for at, one in enumerate(inked):
        assert not any(one.overlaps(other) for other in inked[:at])
        assert not any(one.overlaps(marker) for marker in markers)
        assert axes.bbox.x0 <= one.x0
        assert one.x1 <= axes.bbox.x1


def test_the_script_draws_runs_and_tabulates_them(script: ModuleType, tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, steady({"a": score, "b": score}), method=name)
        for name, score in (("copy-first", 0.2), ("rpmnet", 0.4))
    ]
    table = script.table_of(one_group(runs))
    assert [column.name for column in table.columns] == ["run", "ms/frame", "J", "J low", "J high"]
    assert {row["run"]: row["J"] for row in table.records()} == pytest.approx(
        {"copy-first": 0.2, "rpmnet": 0.4}
    )
    assert any(note.startswith("ms/frame: median") for note in table.notes)
    script.draw(table, tmp_path / "speed.png")
    with Image.open(tmp_path / "speed.png") as image:
        assert image.size[0] > 900
