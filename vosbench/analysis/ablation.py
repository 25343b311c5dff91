"""Scores by two options as a grid, e.g. backbone and preset."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vosbench import registry
from vosbench.analysis.groups import Group, implied, plugin_of, settings_of
from vosbench.analysis.significance import bootstrap, sample
from vosbench.errors import PluginError, UsageError, nearest
from vosbench.options import as_typed, choices_of
from vosbench.results import figure
from vosbench.tables import Cell, Column, Table, with_interval

if TYPE_CHECKING:
    from vosbench.results import Result

COLUMNS = ("matching", "preset")  # what stands in the columns where nothing is asked for
OWN = ("weights",)  # each cell has its own: they are no further option


def ablation(
    group: Group,
    *,
    metric: str = "J",
    row: str = "backbone",
    column: str = "",
    seed: int = 0,
) -> Table:
    """The mean score of the runs with each pair of options; a dash if there is no run.

    Its interval is over sequences, seeds and weights as they are. The column is by default the
    first of COLUMNS that a run has; columns stand in the order in which methods declare choices.

    Runs that differ in further options get rows of their own, which name what is not usual; what
    the pair itself implies, as a preset does, is no further option. Runs that differ in seed or
    weights only are averaged, and a note says so. Runs without both options stay out.

    Raises:
        UsageError: no run has both options.
    """
    present = {name for run in group.results for name in settings_of(run)}
    column = column or next((name for name in COLUMNS if name in present), COLUMNS[0])
    runs = [
        run
        for run in group.results
        if {row, column} <= settings_of(run).keys() and figure(run.summary, metric) is not None
    ]
    if not runs:
        meant = [nearest(name, present).strip() for name in (row, column) if name not in present]
        fault = f"no run of {group.title} has both options, {row} and {column}"
        raise UsageError("; ".join(filter(None, (fault, *meant))))
    further = [_further(run, row, column) for run in runs]
    usual = _usual(further)
    cells: dict[tuple[str, str], list[Result]] = {}
    for run, own in zip(runs, further, strict=True):
        options = settings_of(run)
        special = (f"{k}={as_typed(options.get(k))}" for k, v in usual.items() if own.get(k) != v)
        name = " ".join([as_typed(options[row]), *special])
        cells.setdefault((name, as_typed(options[column])), []).append(run)
    order = _declared(runs, column)
    across = sorted({key[1] for key in cells}, key=lambda one: (order.get(one, len(order)), one))
    rows: list[tuple[Cell, ...]] = [
        (name, *(cell for one in across for cell in _mean(cells.get((name, one)), metric, seed)))
        for name in sorted({key[0] for key in cells})
    ]
    notes = [f"{len(runs)} runs; a dash: no run; interval: 95 %, bootstrap over sequences"]
    usually = []
    for key, value in usual.items():
        plain = [run for run, own in zip(runs, further, strict=True) if own.get(key) == value]
        texts = {as_typed(settings_of(run).get(key)) for run in plain}
        usually.append(
            f"{key}={texts.pop()}" if len(texts) == 1 else f"{key} as its other options imply"
        )
    if shared := _shared(further, usually=_implied(runs[0], row, column)):
        told = ", ".join(f"{key}={as_typed(value)}" for key, value in shared.items())
        notes.append(f"in every run: {told}")
    if usually:
        notes.append(f"where a row says nothing else: {', '.join(usually)}")
    for (name, one), members in cells.items():
        if len(members) > 1:
            values = [_score(run, metric) for run in members]
            notes.append(
                f"{name}, {one}: mean of {len(values)} runs, {100 * min(values):.1f} to "
                f"{100 * max(values):.1f}"
            )
    still = runs[0].summary.get("copy_first")
    if still and metric != "J&F" and (repeated := figure(still, metric)) is not None:
        notes.append(f"copy-first on the same frames: {100 * repeated:.1f}")
    return Table(
        name=f"ablation-{metric.replace('&', '')}",
        title=f"{metric} by {row} and {column}: {group.title}",
        columns=(
            Column(row),
            *(each for one in across for each in with_interval(Column(one, "%", better="higher"))),
        ),
        rows=tuple(rows),
        notes=(*notes, *group.notes),
    )


def _implied(run: Result, row: str, column: str) -> dict[str, Any]:
    """The options that a run's row and column imply, by the plugin's defaults."""
    method = run.manifest["identity"]["method"] if run.manifest else ""
    return implied(run, (row, column), method=plugin_of(method))  # variants share a grid


def _further(run: Result, row: str, column: str) -> dict[str, Any]:
    """The options of a run that its row and column do not imply."""
    usual = _implied(run, row, column)
    return {
        name: value
        for name, value in settings_of(run).items()
        if name not in (row, column, *OWN) and (name not in usual or usual[name] != value)
    }


def _usual(further: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a row need not say of each option that is not the same in all.

    The implied value, None, where any run has it, else the most frequent one.
    """
    usual = {}
    for name in sorted({name for own in further for name in own}):
        values = [own.get(name) for own in further]
        if any(value != values[0] for value in values):
            usual[name] = None if None in values else max(values, key=values.count)
    return usual


def _shared(further: Sequence[Mapping[str, Any]], *, usually: Mapping[str, Any]) -> dict[str, Any]:
    """What all runs have alike and is not their method's default, so that no row names it."""
    first, *others = further
    return {
        name: value
        for name, value in sorted(first.items())
        if name in usually and all(name in own and own[name] == value for own in others)
    }


def _score(run: Result, metric: str) -> float:
    score = figure(run.summary, metric)
    assert score is not None, "runs without a score stay out"
    return score


def _mean(runs: Sequence[Result] | None, metric: str, seed: int) -> tuple[Cell, Cell, Cell]:
    """The mean score of some runs with the ends of its interval."""
    if not runs:
        return None, None, None
    samples = [sample(run, metric) for run in runs]
    pooled = samples[0]._replace(total=np.mean([each.total for each in samples], axis=0))
    return (statistics.fmean(_score(run, metric) for run in runs), *bootstrap(pooled, seed=seed))


def _declared(runs: Sequence[Result], option: str) -> dict[str, int]:
    """The place of each choice of an option, as the runs' methods declare them."""
    places: dict[str, int] = {}
    for method in dict.fromkeys(run.manifest["identity"]["method"] for run in runs if run.manifest):
        with contextlib.suppress(UsageError, PluginError):  # a method that is not here any more
            for choice in choices_of(registry.load_method(method).Options, option):
                places.setdefault(choice, len(places))
    return places
