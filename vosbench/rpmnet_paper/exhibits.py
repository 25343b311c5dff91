"""Make every table and figure of RPM-Net (Kim et al., WACV 2020) that the runs allow.

Tables 2 to 4 and Fig. 5, 6 and 8 come from the runs' files, Fig. 4 also from the frames; Fig. 7, 9
and 10 (and 1) look into the methods anew, which takes minutes: what that gives is kept and reused.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.analysis.ablation import ablation
from vosbench.analysis.attributes import attributes
from vosbench.analysis.groups import Group, groups, options_of, sequences_of, told_as_usual
from vosbench.drawing import from_masks
from vosbench.drawing.exhibit import Exhibit, Exhibition
from vosbench.drawing.figure import Figure
from vosbench.errors import DataError, UsageError
from vosbench.files import fingerprint
from vosbench.inspection import exhibits, folder, pca, receptive_field
from vosbench.inspection.subjects import from_run
from vosbench.reporting import figures
from vosbench.reporting.opened import opened
from vosbench.rpmnet_paper import missing, tables

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.tables import Table
    from vosbench.toolbox.reports.looks import Looks
    from vosbench.types import Dataset

OWN = "car-shadow"  # the sequence of the paper's Fig. 8
PAIRS, CELLS = 1, 300  # of every sequence: seconds a method, and the means move little with more
LOOKED_AT = 2  # sequences whose embeddings are drawn
PICTURED = ("conv-3", "dilation-3", "deformable", "correlation")  # more do not fit on a page

Say = Callable[[str], None]


def exhibition(
    results: Iterable[Result], kept: Path, *, root: Path | None = None, say: Say | None = None
) -> Exhibition:
    """The paper's tables and figures in its order, and last what is missing.

    Args:
        results: scored runs of whatever datasets; those by other prompts are no part of it.
        kept: folder of what was computed from the methods, one folder in it for each group.
        root: where the data lie now: a dataset's folder, or the one that holds all.
        say: is told what is being computed.
    """
    found = groups(filter(told_as_usual, results))
    looks = figures.looks_of(found, drawn_together(found))
    at_hand = {group.name: opened(group, root).dataset for group in found}
    parts: list[tuple[str, Exhibit]] = []
    left_out: list[str] = []
    for group in found:
        dataset = at_hand[group.name]
        parts.append((group.name, _of_runs(group, dataset, looks)))
        if dataset is not None:
            looked, left = _looked(group, dataset, kept / group.name, looks, say)
            parts.append((group.name, looked))
            left_out += left

    def of(name: str, title: str, start: str, table: str = "") -> Exhibit:
        """Of all groups, the figures whose names start so, and the table, named after the group."""
        drawn, made = [], []
        for group_name, part in parts:
            named = part.prefixed(group_name)
            drawn += [f for f in named.figures if f.name.startswith(f"{group_name}-{start}")]
            made += [t for t in named.tables if t.name == f"{group_name}-{table}"]
        return Exhibit(name, title, tuple(made), tuple(drawn))

    lacking = missing.missing(found, root=root)
    of_paper = (tables.scores(found), tables.other_datasets(found), tables.runtimes(found))
    return Exhibition(
        "paper",
        "Tables and figures of RPM-Net (WACV 2020)",
        (
            *(Exhibit(table.name, table.title, (table,)) for table in of_paper),
            of("figure-4", "Fig. 4: results of the techniques", "qualitative"),
            of("figure-5", "Fig. 5: attributes", "attributes"),
            of("figure-6", "Fig. 6: backbone and matching module", "ablation", "ablation-J"),
            of("figure-7", "Fig. 7: score and receptive field", "score-by-field"),
            of("figure-8", "Fig. 8: results of the matching modules", "modules"),
            of("figure-9", "Fig. 9: likeness of embeddings", "cosine", "receptive-field"),
            of("figure-10", "Fig. 10 and 1: PCA of embeddings, and samples", "pca",
               "embedding-pca"),
            *([Exhibit(lacking.name, lacking.title, (lacking,))] if lacking.rows else []),
        ),
        looks,
        tuple(left_out),
    )  # fmt: skip


def drawn_together(groups: Iterable[Group]) -> Iterator[list[str]]:
    """The names of the runs that share a figure."""
    for group in groups:
        yield [run.name for run in _followers(group)]
        yield [run.name for run in by_module(group)]


def by_module(group: Group) -> list[Result]:
    """One run for each matching module, in the paper's order: the least special of those there."""
    found: dict[str, Result] = {}
    for run in sorted(_gridded(group), key=lambda run: (len(run.name), run.name)):
        found.setdefault(str(options_of(run)["matching"]), run)
    return [found[module] for module in missing.ORDER if module in found]


def _gridded(group: Group) -> list[Result]:
    """The runs whose method has a backbone and a matching module to choose."""
    return [run for run in group.results if {"backbone", "matching"} <= options_of(run).keys()]


def _grid(group: Group) -> list[Result]:
    """The runs of the paper's own modules, without the CRF."""
    return [
        run
        for run in _gridded(group)
        if options_of(run)["matching"] in missing.MODULES
        and options_of(run).get("refine", "none") == "none"
    ]


def _followers(group: Group) -> list[Result]:
    """The least special run of each technique of the paper, as many as colours serve."""
    runs = [found[0] for found in tables.techniques([group]).values() if found]
    return runs[: figures.SERIES]


def _of_runs(group: Group, dataset: Dataset | None, looks: Looks) -> Exhibit:
    """What the runs' files give; figures with frames only where the dataset is at hand."""
    runs, grid = _followers(group), _grid(group)
    title, whose = f"{group.title}.", " of the paper's techniques"
    made = (ablation(group.only(grid)),) if grid else ()
    drawn: list[Figure] = []
    by_attribute = _attributes(group.only(runs))
    if by_attribute is not None:
        names = [run.name for run in runs]
        drawn.append(figures.by_attribute(by_attribute, names, title, of=whose, known=looks))
    for table in made:
        drawn += figures.by_options(table, group.title)
    if dataset is not None:
        drawn += figures.last_frames(runs, dataset, title, of=whose)
        drawn += _modules(group, dataset)
    return Exhibit("runs", group.title, made, tuple(drawn))


def _attributes(group: Group) -> Table | None:
    """J by attribute, where a scored sequence has one."""
    try:
        return attributes(group) if group.results else None
    except UsageError:
        return None


def _modules(group: Group, dataset: Dataset) -> Iterator[Figure]:
    """A frame as each matching module carries its mask (Fig. 8)."""
    runs = by_module(group)
    if len(runs) > 1 and from_masks.drawable(runs):
        scored = sequences_of(group.results[0])
        name = OWN if OWN in scored else scored[0]
        yield Figure(
            "modules",
            f"Last scored frame of {name}: truth and masks by matching module, with J; "
            f"{group.title}.",
            f"A frame of {name} with the masks of {', '.join(run.name for run in runs)}.",
            from_masks.side_by_side(dataset.sequence(name), runs),
            pictures=True,
        )


def _looked(
    group: Group, dataset: Dataset, where: Path, looks: Looks, say: Say | None
) -> tuple[Exhibit, list[str]]:
    """What the methods of a group show of themselves, and what could not be looked into.

    It is read in the folder `where` if that holds the same.
    """
    subjects, left_out = [], []
    for run in by_module(group):
        try:
            subjects.append(from_run(run))
        except (UsageError, DataError) as error:
            left_out.append(f"{group.title}: embeddings of {run.name}: {error}")
    if not subjects:
        return Exhibit("looked", group.title), left_out
    names = sequences_of(group.results[0])
    pictured = sorted(names, key=lambda name: name != OWN)[:LOOKED_AT]
    runs = {run.name: run for run in group.results}
    key = fingerprint({
        "runs": {s.label: _identity(runs[s.label]) for s in subjects}, "sequences": names,
        "pictured": pictured, "pairs": PAIRS, "cells": CELLS, "source": _source(),
        "looks": {s.label: looks[s.label] for s in subjects},
    })  # fmt: skip
    try:
        found = folder.read(where, key=key)
    except DataError:
        found = None  # made anew
    if found is None:
        if say:
            say(f"looking into {len(subjects)} methods on {len(names)} sequences: {group.title}")
        folder.check_place(where)  # before minutes of work
        modules = {s.label: str(options_of(runs[s.label])["matching"]) for s in subjects}
        some = [s for s in subjects if modules[s.label] in PICTURED] or subjects[: len(PICTURED)]
        clips = [dataset.sequence(name) for name in pictured]
        looked = [
            exhibits.receptive_fields(
                subjects,
                [dataset.sequence(name) for name in names],
                pairs=PAIRS,
                cells=CELLS,
                looks=looks,
            ),
            exhibits.projections(some, clips, pairs=2 * PAIRS),
        ]
        folder.write(looked, where, key=key)
        found = folder.read(where, key=key)
        assert found is not None, "just written"
    said = tuple(replace(f, caption=f"{f.caption} {group.title}.") for f in found.figures)
    return replace(found, figures=said), left_out


def _identity(run: Result) -> list[object]:
    """What decides what a run's method shows: what was run, and the J that is drawn beside it."""
    assert run.manifest is not None
    whose = run.manifest["root"] if run.manifest.get("own_data") else None
    return [run.manifest["identity_sha256"], whose, run.summary["J"]["mean"]]


def _source() -> str:
    """The text of the modules that measure and draw what is kept."""
    modules = (exhibits, folder, pca, receptive_field, *exhibits.DRAWING)
    texts = (inspect.getsource(module) for module in modules)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
