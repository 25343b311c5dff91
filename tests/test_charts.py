"""Charts hold what they are given; runs are told apart in colour and in grey."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fixtures_figures import panels
from matplotlib.colors import to_hex

from vosbench.drawing import charts
from vosbench.drawing.charts import Curve, Point, Value
from vosbench.toolbox.reports import looks


def test_bars_are_as_high_as_their_values_and_what_is_undefined_is_not_drawn() -> None:
    series = {"a": [Value(0.2, 0.1, 0.3), Value(None)], "b": [Value(0.4), Value(0.5)]}
    figure = charts.grouped_bars(["FM", "OCC"], series, ylabel="J mean (%)")
    (axes,) = panels(figure)
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([20, 40, 50])
    _, whisker = axes.collections  # a white one lies under it
    assert whisker.get_segments()[0][:, 1].tolist() == pytest.approx([10, 30])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["FM", "OCC"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]


def test_many_bars_go_on_several_rows() -> None:
    groups = [f"g{k}" for k in range(16)]
    figure = charts.grouped_bars(groups, {s: [Value(0.5)] * 16 for s in "abcde"}, ylabel="J")
    assert len(panels(figure)) == 2
    assert sum(len(axes.patches) for axes in panels(figure)) == 80


def test_series_differ_in_grey_too() -> None:
    figure = charts.grouped_bars(["x"], {s: [Value(0.5)] for s in "abc"}, ylabel="J")
    bars = panels(figure)[0].patches
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 3
    assert len(set(looks.COLOURS)) == len(looks.COLOURS) == len(looks.MARKERS)


def test_scores_stand_over_their_field_and_learned_ones_are_level() -> None:
    points = [
        Point("conv-3", 7, Value(0.35)),
        Point("dilation-9", 55, Value(0.27)),
        Point("rpmnet", None, Value(0.32)),
        Point("none", 3, Value(None)),
    ]
    (axes,) = panels(charts.score_by_field(points, ylabel="J"))
    drawn = [tuple(map(float, np.ravel(line.get_xydata()))) for line in axes.lines]
    assert drawn[:2] == [pytest.approx((7, 35)), pytest.approx((55, 27))]
    assert set(axes.lines[2].get_ydata()) == {32.0}
    said = [text.get_text() for text in axes.figure.legends[0].get_texts()]
    assert said == ["conv-3 (7)", "dilation-9 (55)", "rpmnet (learned)"]


def test_lines_keep_their_colour_in_every_panel() -> None:
    one, two = Curve([0, 1], [0.1, 0.2], [0.0, 0.1], [0.2, 0.3]), Curve([0, 1], [0.5, 0.4])
    figure = charts.line_panels(
        {"ant": {"a": one, "b": two}, "bee": {"b": two}}, xlabel="frames", ylabel="J"
    )
    first, second = panels(figure)
    assert first.lines[1].get_color() == second.lines[0].get_color() != first.lines[0].get_color()
    assert first.lines[0].get_ydata().tolist() == pytest.approx([10, 20])
    assert len(first.collections) == 1  # the band
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("ant", "bee")


def test_a_run_has_its_look_in_every_kind_of_figure() -> None:
    known = {"a": looks.look(2), "b": looks.look(2, 1)}
    own = looks.look(1)  # of a series without one, by its place
    bars = panels(
        charts.grouped_bars(["x"], {k: [Value(0.5)] for k in "ac"}, ylabel="J", looks=known)
    )[0].patches
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars] == [known["a"].colour, own.colour]
    curves = {name: Curve([0, 1], [0.5, 0.5]) for name in "ba"}
    lines = panels(charts.line_panels({"": curves}, xlabel="", ylabel="", looks=known))[0].lines
    assert [line.get_color() for line in lines] == [known["b"].colour, known["a"].colour]
    points = [Point("a", 3, Value(0.2)), Point("b", 7, Value(0.3))]
    dots = panels(charts.score_by_field(points, ylabel="J", looks=known))[0].lines
    assert [(d.get_color(), d.get_marker()) for d in dots] == [known[k][:2] for k in "ab"]


def test_no_line_is_cut_off_by_the_scale_of_another_panel() -> None:
    courses = {"low": {"a": Curve([1, 2], [0.1, 0.2])}, "high": {"a": Curve([1, 40], [0.9, 0.8])}}
    figure = charts.line_panels(courses, xlabel="x", ylabel="y")
    low, high = figure.axes
    assert low.get_xlim() == high.get_xlim()
    assert low.get_ylim() == high.get_ylim()
    assert low.get_ylim()[0] == 0
    assert low.get_ylim()[1] > 90
    assert low.get_xlim()[0] < 1 < 40 < low.get_xlim()[1]


@pytest.mark.parametrize("values", [[0.0, 0.0], [math.nan, math.nan], []])
def test_panels_without_a_height_are_drawn(values: list[float]) -> None:
    curve = Curve([1.0] * len(values), values)
    figure = charts.line_panels({"a": {"x": curve}}, xlabel="x", ylabel="y")
    left, right = figure.axes[0].get_xlim()
    bottom, top = figure.axes[0].get_ylim()
    assert right > left
    assert (bottom, top) == (0, 1)


def test_learned_positions_alone_have_no_numbers_of_cells() -> None:
    points = [Point("rpmnet-r", None, Value(0.2))]
    (axes,) = panels(charts.score_by_field(points, ylabel="J"))
    assert list(axes.get_xticks()) == []
