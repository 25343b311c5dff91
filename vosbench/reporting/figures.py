"""Make the figures of a report from runs and finished tables, with captions and alt texts.

The drawing itself is in drawing/; this says which table goes where. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING

from vosbench.analysis import failures, protocol_time, side_by_side, sweep
from vosbench.analysis.attributes import attributes
from vosbench.analysis.groups import Group, sequences_of
from vosbench.drawing.figure import Figure
from vosbench.drawing.from_masks import drawable, qualitative
from vosbench.drawing.from_tables import (
    BANDS,
    PANELS,
    ablation_bars,
    attribute_bars,
    condition_bars,
    memory_lines,
    sequence_levels,
    sequence_lines,
    settings_of,
    sweep_dots,
    sweep_lines,
    time_lines,
)
from vosbench.errors import UsageError, did_you_mean
from vosbench.toolbox.reports.looks import COLOURS, Looks, looks

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.tables import Table
    from vosbench.types import Dataset

DRAWN = (
    120  # sequences, in figures of PANELS each: nobody prints more, and each figure takes seconds
)
STRIPS = 6  # sequences in one figure: more do not fit on a page


PLOTS = ("attributes", "over-time", "sequences", "memory")  # the figures that stand for themselves
ROWS = 60  # sequences in one figure: more do not fit on a page
CONDITIONS = {"size": "the object's size", "speed": "the speed of its motion"}
SERIES = len(COLOURS)  # what ranks below is not drawn, as the caption says


def looks_of(groups: Iterable[Group], together: Iterable[Collection[str]] = ()) -> Looks:
    """What each run looks like in all of a report: tables, figures and viewer.

    together: names of runs that share a figure, beside the best of each group.
    """
    found = list(groups)
    drawn = [[run.name for run in group.results[:SERIES]] for group in found]
    return looks((run.name for group in found for run in group.results), [*drawn, *together])


def single(group: Group, what: str) -> Figure:
    """One figure of a group of runs, one of PLOTS.

    Raises:
        UsageError: there is no such figure, or the runs do not allow it.
    """
    if what not in PLOTS:
        raise UsageError(f"unknown plot {what!r}; {did_you_mean(what, PLOTS)}")
    best = group.only(group.results[:SERIES])
    less = (
        f" The {SERIES} best of {len(group.results)} runs." if len(group.results) > SERIES else ""
    )
    names, said = [run.name for run in best.results], f"{group.title}.{less}"
    known = looks_of([best])
    if what == "attributes":
        return by_attribute(attributes(best), names, said, known=known)
    if what == "over-time":
        return over_time(failures.over_time(best, step=10), names, said, known=known)
    if what == "memory":
        return by_frame(protocol_time.memory_curve(best), names, said, known=known)
    return all_sequences(best, said, known=known)


def of_group(
    group: Group,
    dataset: Dataset | None = None,
    tables: Mapping[str, Table] | None = None,
    known: Looks | None = None,
) -> Iterator[Figure]:
    """Every figure that a group of runs allows; strips need the dataset at hand.

    tables: of the analyses by name; a figure shows what its table holds. known: looks of the runs,
    by name.
    """
    tables = tables or {}
    best, rest = group.results[:SERIES], group.results[SERIES:]
    less = f" The {len(best)} best of {len(group.results)} runs." if rest else ""
    names, said = [run.name for run in best], f"{group.title}.{less}"
    listed = ", ".join(names)
    if "attributes" in tables:
        yield by_attribute(tables["attributes"], names, said, known=known)
    if "ablation-J" in tables:
        yield from by_options(tables["ablation-J"], group.title)
    if "sweep" in tables:
        yield Figure(
            "sweep",
            "J of each setting beside its base, with 95 % intervals, paired, over sequences; "
            f"{group.title}.",
            f"Dots with whiskers: the difference in J of each row of {tables['sweep'].title}.",
            sweep_dots(tables["sweep"]),
        )
    for option, lines in sweep.courses(group).items():
        yield Figure(
            f"sweep-{option}",
            f"J by {option}, all other options as they are; {group.title}.",
            f"Lines of J by {option} for {', '.join(lines)}.",
            sweep_lines({option: lines}),
        )
    for name, what in CONDITIONS.items():
        if name in tables:
            yield Figure(
                name,
                f"J by {what}, mean over frames, with 95 % intervals over sequences, n: "
                f"frames; {said}",
                f"Bars of J by {what} for {listed}.",
                condition_bars(tables[name], runs=names, looks=known),
            )
    if "over-time" in tables:
        yield over_time(tables["over-time"], names, said, known=known)
    if "memory-curve" in tables:
        yield by_frame(tables["memory-curve"], names, said, known=known)
    if all(run.folder is not None for run in best):
        yield from by_sequence(group.only(best), said, known=known)
    if dataset is not None:
        yield from last_frames(best, dataset, said)


def by_attribute(
    table: Table, names: Seq[str], said: str, *, of: str = "", known: Looks | None = None
) -> Figure:
    """J of some runs by attribute; `of` whom it is and `said`: for the caption."""
    return Figure(
        "attributes",
        f"J by attribute{of}, with 95 % intervals over sequences; {said}",
        f"Bars of J by attribute for {', '.join(names)}.",
        attribute_bars(table, runs=names, looks=known),
    )


def over_time(table: Table, names: Seq[str], said: str, *, known: Looks | None = None) -> Figure:
    """J of some runs by frames since the prompt."""
    band = ", with 95 % bands over sequences" if len(names) <= BANDS else ""
    return Figure(
        "over-time",
        f"J by frames since the prompt{band}, mean over the objects that are left, which the strip "
        f"counts; pale where they are fewer than half; {said}",
        f"Lines of J over time for {', '.join(names)}.",
        time_lines(table, runs=names, looks=known),
    )


def by_frame(table: Table, names: Seq[str], said: str, *, known: Looks | None = None) -> Figure:
    """Memory of some runs over the frames of a video."""
    return Figure(
        "memory",
        "Memory of the process over the frames of the longest sequence, above its size before the "
        f"method was loaded; {said}",
        f"Lines of memory by frame for {', '.join(names)}.",
        memory_lines(table, runs=names, looks=known),
    )


def all_sequences(group: Group, said: str, *, known: Looks | None = None) -> Figure:
    """J of some runs in each sequence; of many sequences those where the runs differ most."""
    table = side_by_side.by_sequence(group)
    part = ""
    if len(table.rows) > ROWS:
        scores = [[x for x in row[4:] if isinstance(x, float)] for row in table.rows]
        spread = [max(of, default=0.0) - min(of, default=0.0) for of in scores]
        kept = sorted(sorted(range(len(spread)), key=lambda place: -spread[place])[:ROWS])
        table = replace(table, rows=tuple(table.rows[place] for place in kept))
        part = f" The {ROWS} of {len(spread)} sequences where the runs differ most."
    return Figure(
        "sequences",
        f"J of each sequence, mean over its objects; {said}{part}",
        f"Rows of dots of J, one for each of {len(table.rows)} sequences, for "
        f"{', '.join(run.name for run in group.results)}.",
        sequence_levels(table, looks=known),
    )


def by_options(table: Table, title: str) -> Iterator[Figure]:
    """J by two options, where the second has several settings."""
    if len(settings_of(table)) > 1:
        what = table.title.partition(":")[0]  # such as `J by backbone and preset`
        yield Figure(
            table.name,
            f"{what}, with 95 % intervals over sequences; a gap: no run; {title}.",
            f"Bars of {what}: a group for each of {', '.join(settings_of(table))}, one colour for "
            f"each of {', '.join(str(row[0]) for row in table.rows)}.",
            ablation_bars(table),
        )


def by_sequence(group: Group, said: str, *, known: Looks | None = None) -> Iterator[Figure]:
    """J over time in each sequence, at most PANELS of them a figure, for the first DRAWN ones."""
    courses = failures.courses(group)
    names = list(courses)[:DRAWN]
    if left := len(courses) - len(names):
        said = f"{said} The first {DRAWN} of {DRAWN + left} sequences; the page has all."
    parts = [names[start : start + PANELS] for start in range(0, len(names), PANELS)]
    for number, part in enumerate(parts, 1):
        which = f" (part {number} of {len(parts)})" if len(parts) > 1 else ""
        yield Figure(
            f"over-time-sequences{f'-{number}' if number > 1 else ''}",
            f"J over time in each sequence{which}, mean over its objects; {said}",
            f"Small lines of J over time, one panel for each of {len(part)} sequences from "
            f"{part[0]} to {part[-1]}, for {', '.join(run.name for run in group.results)}.",
            sequence_lines({name: courses[name] for name in part}, looks=known),
        )


def last_frames(
    runs: Seq[Result], dataset: Dataset, said: str, *, of: str = ""
) -> Iterator[Figure]:
    """Truth and masks of the first few scored sequences, where the masks are at hand as scored."""
    other = {name for run in runs for name in run.changed}
    named = sequences_of(runs[0]) if runs and drawable(runs) else ()
    if shown := [name for name in named if name not in other][:STRIPS]:
        yield Figure(
            "qualitative",
            f"Last scored frame: truth and masks{of}, with J; {said}",
            f"Frames of {', '.join(shown)} with the masks of the truth and of "
            f"{', '.join(run.name for run in runs)}.",
            qualitative([dataset.sequence(name) for name in shown], runs),
            pictures=True,
        )
