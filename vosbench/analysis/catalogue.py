"""The analyses by name, each imported when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vosbench.analysis.tables import Table
from vosbench.api import Result
from vosbench.errors import DataError, UsageError, did_you_mean


class Analysis(NamedTuple):
    """Where a function from runs of one group to a table lies, and what it gives.

    needs: what it reads beside the runs' folders: nothing, or also the dataset's truth.
    fixed: arguments that are always the same.
    """

    place: str
    summary: str
    needs: Literal["runs", "truth"] = "runs"
    fixed: tuple[tuple[str, Any], ...] = ()

    def function(self) -> Callable[..., Table]:
        """Import it."""
        module, name = self.place.split(":")
        found: Callable[..., Table] = getattr(importlib.import_module(module), name)
        return found


_HERE = "vosbench.analysis"
ANALYSES = {
    "scores": Analysis(f"{_HERE}.scores:scores", "means with intervals, gain, time, weights"),
    "published": Analysis(f"{_HERE}.published:beside", "figures of papers beside measured ones"),
    "significance": Analysis(
        f"{_HERE}.comparison:comparisons", "paired differences to the best run, tests, sentences"
    ),
    "sequences": Analysis(f"{_HERE}.comparison:differences", "the same, sequence by sequence"),
    "attributes": Analysis(f"{_HERE}.attributes:attributes", "J and F by attribute, and the drop"),
    "ablation": Analysis(f"{_HERE}.ablation:ablation", "J by backbone and matching module"),
    "ablation-F": Analysis(
        f"{_HERE}.ablation:ablation", "F by backbone and matching module", fixed=(("metric", "F"),)
    ),
    "runtime": Analysis(f"{_HERE}.runtime:runtime", "time a frame, device, size, memory"),
    "over-time": Analysis(
        f"{_HERE}.failures:over_time", "J by frames since the prompt", fixed=(("step", 10),)
    ),
    "worst-objects": Analysis(f"{_HERE}.failures:worst_objects", "the objects of lowest J"),
    "worst-frames": Analysis(f"{_HERE}.failures:worst_frames", "the steepest falls of J"),
    "loss": Analysis(f"{_HERE}.failures:loss", "what is lost: region, boundary, in which frames"),
    "size": Analysis(f"{_HERE}.conditions:by_size", "J by the object's size", "truth"),
    "speed": Analysis(f"{_HERE}.conditions:by_speed", "J by the object's speed", "truth"),
    "drift": Analysis(
        f"{_HERE}.conditions:drift", "whether J falls with time or with appearance", "truth"
    ),
}


def choose(what: Iterable[str]) -> tuple[str, ...]:
    """Names of analyses; () stands for those that need the runs only, `all` for all.

    Raises:
        UsageError: an unknown name.
    """
    names = tuple(what)
    if not names:
        return tuple(name for name, each in ANALYSES.items() if each.needs == "runs")
    if names == ("all",):
        return tuple(ANALYSES)
    for name in names:
        if name not in ANALYSES:
            raise UsageError(f"unknown analysis {name!r}; {did_you_mean(name, ANALYSES)}")
    return tuple(dict.fromkeys(names))


class Left(NamedTuple):
    """An analysis that could not be made of a group, and why."""

    group: str
    name: str
    why: str


def tables(
    results: Sequence[Result],
    names: Sequence[str],
    *,
    root: Path | None = None,
    against: str = "",
) -> Iterator[Table | Left]:
    """The analyses of every group of runs, in that order; names tell groups apart where several.

    root: where the data lie, for analyses that need the truth. against: the run that the others
    are compared with.
    """
    from vosbench.analysis.runs import groups

    found = groups(results)
    for group in found:
        known: Any = None
        for name in names:
            analysis = ANALYSES[name]
            more: dict[str, Any] = dict(analysis.fixed)
            try:
                if analysis.needs == "truth":
                    known = known or _facts(group.results[0], root, colours="drift" in names)
                    more["known"] = known
                if "comparison" in analysis.place:
                    more["against"] = against
                table = analysis.function()(group.results, **more)
            except (UsageError, DataError) as error:
                yield Left(group.title, name, str(error))
                continue
            yield table if len(found) == 1 else replace(table, name=f"{group.name}-{table.name}")


def _facts(run: Result, root: Path | None, *, colours: bool) -> Any:
    from vosbench.analysis.objects import facts

    return facts(run, root=root, colours=colours)
