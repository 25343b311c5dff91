"""Draw scores against the time of a frame, and the line of those that none is above and left of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from vosbench.drawing.charts import Value
from vosbench.drawing.style import PAGE, legend_below, legend_height, sheet, styled
from vosbench.toolbox.reports.looks import Looks
from vosbench.toolbox.reports.looks import looks as looks_of

INSTANT = 0.5  # ms: what takes less, as repeating the prompt, is a level to compare with


class Timing(NamedTuple):
    """A method, the milliseconds that a frame takes it, and its score, 0-1."""

    label: str
    ms: float
    score: Value


@styled
def score_by_time(points: Sequence[Timing], *, ylabel: str, looks: Looks | None = None) -> Figure:
    """Scores against milliseconds a frame, on a scale of logarithms; numbered from the best."""
    scored = [point for point in points if point.score.value is not None]
    assert scored, "no scores to draw"
    drawn = sorted(scored, key=lambda point: -(point.score.value or 0))
    # numbers, as names of neighbours would lie over each other
    labels = [f"{n}  {each.label} ({_written(each.ms)})" for n, each in enumerate(drawn, 1)]
    figure = sheet(3.0 + legend_height(labels, PAGE), width=PAGE)
    axes = figure.subplots()
    axes.set_xscale("log")
    known = {**looks_of(each.label for each in drawn), **(looks or {})}
    best = frontier(drawn)
    axes.step(
        [point.ms for point in best],
        [100 * (point.score.value or 0) for point in best],
        where="post", color="#bbbbbb", linewidth=1, zorder=1,
    )  # fmt: skip
    for number, (point, label) in enumerate(zip(drawn, labels, strict=True), 1):
        look, level = known[point.label], 100 * (point.score.value or 0)
        if point.ms < INSTANT:
            axes.axhline(level, color=look.colour, linestyle=(0, (2, 2)), label=label, linewidth=1)
            continue
        axes.plot(point.ms, level, look.marker, color=look.colour, markersize=6, label=label)
        axes.annotate(
            str(number), (point.ms, level), xytext=(4, 3), textcoords="offset points", fontsize=7
        )
    axes.margins(x=0.1, y=0.1)
    ticks = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.set_xticklabels([f"{tick}" for tick in ticks if low <= tick <= high])
    axes.minorticks_off()
    axes.set_xlim(low, high)
    axes.set_xlabel("ms a frame (logarithmic); the grey line: none is both faster and better")
    axes.set_ylabel(ylabel)
    legend_below(figure, axes, labels)
    return figure


def frontier(points: Sequence[Timing]) -> list[Timing]:
    """Those that no other is both as fast as and better than, by time; without instant ones."""
    best: list[Timing] = []
    slow = [point for point in points if point.ms >= INSTANT and point.score.value is not None]
    for point in sorted(slow, key=lambda point: (point.ms, -(point.score.value or 0))):
        if not best or (point.score.value or 0) > (best[-1].score.value or 0):
            best.append(point)
    return best


def _written(ms: float) -> str:
    return "0 ms" if ms < INSTANT else f"{ms:.0f} ms"
