"""List the analyses by name, and run the chosen ones on all groups of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vosbench.analysis import protocol_time
from vosbench.analysis.ablation import ablation
from vosbench.analysis.attributes import attributes
from vosbench.analysis.comparison import comparisons, differences
from vosbench.analysis.failures import loss, over_time, worst_frames, worst_objects
from vosbench.analysis.object_facts import Facts, facts
from vosbench.analysis.presence import presence
from vosbench.analysis.published import beside
from vosbench.analysis.runtime import runtime
from vosbench.analysis.scores import scores
from vosbench.analysis.size_speed_drift import by_size, by_speed, drift
from vosbench.analysis.sweep import sweep
from vosbench.errors import DataError, UsageError, did_you_mean

if TYPE_CHECKING:
    from vosbench.analysis.groups import Group
    from vosbench.tables import Table


class Analysis(NamedTuple):
    """A function from a group of runs to a table, and what it gives.

    needs: what it reads beside the runs' scores: nothing, the dataset's truth, or what
        --protocol-time measured.
    fixed: arguments that are always the same. paired: it holds runs against one of them.
    grid: two options make its rows and columns.
    """

    function: Callable[..., Table]
    summary: str
    needs: Literal["runs", "truth", "time"] = "runs"
    fixed: tuple[tuple[str, Any], ...] = ()
    paired: bool = False
    grid: bool = False


ANALYSES = {
    "scores": Analysis(scores, "means with intervals, gain, time, weights"),
    "published": Analysis(beside, "scores of papers beside measured ones"),
    "significance": Analysis(
        comparisons, "paired differences to the best run, tests, sentences", paired=True
    ),
    "sequences": Analysis(differences, "the same, sequence by sequence", paired=True),
    "presence": Analysis(presence, "objects tracked, missed, hallucinated, rightly empty"),
    "attributes": Analysis(attributes, "J and F by attribute, and the drop"),
    "ablation": Analysis(ablation, "J by two options", grid=True),
    "ablation-F": Analysis(ablation, "F by two options", fixed=(("metric", "F"),), grid=True),
    "sweep": Analysis(sweep, "each option alone: J and F, difference to the base run"),
    "runtime": Analysis(runtime, "time a frame, device, size, memory"),
    "protocol-time": Analysis(protocol_time.speed, "time by protocol, by objects", "time"),
    "protocol-memory": Analysis(protocol_time.memory, "memory by protocol, its growth", "time"),
    "memory-curve": Analysis(
        protocol_time.memory_curve, "memory by frame", "time", fixed=(("step", 10),)
    ),
    "over-time": Analysis(over_time, "J by frames since the prompt", fixed=(("step", 10),)),
    "worst-objects": Analysis(worst_objects, "the objects of lowest J"),
    "worst-frames": Analysis(worst_frames, "where J falls most and stays low"),
    "loss": Analysis(loss, "what is lost: region, boundary, in which frames"),
    "size": Analysis(by_size, "J by the object's size", "truth"),
    "speed": Analysis(by_speed, "J by the object's speed", "truth"),
    "drift": Analysis(drift, "whether J falls with time or with appearance", "truth"),
}


def choose(what: Iterable[str]) -> tuple[str, ...]:
    """Check names of analyses; () means all that need runs only, `all` means all.

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

    def __str__(self) -> str:
        """One line, which names the group once."""
        of = "" if self.group in self.why else f" of {self.group}"
        return f"{self.name}{of}: {self.why}"


def tables(
    groups: Sequence[Group],
    names: Sequence[str],
    *,
    root: Path | None = None,
    against: str = "",
    by: tuple[str, str] | None = None,
) -> Iterator[Table | Left]:
    """Run the analyses on every group of runs; with several groups, names start with the group.

    root: where the data lie, for analyses that need the truth. against: the run that the others
    are compared with. by: the options in rows and columns of ablations.

    Raises:
        UsageError: one of the two is given, and none of the analyses asks for it.
    """
    _refuse_unused(names, "against", against, [n for n, each in ANALYSES.items() if each.paired])
    _refuse_unused(names, "by", by, [n for n, each in ANALYSES.items() if each.grid])
    for group in groups:
        truth: Facts | None = None
        for name in names:
            analysis = ANALYSES[name]
            more: dict[str, Any] = dict(analysis.fixed)
            try:
                if analysis.needs == "truth":
                    truth = truth or facts(group.results[0], root=root, colours="drift" in names)
                    more["known"] = truth
                if analysis.paired:
                    more["against"] = against
                if analysis.grid and by:
                    more["row"], more["column"] = by
                table = analysis.function(group, **more)
            except (UsageError, DataError) as error:
                yield Left(group.title, name, str(error))
                continue
            yield table if len(groups) == 1 else replace(table, name=f"{group.name}-{table.name}")


def _refuse_unused(names: Sequence[str], option: str, given: object, users: Sequence[str]) -> None:
    """UsageError for an option that none of the analyses asks for."""
    if given and not set(users) & set(names):
        raise UsageError(
            f"--{option} is for {', '.join(users)}, none of which is asked for; add one of them to "
            f"--what, or leave --{option} away"
        )
