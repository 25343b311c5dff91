"""Finished tables -> charts; nothing is measured here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as Seq

from matplotlib.figure import Figure

from vosbench.analysis import failures
from vosbench.analysis.groups import options_of
from vosbench.analysis.sweep import BASE
from vosbench.drawing import charts
from vosbench.drawing.charts import Curve, Value
from vosbench.results import Result
from vosbench.tables import BOUNDS, Cell, Table, is_bound
from vosbench.toolbox.reports.looks import Looks

BANDS = 3  # lines up to which their bands can be told apart


def attribute_bars(table: Table, *, metric: str = "J", looks: Looks | None = None) -> Figure:
    """The table `attributes` as bars (Fig. 5); under each attribute, how many sequences have it."""
    groups: dict[str, str] = {}
    series: dict[str, list[Value]] = {}
    for row in table.records():
        code = str(row["attribute"])
        groups[code] = f"{code.replace(' ', chr(10))}\nn={row['sequences']}"
        series.setdefault(str(row["run"]), []).append(value_of(row, metric))
    return charts.grouped_bars(
        list(groups.values()), series, ylabel=f"{metric} mean (%)", looks=looks
    )


def condition_bars(table: Table, names: Seq[str], *, looks: Looks | None = None) -> Figure:
    """The table `size` or `speed` as bars of some runs; under each bin, on how many frames."""
    rows = [row for row in table.records() if row["frames"]]
    first = table.columns[0].name
    return charts.grouped_bars(
        [f"{row[first]}\nn={row['frames']}" for row in rows],
        {name: [value_of(row, name) for row in rows] for name in names},
        ylabel="J mean (%)",
        looks=looks,
    )


def ablation_bars(table: Table) -> Figure:
    """The table `ablation-*` as bars (Fig. 6): a group per column, a colour per row."""
    names = [column.name for column in table.columns[1:] if not is_bound(column)]
    first = table.columns[0].name
    series = {str(row[first]): [value_of(row, name) for name in names] for row in table.records()}
    metric = table.title.partition(" ")[0]
    return charts.grouped_bars(names, series, ylabel=f"{metric} mean (%)")


def time_lines(table: Table, *, looks: Looks | None = None) -> Figure:
    """The table `over-time` as one line per run, with its band where runs are few."""
    names = [column.name for column in table.columns[3:] if not is_bound(column)]
    rows = list(table.records())
    curves = {}
    for name in names:
        known = [row for row in rows if row[name] is not None]
        middle = [(_must(row["from"]) + _must(row["to"])) / 2 for row in known]
        banded = [row for row in known if row[f"{name} low"] is not None]
        shown = len(banded) == len(known) and len(names) <= BANDS
        low, high = (
            [_must(row[f"{name} {end}"]) for row in known] if shown else ()
            for end in ("low", "high")
        )
        curves[name] = Curve(middle, [_must(row[name]) for row in known], low, high)
    return charts.line_panels(
        {"": curves}, xlabel="frames since the prompt", ylabel="J mean (%)", looks=looks
    )


def sequence_lines(results: Seq[Result], *, looks: Looks | None = None) -> Figure:
    """J over time in every sequence, mean over its objects, one panel each."""
    panels: dict[str, dict[str, Curve]] = {}
    for run in results:
        sums: dict[str, dict[int, list[float]]] = {}
        for (sequence, _), each in failures.series(run).items():
            for since, score in zip(each.since.tolist(), each.J.tolist(), strict=True):
                sums.setdefault(sequence, {}).setdefault(since, []).append(score)
        for sequence, by_frame in sums.items():
            at = sorted(by_frame)
            means = [sum(by_frame[frame]) / len(by_frame[frame]) for frame in at]
            panels.setdefault(sequence, {})[run.name] = Curve(at, means)
    return charts.line_panels(panels, xlabel="frames since the prompt", ylabel="J (%)", looks=looks)


def sweeps(results: Seq[Result], *, metric: str = "J") -> dict[str, dict[str, Curve]]:
    """Option -> method -> score by the option's value, from runs that differ in it alone.

    Only numbers are swept. Runs of one method that differ in another option too are lines of their
    own, whose labels name what tells them from the option's other lines.
    """
    methods: dict[str, list[Result]] = {}
    for run in results:
        if run.manifest and run.summary[metric]["mean"] is not None:
            methods.setdefault(run.manifest["identity"]["method"], []).append(run)
    found: dict[str, dict[str, Curve]] = {}
    for method, own in sorted(methods.items()):
        keys = sorted({key for run in own for key in options_of(run)} - {"weights"})
        varying = [k for k in keys if len({str(options_of(run).get(k)) for run in own}) > 1]
        for option in varying:
            others = [key for key in varying if key != option]
            lines: dict[tuple[str, ...], dict[float, float]] = {}
            for run in own:
                options, score = options_of(run), run.summary[metric]["mean"]
                value, at = options.get(option), tuple(f"{k}={options.get(k)}" for k in others)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    lines.setdefault(at, {})[value] = score
            lines = {at: line for at, line in lines.items() if len(line) > 2}  # else no course
            for at, line in lines.items():
                apart = [own for own, *rest in zip(at, *lines, strict=True) if len({*rest}) > 1]
                curve = Curve(sorted(line), [line[x] for x in sorted(line)])
                found.setdefault(option, {})[" ".join([method, *apart])] = curve
    return found


def sweep_dots(table: Table) -> Figure:
    """The table `sweep` as differences to the base: a row for each setting."""
    series: dict[str, dict[str, Value]] = {}
    for row in table.records():
        if row["setting"] != BASE:
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


def sweep_lines(panels: Mapping[str, Mapping[str, Curve]]) -> Figure:
    """One panel per option: how far the score moves with it."""
    return charts.line_panels(panels, xlabel="{}", ylabel="J mean (%)", markers=True)


def value_of(row: Mapping[str, Cell], name: str) -> Value:
    """A cell of a table's record with the bounds of its interval."""
    return Value(*(number(row[f"{name}{end}"]) for end in ("", *BOUNDS)))


def number(cell: Cell) -> float | None:
    """A cell of a column of numbers, as charts take it."""
    return None if cell is None else float(cell)


def _must(cell: str | int | float | None) -> float:
    assert cell is not None, "an undefined value among defined ones"
    return float(cell)
