"""Tables 2, 3 and 4 of RPM-Net (Kim et al., WACV 2020): measured beside published scores.

A row is a technique of the paper with one run that follows it, or a run of ours beyond the paper;
columns say where a score is from, and a difference is given only on the paper's own dataset.
missing.py lists what is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vosbench.analysis.groups import complaints, data_of, options_of
from vosbench.analysis.published import deviations, ended_with, follows, published
from vosbench.analysis.runtime import frame_size
from vosbench.analysis.significance import bootstrap, sample
from vosbench.rpmnet_paper import FILE, SECONDS
from vosbench.rpmnet_paper.readings import (
    MODULES,
    NOTE,
    ORDER,
    gridded,
    is_papers,
    reading,
    remembers,
)
from vosbench.tables import Cell, Column, Table, is_bound, with_interval

if TYPE_CHECKING:
    from vosbench.analysis.groups import Group
    from vosbench.results import Result

OURS = "ours, not the paper's"  # in place of a technique
DATASETS = ("davis2017", "segtrackv2", "youtube-objects")  # the paper's


def techniques(groups: Sequence[Group]) -> dict[str, list[Result]]:
    """Each technique of the paper with the runs that follow it, the least special first."""
    found: dict[str, dict[str, Result]] = {}
    for reported in published(file=FILE):
        runs = found.setdefault(reported.technique, {})
        for group in groups:
            runs |= {run.name: run for run in group.results if follows(run, reported)}
    return {
        technique: sorted(runs.values(), key=lambda run: (len(run.name), run.name))
        for technique, runs in found.items()
    }


def beyond(groups: Sequence[Group]) -> list[Result]:
    """The runs of RPM-Net that go beyond the paper, by their reading or their matching module.

    First those of the paper's modules, with more iterations, then with more references.
    """
    found = {
        run.name: run
        for group in groups
        for run in gridded(group.results)
        if options_of(run)["matching"] in ORDER
        and (not is_papers(run) or options_of(run)["matching"] not in MODULES)
    }

    def place(run: Result) -> tuple[bool, bool, int, str]:
        module = str(options_of(run)["matching"])
        return module not in MODULES, remembers(run), ORDER.index(module), run.name

    return sorted(found.values(), key=place)


def scores(groups: Sequence[Group]) -> Table:
    """Table 2: J and F on DAVIS-2017, and what the same methods reach on other data."""
    others = [group for group in groups if data_of(group) not in DATASETS]
    return _beside(
        "table-2",
        "Table 2: J and F on DAVIS-2017 val",
        groups,
        (("davis2017", "J"), ("davis2017", "F")),
        others,
    )


def other_datasets(groups: Sequence[Group]) -> Table:
    """Table 3: J on SegTrack-v2 and YouTube-Objects."""
    return _beside(
        "table-3",
        "Table 3: J on SegTrack-v2 and YouTube-Objects",
        groups,
        (("segtrackv2", "J"), ("youtube-objects", "J")),
        (),
    )


def _beside(
    name: str,
    title: str,
    groups: Sequence[Group],
    wanted: Sequence[tuple[str, str]],
    others: Sequence[Group],
) -> Table:
    known = {(f.technique, f.dataset, f.metric): f for f in published(file=FILE)}
    datasets = {dataset for dataset, _ in wanted}
    columns = [Column("technique"), Column("run")]
    for dataset, metric in wanted:
        stem = metric if len(datasets) == 1 else f"{metric} {dataset}"
        columns += [
            Column(f"{stem} published", "%"),
            *with_interval(Column(f"{stem} measured{_part(groups, dataset)}", "%")),
            Column(f"{stem} difference", "%", signed=True),
        ]
    elsewhere = [(group, metric) for group in others for metric in ("J", "F")]
    for group, metric in elsewhere:
        columns += with_interval(Column(f"{metric} {said(group)}", "%"))
    columns += [Column("reading"), Column("not as published")]
    rows: list[tuple[Cell, ...]] = []
    shown = [group for group in groups if group in others or data_of(group) in datasets]
    of_paper = {
        technique: runs
        for technique, runs in techniques(shown).items()
        if any((technique, dataset, metric) in known for dataset, metric in wanted)
    }
    for technique, runs in {**of_paper, OURS: beyond(shown)}.items():
        alone: list[Result | None] = [] if technique == OURS else [None]
        for one in runs or alone:
            run_name = one.name if one else ""
            cells: list[Cell] = [technique, run_name or None]
            differs = ended_with(one) if one else []
            for dataset, metric in wanted:
                reported = known.get((technique, dataset, metric))
                split = next(f.split for f in known.values() if f.dataset == dataset)
                told = bool(reported) or technique == OURS
                run = _run_of(groups, dataset, split, run_name) if told else None
                value = reported.value / 100 if reported else None
                score, *interval = _score(run, metric)
                cells += [value, score, *interval]
                cells.append(None if value is None or score is None else score - value)
                differs += deviations(run, reported) if reported and run else []
            for group, metric in elsewhere:
                of_group = {run.name: run for run in group.results}
                cells += _score(of_group.get(run_name), metric)
            how = reading(one) if one else None
            rows.append((*cells, how, "; ".join(dict.fromkeys(differs)) or None))
    notes = [
        "published: read in the paper; measured: by this software; difference: only where both "
        "are of the same dataset and split; a dash: nothing published, or no run; interval: 95 %, "
        "bootstrap over sequences"
    ]
    if others:
        notes.append(
            f"{', '.join(map(said, others))}: other data than the paper's, measured here; not to "
            "be compared with its scores"
        )
    for group in shown:
        notes += [f"{data_of(group)}: {n}" for n in group.notes if n.startswith("ONLY")]
    named = {row[1] for row in rows}
    every = {run.name: run for group in shown for run in group.results if run.name in named}
    notes += complaints(every.values())
    if any(row[0] == OURS for row in rows):
        notes.append(NOTE)
        notes.append(
            f"{OURS}: the same network read otherwise (more iterations, more references), or with "
            "a matching module of our own; the paper says nothing of it"
        )
    filled = [
        place
        for place, column in enumerate(columns)
        if not (column.signed or column in columns[-2:] or is_bound(column))
        or any(row[place] is not None for row in rows)
    ]  # nothing is said of differences and intervals where nothing was measured
    return Table(
        name,
        title,
        tuple(columns[place] for place in filled),
        tuple(tuple(row[place] for place in filled) for row in rows),
        tuple(notes),
    )


def runtimes(groups: Sequence[Group]) -> Table:
    """Table 4: seconds a frame, each with what it was measured on."""
    rows: list[tuple[Cell, ...]] = []
    whats: dict[str, None] = {}
    for reported in published(file=FILE):
        if reported.metric != SECONDS:
            continue
        timed = 0
        for group in groups:
            for run in group.results:
                manifest = run.manifest
                if (
                    manifest is None
                    or not follows(run, reported)
                    or not manifest["timing"]["frames"]
                ):
                    continue
                timed += 1
                whats[manifest["timing"]["what"]] = None
                identity, machine = manifest["identity"], manifest["environment"]
                size = identity["options"].get("size")
                rows.append((
                    reported.technique, reported.value, run.name, reading(run), said(group),
                    manifest["timing"]["median_seconds"], frame_size(run),
                    str(size) if size else None, identity["device"],
                    f"{machine['cores']} cores, {machine['processor']}",
                ))  # fmt: skip
        if not timed:
            rows.append((reported.technique, reported.value, *[None] * 8))
    return Table(
        "table-4",
        "Table 4: seconds a frame",
        (
            Column("technique"),
            Column("published", "s/frame", digits=2),
            Column("run"),
            Column("reading"),
            Column("data"),
            Column("measured", "s/frame", digits=3),
            Column("frame size"),
            Column("size option"),
            Column("device"),
            Column("machine"),
        ),
        tuple(rows),
        (
            "published: of ResNet-101 at 512x512 on a GPU that the paper does not name; measured: "
            "median on the machine named; the two do not compare, so that no difference is given",
            *([NOTE] if any(row[3] for row in rows) else []),
            *(f"counted: {what}" for what in whats),
        ),
    )


def said(group: Group) -> str:
    """A group's dataset in a word or two, with how many of its sequences where not all."""
    data = group.results[0].summary["dataset"]
    part = f" {data['sequences']} of {data['card_sequences']}"
    return f"{data['name']}{part if data['sequences'] < data['card_sequences'] else ''}"


def _part(groups: Sequence[Group], dataset: str) -> str:
    """On how many sequences of a dataset was measured, where not on all."""
    parts = {said(group).removeprefix(dataset) for group in groups if data_of(group) == dataset}
    return parts.pop() if len(parts) == 1 else ""


def _run_of(groups: Sequence[Group], dataset: str, split: str, name: str) -> Result | None:
    """A run by name on a dataset, where the group with most sequences has it."""
    fit = [
        run
        for group in groups
        if data_of(group) == dataset and group.results[0].summary["dataset"]["split"] == split
        for run in group.results
        if run.name == name
    ]
    return max(fit, key=lambda run: len(run.summary["sequences"]), default=None)


def _score(run: Result | None, metric: str) -> tuple[float | None, float | None, float | None]:
    """The mean of a run with the ends of its interval; None where there is none."""
    value = run.summary[metric]["mean"] if run else None
    if run is None or value is None:
        return None, None, None
    return (float(value), *bootstrap(sample(run, metric)))
