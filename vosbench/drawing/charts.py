"""Draw charts of scores: grouped bars with intervals, scores against size, lines over time.

Scores come as 0-1 and are drawn x 100; None is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vosbench.drawing.style import COLUMN, PAGE, legend_below, legend_height, sheet, styled
from vosbench.toolbox.reports.looks import DASHES, Look, Looks, completed

BARS_IN_A_ROW = 44  # more than these at page width are too thin for their intervals
PANELS_IN_A_ROW = 4
STRIP = 0.45  # inches: the height of a strip below a panel


class Value(NamedTuple):
    """A value with the ends of its interval, where there are any."""

    value: float | None
    low: float | None = None
    high: float | None = None


class Curve(NamedTuple):
    """A line: y at x, with the ends of its band, where there are any. NaN leaves a gap."""

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


class Left(NamedTuple):
    """How many things a mean is over, in bins: one edge more than counts."""

    edges: Sequence[float]
    counts: Sequence[int]
    what: str

    def thin_from(self) -> float | None:
        """The edge behind which fewer than half of them are left; None where there is none."""
        most = max(self.counts)
        for edge, after in zip(self.edges, range(len(self.counts)), strict=False):
            if all(2 * count < most for count in self.counts[after:]):
                return edge
        return None


class Point(NamedTuple):
    """A method's score and the side of its receptive field; None where that is learned."""

    label: str
    field: float | None
    score: Value


@styled
def grouped_bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[Value]],
    *,
    ylabel: str,
    scale: float = 100,
    width: float = PAGE,
    looks: Looks | None = None,
) -> Figure:
    """One group of bars per name, one bar per series (Fig. 5, 6, 9).

    Args:
        groups: names under the groups; a line break is kept, such as before `n=4`.
        series: label -> one value per group, 0-1.
        ylabel: of the values' axis.
        scale: what values are multiplied with.
        width: in inches.
        looks: of the series; by their place where there is none.
    """
    assert groups, "no groups to draw"
    assert all(len(values) == len(groups) for values in series.values()), "groups and values differ"
    budget = max(len(series), round(BARS_IN_A_ROW * width / PAGE))
    rows = math.ceil(len(groups) * len(series) / budget)
    per_row = math.ceil(len(groups) / rows)
    figure = sheet(0.2 + 1.6 * rows + legend_height(list(series), width), width=width)
    panels = figure.subplots(rows, 1, sharey=True, squeeze=False)[:, 0]
    known = completed(looks, series)
    for row, axes in enumerate(panels):
        part = slice(row * per_row, (row + 1) * per_row)
        _bars(axes, groups[part], {k: v[part] for k, v in series.items()}, scale, known)
        axes.set_xlim(-0.5, per_row - 0.5)
        axes.set_ylabel(ylabel)
    legend_below(figure, panels[0], list(series))
    return figure


def _bars(
    axes: Axes,
    groups: Sequence[str],
    series: Mapping[str, Sequence[Value]],
    scale: float,
    looks: Looks,
) -> None:
    width = 0.82 / len(series)
    for number, (label, values) in enumerate(series.items()):
        lefts = [g - 0.41 + (number + 0.5) * width for g in range(len(groups))]
        drawn = [(x, v) for x, v in zip(lefts, values, strict=True) if v.value is not None]
        axes.bar(
            [x for x, _ in drawn],
            [scale * v.value for _, v in drawn if v.value is not None],
            0.92 * width,
            label=label,
            color=looks[label].colour,
            hatch=looks[label].hatch,
            edgecolor="white",
            linewidth=0.0,
        )
        for x, value in drawn:
            _whisker(axes, x, value, scale)
    axes.set_xticks(range(len(groups)), groups)
    axes.tick_params(axis="x", length=0)


def _whisker(axes: Axes, x: float, value: Value, scale: float, color: str = "#222222") -> None:
    if value.low is not None and value.high is not None:
        ends = scale * value.low, scale * value.high
        axes.vlines(x, *ends, color="white", linewidth=2.2)  # it stands out on dark bars too
        axes.vlines(x, *ends, color=color, linewidth=0.9)


@styled
def dots(
    names: Sequence[str],
    series: Mapping[str, Mapping[str, Value]],
    *,
    xlabel: str,
) -> Figure:
    """Differences with their intervals about zero: a row for each name, a dot for each series.

    Args:
        names: of the rows, from the top.
        series: label -> name -> value, 0-1; a name may lack.
        xlabel: of the values' axis.
    """
    assert names, "no rows to draw"
    height = 0.6 + 0.13 * len(names) * max(2, len(series)) + legend_height(list(series), PAGE)
    figure = sheet(height, width=PAGE)
    axes = figure.subplots()
    axes.axvline(0, color="#222222", linewidth=0.6)
    known = completed(None, series)
    for number, (label, values) in enumerate(series.items()):
        look = known[label]
        down = 0.8 * ((number + 0.5) / len(series) - 0.5)
        at = {name: names.index(name) + down for name in values}
        drawn = {name: 100 * v.value for name, v in values.items() if v.value is not None}
        rows = [at[name] for name in drawn]
        axes.plot(list(drawn.values()), rows, look.marker, color=look.colour, label=label)
        for name, value in values.items():
            if value.low is not None and value.high is not None:
                ends = 100 * value.low, 100 * value.high
                axes.hlines(at[name], *ends, color=look.colour, linewidth=1.1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(xlabel)
    legend_below(figure, axes, list(series))
    return figure


@styled
def levels(
    names: Sequence[str],
    series: Mapping[str, Mapping[str, float]],
    *,
    xlabel: str,
    looks: Looks | None = None,
) -> Figure:
    """Scores of each name in a row: a dot for each series, and a line from lowest to highest.

    Args:
        names: of the rows, from the top.
        series: label -> name -> value, 0-1; a name may lack.
        xlabel: of the values' axis.
        looks: of the series; by their place where there is none.
    """
    assert names, "no rows to draw"
    figure = sheet(0.5 + 0.15 * len(names) + legend_height(list(series), PAGE), width=PAGE)
    axes = figure.subplots()
    known = completed(looks, series)
    for row, name in enumerate(names):
        found = [100 * of[name] for of in series.values() if name in of]
        if len(found) > 1:
            axes.hlines(row, min(found), max(found), color="#bbbbbb", linewidth=1.1, zorder=1)
    for label, values in series.items():
        rows = [row for row, name in enumerate(names) if name in values]
        found = [100 * values[names[row]] for row in rows]
        axes.plot(found, rows, known[label].marker, color=known[label].colour, label=label)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(xlabel)
    legend_below(figure, axes, list(series))
    return figure


@styled
def score_by_field(points: Sequence[Point], *, ylabel: str, looks: Looks | None = None) -> Figure:
    """Scores against the side of the receptive field, in cells (Fig. 7).

    Learned positions have no side: such a method is a level line with a band.
    """
    drawn = [point for point in points if point.score.value is not None]
    labels = [
        f"{p.label} ({'learned' if p.field is None else f'{p.field:g}'})" for p in drawn
    ]  # in a legend: neighbours' names would lie over each other
    figure = sheet(2.2 + legend_height(labels, COLUMN), width=COLUMN)
    axes = figure.subplots()
    known = completed(looks, (point.label for point in drawn))
    for point, label in zip(drawn, labels, strict=True):
        look, level = known[point.label], 100 * (point.score.value or 0)
        if point.field is None:
            line = (0, look.dash or DASHES[1])  # a full line would look like one of the grid's
            axes.axhline(level, color=look.colour, linestyle=line, label=label)
            if point.score.low is not None and point.score.high is not None:
                ends = 100 * point.score.low, 100 * point.score.high
                axes.axhspan(*ends, color=look.colour, alpha=0.1, linewidth=0)
        else:
            _whisker(axes, point.field, point.score, 100, color=look.colour)
            axes.plot(point.field, level, look.marker, color=look.colour, markersize=6, label=label)
    fields = [point.field for point in drawn if point.field is not None]
    if fields:
        axes.set_xscale("log", base=2)  # the paper's fields lie so: 3 to 55 cells
        axes.set_xlim(min(fields) / 1.7, max(fields) * 1.7)
        ticks = [2**k for k in range(1, 12) if min(fields) / 2 <= 2**k <= 2 * max(fields)]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
    else:
        axes.set_xticks([])  # every line is level: no number belongs below
    axes.margins(x=0.12, y=0.12)
    axes.set_xlabel("side of the receptive field (cells of H/4)")
    axes.set_ylabel(ylabel)
    legend_below(figure, axes, labels)
    return figure


@styled
def line_panels(
    panels: Mapping[str, Mapping[str, Curve]],
    *,
    xlabel: str,
    ylabel: str,
    scale: float = 100,
    markers: bool = False,
    looks: Looks | None = None,
    left: Left | None = None,
) -> Figure:
    """Small multiples of lines with bands, one scale for all: J over time, sweeps of an option.

    Args:
        panels: title -> label -> curve; a label keeps its colour in every panel.
        xlabel: under the last row; with `{}`, each panel's title is put there instead of above.
        ylabel: beside the first column.
        scale: what values are multiplied with.
        markers: mark the few values of a sweep, and name them on the axis; one that spans a factor
            of eight or more has a logarithmic axis.
        looks: of the labels; by their place where there is none.
        left: over how many things the curves of the one panel are means, for a strip below it.
    """
    assert panels, "no panels to draw"
    assert left is None or len(panels) == 1, "one strip belongs to one panel"
    labels = list(dict.fromkeys(label for curves in panels.values() for label in curves))
    known = completed(looks, labels)
    columns = min(len(panels), PANELS_IN_A_ROW)
    rows = math.ceil(len(panels) / columns)
    single, own_axes = len(panels) == 1, "{}" in xlabel
    width = COLUMN if single else PAGE
    height = 0.4 + (1.7 if single else 1.35) * rows + legend_height(labels, width)
    height += STRIP if left else 0
    figure = sheet(height, width=width)
    # axes that share a scale look at all others for each line: slow where there are many
    heights = [*[1.7] * rows, STRIP][: rows + bool(left)]
    grid = figure.subplots(
        len(heights), columns, sharey=own_axes, squeeze=False, height_ratios=heights
    )
    grid, strips = grid[:rows], grid[rows:]
    limits = {} if own_axes else _one_scale(panels, scale)
    for axes, (title, curves) in zip(grid.flat, panels.items(), strict=False):
        axes.set(**limits)
        for label, curve in curves.items():
            _line(axes, curve, label, known[label], scale, markers=markers)
        if markers:
            _name_values(axes, sorted({x for curve in curves.values() for x in curve.x}))
        if own_axes:
            axes.set_xlabel(xlabel.format(title))
        else:
            axes.set_title(title, loc="left", pad=3, y=1)  # else its place is sought, slowly
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_visible(False)
    if not own_axes:
        for axes in grid[:, 1:].flat:
            axes.tick_params(labelleft=False)
        for place, axes in enumerate(list(grid.flat)[: len(panels)]):
            lowest = place + columns >= len(panels)  # of its column
            axes.tick_params(labelbottom=lowest)
            axes.set_xlabel(xlabel if lowest else "")
    for axes in grid[:, 0]:
        axes.set_ylabel(ylabel)
    if left:
        _strip(grid[0, 0], strips[0, 0], left)
    first = next(a for a, c in zip(grid.flat, panels.values(), strict=False) if len(c))
    _complete(first, known)
    legend_below(figure, first, labels)
    return figure


def _strip(axes: Axes, strip: Axes, left: Left) -> None:
    """Draw below a panel over how many its curves are means; pale them where those are few."""
    strip.stairs(left.counts, left.edges, fill=True, color="#b5b5b5")
    strip.set(xlim=axes.get_xlim(), ylim=(0, 1.15 * max(left.counts)), xlabel=axes.get_xlabel())
    strip.set_yticks([0, max(left.counts)])
    strip.set_ylabel(left.what, fontsize=7)
    strip.grid(visible=False)
    axes.set_xlabel("")
    axes.tick_params(labelbottom=False)
    if (edge := left.thin_from()) is not None:
        for each in (axes, strip):
            each.axvspan(
                edge, axes.get_xlim()[1], color="white", alpha=0.6, linewidth=0, zorder=2.2
            )


def _one_scale(
    panels: Mapping[str, Mapping[str, Curve]], scale: float
) -> dict[str, tuple[float, float]]:
    """Limits of both axes within which all curves and bands lie, y from 0 on."""
    curves = [curve for lines in panels.values() for curve in lines.values()]
    xs = [x for curve in curves for x in curve.x] or [0.0]
    ys = [y for curve in curves for y in (*curve.y, *curve.high) if not math.isnan(y)] or [0.0]
    left, right, top = min(xs), max(xs), scale * max(ys)
    margin = 0.05 * (right - left) or 0.5
    return {"xlim": (left - margin, right + margin), "ylim": (0, 1.05 * top or 1)}


def _line(axes: Axes, curve: Curve, label: str, look: Look, scale: float, *, markers: bool) -> None:
    y = [scale * value for value in curve.y]
    axes.plot(
        curve.x,
        y,
        label=label,
        color=look.colour,
        linestyle=_dashed(look),
        marker=look.marker if markers else "",
    )
    if curve.low:
        low, high = ([scale * v for v in band] for band in (curve.low, curve.high))
        axes.fill_between(curve.x, low, high, color=look.colour, alpha=0.15, linewidth=0)


def _name_values(axes: Axes, values: Sequence[float]) -> None:
    """Ticks at the values that were tried, in double steps where they span much."""
    if values[0] > 0 and values[-1] / values[0] >= 8:
        axes.set_xscale("log", base=2)
    axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.minorticks_off()


def _complete(axes: Axes, looks: Looks) -> None:
    """Empty lines for labels that this panel lacks, so that its legend is everyone's."""
    present = set(axes.get_legend_handles_labels()[1])
    for label, look in looks.items():
        if label not in present:
            axes.plot([], [], label=label, color=look.colour, linestyle=_dashed(look))


def _dashed(look: Look) -> Any:
    """A look's dashes as matplotlib has them."""
    return (0, look.dash) if look.dash else "-"
