"""Draw charts of finished tables; nothing is measured here."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from vosbench.drawing import charts
from vosbench.drawing.charts import Curve, Value
from vosbench.tables import BOUNDS, Cell, Table, is_bound

if TYPE_CHECKING:
    from vosbench.toolbox.reports.looks import Looks

GPU = " (GPU)"  # behind the name of a run whose memory on the GPU a column has
BANDS = 3  # lines up to which their bands can be told apart
PANELS = 30  # in one figure: laying out more takes minutes, and they do not fit on a page

Courses = Mapping[str, Mapping[str, Mapping[float, float]]]  # panel -> line -> x -> score, 0-1


def attribute_bars(
    table: Table, *, runs: Collection[str] = (), metric: str = "J", looks: Looks | None = None
) -> Figure:
    """The table `attributes` as bars (Fig. 5); under each attribute, how many sequences have it.

    runs: only these of the table.
    """
    groups: dict[str, str] = {}
    series: dict[str, list[Value]] = {}
    for row in table.records():
        if runs and row["run"] not in runs:
            continue
        code = str(row["attribute"])
        short = code.removesuffix(" sequences").replace(" ", "\n")  # "all" keeps off its neighbour
        groups[code] = f"{short}\nn={row['sequences']}"
        series.setdefault(str(row["run"]), []).append(value_of(row, metric))
    return charts.grouped_bars(
        list(groups.values()), series, ylabel=f"{metric} mean (%)", looks=looks
    )


def condition_bars(
    table: Table, *, runs: Collection[str] = (), looks: Looks | None = None
) -> Figure:
    """The table `size` or `speed` as bars, of all runs or these; under each bin, its frames."""
    rows = [row for row in table.records() if row["frames"]]
    first, names = table.columns[0].name, _named(table, runs)
    return charts.grouped_bars(
        [f"{row[first]}\nn={row['frames']}" for row in rows],
        {name: [value_of(row, name) for row in rows] for name in names},
        ylabel="J mean (%)",
        looks=looks,
    )


def ablation_bars(table: Table) -> Figure:
    """The table `ablation-*` as bars (Fig. 6): a group per column, a colour per row."""
    names = settings_of(table)
    first = table.columns[0].name
    series = {str(row[first]): [value_of(row, name) for name in names] for row in table.records()}
    metric = table.title.partition(" ")[0]
    return charts.grouped_bars(names, series, ylabel=f"{metric} mean (%)")


def settings_of(table: Table) -> list[str]:
    """The columns of a table `ablation-*`, without the bounds of their intervals."""
    return [column.name for column in table.columns[1:] if not is_bound(column)]


def time_lines(table: Table, *, runs: Collection[str] = (), looks: Looks | None = None) -> Figure:
    """The table `over-time` as one line per run, or these, with its band where they are few."""
    names = _named(table, runs)
    rows = list(table.records())
    curves = {}
    for name in names:
        known = [row for row in rows if row[name] is not None]
        middle = [(_must(row["from"]) + _must(row["to"])) / 2 for row in known]
        shown = len(names) <= BANDS and any(row[f"{name} low"] is not None for row in known)
        low, high = (  # a last bin of one sequence has none
            [math.nan if row[end] is None else _must(row[end]) for row in known] if shown else ()
            for end in (f"{name} low", f"{name} high")
        )
        curves[name] = Curve(middle, [_must(row[name]) for row in known], low, high)
    edges = [_must(row["from"]) for row in rows] + [_must(row["to"]) + 1 for row in rows[-1:]]
    return charts.line_panels(
        {"": curves},
        xlabel="frames since the prompt",
        ylabel="J mean (%)",
        looks=looks,
        left=charts.Left(edges, [int(_must(row["objects"])) for row in rows], "objects left"),
    )


def memory_lines(table: Table, *, runs: Collection[str] = (), looks: Looks | None = None) -> Figure:
    """The table `memory-curve` as one line per run, or these; a GPU's by itself, beside."""
    panels: dict[str, dict[str, Curve]] = {}
    for column in table.columns[1:]:
        name, gpu = column.name.removesuffix(GPU), column.name.endswith(GPU)
        rows = [row for row in table.records() if row[column.name] is not None]
        if rows and (not runs or name in runs):
            frames = [_must(row["frame"]) for row in rows]
            curve = Curve(frames, [_must(row[column.name]) for row in rows])
            panels.setdefault("GPU" if gpu else "CPU", {})[name] = curve
    if len(panels) == 1:
        panels = {"": next(iter(panels.values()))}
    return charts.line_panels(
        panels, xlabel="frame", ylabel="memory above the start (MB)", scale=1, looks=looks
    )


def sequence_lines(courses: Courses, *, looks: Looks | None = None) -> Figure:
    """J by frames since the prompt, one panel per sequence, one line per run."""
    return charts.line_panels(
        _curves(courses), xlabel="frames since the prompt", ylabel="J (%)", looks=looks
    )


def sequence_levels(table: Table, *, looks: Looks | None = None) -> Figure:
    """The table `by-sequence` as rows of dots, those of the first run falling from the top."""
    names = [column.name for column in table.columns[4:]]
    records = {str(row["sequence"]): row for row in table.records()}
    first = {name: number(row[names[0]]) for name, row in records.items()}
    ranked = sorted(records, key=lambda name: -(first[name] or 0.0))
    series = {
        run: {name: x for name, row in records.items() if (x := number(row[run])) is not None}
        for run in names
    }
    return charts.levels(ranked, series, xlabel="J mean (%)", looks=looks)


def sweep_lines(courses: Courses) -> Figure:
    """One panel per option: how far the score moves with its value."""
    return charts.line_panels(_curves(courses), xlabel="{}", ylabel="J mean (%)", markers=True)


def sweep_dots(table: Table) -> Figure:
    """The table `sweep` as differences to the base: a row for each setting."""
    series: dict[str, dict[str, Value]] = {}
    for row in table.records():
        if row["J to base"] is not None:  # the base itself has none
            own = series.setdefault(f"{row['method']}", {})
            own[str(row["setting"])] = value_of(row, "J to base")
    settings = dict.fromkeys(setting for own in series.values() for setting in own)
    return charts.dots(sorted(settings, key=_by_option), series, xlabel="J to base (points)")


def _by_option(setting: str) -> tuple[int, str, float, str]:
    """Single options by name, then their values, numbers by size; several at once last."""
    option, _, value = setting.partition("=")
    try:
        return setting.count("="), option, float(value), ""
    except ValueError:
        return setting.count("="), option, math.inf, value


def value_of(row: Mapping[str, Cell], name: str) -> Value:
    """A cell of a table's record with the bounds of its interval."""
    return Value(*(number(row[f"{name}{end}"]) for end in ("", *BOUNDS)))


def number(cell: Cell) -> float | None:
    """A cell of a column of numbers, as charts take it."""
    return None if cell is None else float(cell)


def _named(table: Table, runs: Collection[str]) -> list[str]:
    """The columns of runs, behind three that say what a row is about: all of them, or these."""
    names = [column.name for column in table.columns[3:] if not is_bound(column)]
    return [name for name in names if not runs or name in runs]


def _curves(courses: Courses) -> dict[str, dict[str, Curve]]:
    return {
        panel: {
            label: Curve(sorted(values), [values[x] for x in sorted(values)])
            for label, values in lines.items()
        }
        for panel, lines in courses.items()
    }


def _must(cell: str | int | float | None) -> float:
    assert cell is not None, "an undefined value among defined ones"
    return float(cell)
