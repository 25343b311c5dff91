"""Draw scores against the time of a frame, and the line of those that none is above and left of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vosbench.drawing.charts import Value
from vosbench.drawing.style import PAGE, legend_below, legend_height, sheet, styled
from vosbench.toolbox.reports.looks import Looks
from vosbench.toolbox.reports.looks import looks as looks_of

INSTANT = 0.5  # ms: what takes less, as repeating the prompt, is a level to compare with
MARKER = 6  # points across
DIGIT = (4.6, 6.5)  # points: a digit's width and height at 7 points, with a little air
# where a number may stand, right and up from its marker: the usual place first
AROUND = ((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))


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
    spots: dict[int, tuple[float, float]] = {}
    for number, (point, label) in enumerate(zip(drawn, labels, strict=True), 1):
        look, level = known[point.label], 100 * (point.score.value or 0)
        if point.ms < INSTANT:
            axes.axhline(level, color=look.colour, linestyle=(0, (2, 2)), label=label, linewidth=1)
            continue
        axes.plot(point.ms, level, look.marker, color=look.colour, markersize=MARKER, label=label)
        spots[number] = (point.ms, level)
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
    _number(axes, spots)
    return figure


def _number(axes: Axes, spots: Mapping[int, tuple[float, float]]) -> None:
    """Write each number beside its marker, where it covers no marker and no other number."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # only then is it known where the markers lie
    scale = figure.dpi / 72
    at = {n: axes.transData.transform(spot) / scale for n, spot in spots.items()}
    taken = [(float(x), float(y), MARKER / 2, MARKER / 2) for x, y in at.values()]
    for number, (x, y) in at.items():
        half, tall = DIGIT[0] * len(str(number)) / 2, DIGIT[1] / 2
        reach = MARKER / 2 + 1
        options = [
            (right * (reach * far + half), up * (reach * far + tall))
            for far in (1, 2, 4, 6)
            for right, up in AROUND
        ]
        free = (
            (dx, dy)
            for dx, dy in options
            if not any(
                abs(x + dx - left) < half + wide and abs(y + dy - low) < tall + high
                for left, low, wide, high in taken
            )
        )
        dx, dy = next(free, options[0])
        taken.append((x + dx, y + dy, half, tall))
        away = max(abs(dx) - half, abs(dy) - tall) > reach
        axes.annotate(
            str(number), spots[number], xytext=(dx, dy), textcoords="offset points", fontsize=7,
            ha="center", va="center_baseline",
            arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "#888888"} if away else None,
        )  # fmt: skip


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
