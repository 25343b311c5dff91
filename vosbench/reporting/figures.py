"""Scored runs and the tables of analyses -> the paper's figures, each with caption and alt text.

The drawing itself is in toolbox/figures; this says which values go where. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq

from vosbench.analysis import ablation, attributes, failures
from vosbench.analysis.groups import Group, card_or_none, options_of, sequences_of
from vosbench.drawing.figure import Drawn
from vosbench.drawing.from_masks import drawable, qualitative
from vosbench.drawing.from_tables import (
    BANDS,
    ablation_bars,
    attribute_bars,
    condition_bars,
    sequence_lines,
    sweep_dots,
    sweep_lines,
    sweeps,
    time_lines,
)
from vosbench.results import Result
from vosbench.tables import Table
from vosbench.toolbox.reports.looks import COLOURS, Looks
from vosbench.types import Dataset

STRIPS = 6  # sequences in one figure: more do not fit on a page


CONDITIONS = {"size": "the object's size", "speed": "the speed of its motion"}
SERIES = len(COLOURS)  # what ranks below is not drawn, as the caption says


def of_runs(
    group: Group,
    dataset: Dataset | None = None,
    tables: Mapping[str, Table] | None = None,
    looks: Looks | None = None,
) -> Iterator[Drawn]:
    """Every figure that runs on the same data allow; strips need the dataset at hand.

    tables: those of the analyses `size`, `speed` and `sweep` by name, where they were made. looks:
    of the runs, by name.
    """
    runs, rest = group.results[:SERIES], group.results[SERIES:]
    less = f" The {len(runs)} best of {len(group.results)} runs." if rest else ""
    names = ", ".join(run.name for run in runs)
    yield from by_attribute(group.only(runs), f"{group.title}.{less}", looks=looks)
    yield from by_option(group.only(gridded(group.results)))
    if tables and "sweep" in tables:
        yield Drawn(
            "sweep",
            "J of each setting beside its base, with 95 % intervals, paired, over sequences; "
            f"{group.title}.",
            f"Dots with whiskers: the difference in J of each row of {tables['sweep'].title}.",
            sweep_dots(tables["sweep"]),
        )
    for option, panel in sweeps(group.results).items():
        yield Drawn(
            f"sweep-{option}",
            f"J by {option}, all other options as they are; {group.title}.",
            f"Lines of J by {option} for {', '.join(panel)}.",
            sweep_lines({option: panel}),
        )
    for name, what in CONDITIONS.items():
        if tables and name in tables:
            yield Drawn(
                name,
                f"J by {what}, mean over frames, with 95 % intervals over sequences, n: "
                f"frames; {group.title}.{less}",
                f"Bars of J by {what} for {names}.",
                condition_bars(tables[name], [run.name for run in runs], looks=looks),
            )
    if all(run.folder is not None for run in runs):
        band = ", with 95 % bands over sequences" if len(runs) <= BANDS else ""
        yield Drawn(
            "over-time",
            f"J by frames since the prompt{band}; {group.title}.{less}",
            f"Lines of J over time for {names}.",
            time_lines(failures.over_time(group.only(runs), step=5), looks=looks),
        )
        yield Drawn(
            "over-time-sequences",
            f"J over time in each sequence, mean over its objects; {group.title}.{less}",
            f"Small lines of J over time, one panel per sequence, for {names}.",
            sequence_lines(runs, looks=looks),
        )
    if dataset is not None:
        yield from last_frames(runs, dataset, f"{group.title}.{less}")


def by_attribute(
    group: Group, said: str, *, of: str = "", looks: Looks | None = None
) -> Iterator[Drawn]:
    """J by attribute, where a scored sequence has one; `of` whom it is and `said`: for the caption.

    `by_option` and `last_frames` likewise give one figure or none.
    """
    runs = group.results
    card = card_or_none(runs[0]) if runs else None
    if card and any(card.attributes.get(name) for name in sequences_of(runs[0])):
        yield Drawn(
            "attributes",
            f"J by attribute{of}, with 95 % intervals over sequences; {said}",
            f"Bars of J by attribute for {', '.join(run.name for run in runs)}.",
            attribute_bars(attributes.attributes(group), looks=looks),
        )


def by_option(grid: Group) -> Iterator[Drawn]:
    """J by backbone and matching module, where runs have several modules."""
    if len({options_of(run)["matching"] for run in grid.results}) > 1:
        yield Drawn(
            "ablation",
            "J by backbone and matching module, with 95 % intervals over sequences; a gap: no "
            f"run; {grid.title}.",
            f"Bars of J by matching module, one colour per backbone, of {len(grid.results)} runs.",
            ablation_bars(ablation.ablation(grid)),
        )


def last_frames(runs: Seq[Result], dataset: Dataset, said: str, *, of: str = "") -> Iterator[Drawn]:
    """Truth and masks of the first few scored sequences, where the masks are at hand."""
    if runs and drawable(runs):
        shown = sequences_of(runs[0])[:STRIPS]
        yield Drawn(
            "qualitative",
            f"Last scored frame: truth and masks{of}, with J; {said}",
            f"Frames of {', '.join(shown)} with the masks of the truth and of "
            f"{', '.join(run.name for run in runs)}.",
            qualitative([dataset.sequence(name) for name in shown], runs),
            pictures=True,
        )


def gridded(results: Seq[Result]) -> list[Result]:
    """The runs whose method has a backbone and a matching module to choose."""
    return [run for run in results if {"backbone", "matching"} <= options_of(run).keys()]
