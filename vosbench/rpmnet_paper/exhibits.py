"""Scored runs -> every table and figure of RPM-Net (Kim et al., WACV 2020) that they allow.

Tables 2 to 4 and Fig. 5, 6 and 8 come from the runs' files, Fig. 4 also from the frames; Fig. 7, 9
and 10 (and 1) look into the methods anew, which takes minutes: what that gives is kept and reused.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path

from vosbench.analysis.ablation import ORDER, ablation
from vosbench.analysis.groups import Group, options_of, sequences_of
from vosbench.drawing import from_masks
from vosbench.drawing.figure import Drawn, KeptFigure
from vosbench.errors import DataError, UsageError
from vosbench.files import fingerprint
from vosbench.inspection import exhibits, pca, receptive_field
from vosbench.inspection import folder as features_folder
from vosbench.inspection.subjects import from_run
from vosbench.reporting import figures
from vosbench.results import Result
from vosbench.rpmnet_paper import missing
from vosbench.rpmnet_paper import tables as paper
from vosbench.tables import Table
from vosbench.toolbox.reports.looks import Looks
from vosbench.types import Dataset

TITLE = "Tables and figures of RPM-Net (WACV 2020)"
OWN = "car-shadow"  # the sequence of the paper's Fig. 8
PAIRS, CELLS = 1, 300  # of every sequence: seconds a method, and the means move little with more
LOOKED_AT = 2  # sequences whose embeddings are drawn
PICTURED = ("conv-3", "dilation-3", "deformable", "correlation")  # more do not fit on a page

Say = Callable[[str], None]


@dataclass(frozen=True)
class Piece:
    """One table or figure of the paper; without any table or figure it could not be made."""

    name: str
    title: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Drawn | KeptFigure, ...] = ()


def pieces(
    groups: Seq[Group],
    opened: Mapping[str, Dataset],
    kept: Path,
    *,
    looks: Looks,
    root: Path | None = None,
    left_out: list[str],
    say: Say | None = None,
) -> Iterator[Piece]:
    """The paper's tables and figures in its order, and last what is missing.

    Args:
        groups: runs by what they were scored on.
        opened: the datasets that are at hand, by group.
        kept: folder of what was computed from the methods, one folder in it for each group.
        looks: of the runs, by name.
        root: where the data lie now.
        left_out: is told what could not be made, and why.
        say: is told what is being computed.
    """
    for table in (paper.scores(groups), paper.other_datasets(groups), paper.runtimes(groups)):
        yield Piece(table.name, table.title, (table,))
    looked = {}
    for group in groups:
        if group.name in opened:
            where = kept / group.name
            found = _looked(group, opened[group.name], where, looks, root, left_out, say)
            if found is not None:
                looked[group.name] = found
    drawn: dict[str, list[Drawn | KeptFigure]] = {}
    for group in groups:
        drawn[group.name] = [
            *_of_runs(group, opened.get(group.name), looks),
            *_said_whose(group, looked.get(group.name)),
        ]

    def of(*names: str) -> tuple[Drawn | KeptFigure, ...]:
        """Figures of all groups by the start of their names, each named after its group."""
        return tuple(
            replace(figure, name=f"{group.name}-{figure.name}")
            for group in groups
            for figure in drawn[group.name]
            if figure.name.startswith(names)
        )

    yield Piece("figure-4", "Fig. 4: results of the techniques", (), of("qualitative"))
    yield Piece("figure-5", "Fig. 5: attributes", (), of("attributes"))
    grids = tuple(_renamed(g.name, ablation(g.only(_grid(g)))) for g in groups if _grid(g))
    yield Piece("figure-6", "Fig. 6: backbone and matching module", grids, of("ablation"))
    yield Piece("figure-7", "Fig. 7: score and receptive field", (), of("score-by-field"))
    yield Piece("figure-8", "Fig. 8: results of the matching modules", (), of("modules"))
    fields, spread = (
        tuple(
            _renamed(name, table)
            for name, found in looked.items()
            for table in found.tables
            if table.name == wanted
        )
        for wanted in ("receptive-field", "embedding-pca")
    )
    yield Piece("figure-9", "Fig. 9: likeness of embeddings", fields, of("cosine"))
    yield Piece("figure-10", "Fig. 10 and 1: PCA of embeddings, and samples", spread, of("pca"))
    lacking = missing.missing(groups, root=root)
    if lacking.rows:
        yield Piece(lacking.name, lacking.title, (lacking,))


def drawn_together(groups: Seq[Group]) -> Iterator[list[str]]:
    """The names of the runs that share a figure."""
    for group in groups:
        yield [run.name for run in _followers(group)]
        yield [run.name for run in by_module(group)]


def _followers(group: Group) -> list[Result]:
    """The least special run of each technique of the paper, as many as colours serve."""
    runs = [found[0] for found in paper.techniques([group]).values() if found]
    return runs[: figures.SERIES]


def _of_runs(group: Group, dataset: Dataset | None, looks: Looks) -> Iterator[Drawn]:
    """Figures from the runs' files; those with frames only where the dataset is at hand."""
    runs = _followers(group)
    title, whose = f"{group.title}.", " of the paper's techniques"
    yield from figures.by_attribute(group.only(runs), title, of=whose, looks=looks)
    yield from figures.by_option(group.only(_grid(group)))
    if dataset is None:
        return
    yield from figures.last_frames(runs, dataset, title, of=whose)
    modules = by_module(group)
    if len(modules) > 1 and from_masks.drawable(modules):
        scored = sequences_of(group.results[0])
        name = OWN if OWN in scored else scored[0]
        yield Drawn(
            "modules",
            f"Last scored frame of {name}: truth and masks by matching module, with J; {title}",
            f"A frame of {name} with the masks of {', '.join(run.name for run in modules)}.",
            from_masks.side_by_side(dataset.sequence(name), modules),
            pictures=True,
        )


def by_module(group: Group) -> list[Result]:
    """One run for each matching module, in the paper's order: the least special of those there."""
    found: dict[str, Result] = {}
    for run in sorted(figures.gridded(group.results), key=lambda run: (len(run.name), run.name)):
        found.setdefault(str(options_of(run)["matching"]), run)
    return [found[module] for module in ORDER if module in found]


def _grid(group: Group) -> list[Result]:
    """The runs of the paper's own modules, without the CRF."""
    return [
        run
        for run in figures.gridded(group.results)
        if options_of(run)["matching"] in missing.MODULES
        and options_of(run).get("refine", "none") == "none"
    ]


def _renamed(group: str, table: Table) -> Table:
    return replace(table, name=f"{group}-{table.name}")


def _said_whose(group: Group, looked: features_folder.Kept | None) -> Iterator[KeptFigure]:
    """Kept figures with captions that name the group."""
    for figure in looked.figures if looked else ():
        yield replace(figure, caption=f"{figure.caption} {group.title}.")


def _looked(
    group: Group,
    dataset: Dataset,
    folder: Path,
    looks: Looks,
    root: Path | None,
    left_out: list[str],
    say: Say | None,
) -> features_folder.Kept | None:
    """What the methods of a group show of themselves, from `folder` where that is the same."""
    subjects = []
    for run in by_module(group):
        try:
            subjects.append(from_run(run, root=root))
        except (UsageError, DataError) as error:
            left_out.append(f"{group.title}: embeddings of {run.name}: {error}")
    if not subjects:
        return None
    names = sequences_of(group.results[0])
    pictured = sorted(names, key=lambda name: name != OWN)[:LOOKED_AT]
    runs = {run.name: run for run in group.results}
    key = fingerprint({
        "runs": {s.label: _identity(runs[s.label]) for s in subjects}, "sequences": names,
        "pictured": pictured, "pairs": PAIRS, "cells": CELLS, "source": _source(),
        "looks": {s.label: looks[s.label] for s in subjects},
    })  # fmt: skip
    try:
        found = features_folder.read(folder)
    except DataError:
        found = None  # made anew
    if found is None or found.key != key:
        if say:
            say(f"looking into {len(subjects)} methods on {len(names)} sequences: {group.title}")
        features_folder.check_place(folder)  # before minutes of work
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
        features_folder.write(looked, folder, key=key)
        found = features_folder.read(folder)
    return found


def _identity(run: Result) -> list[object]:
    """What decides what a run's method shows: what was run, and the J that is drawn beside it."""
    assert run.manifest is not None
    whose = run.manifest["root"] if run.manifest.get("own_data") else None
    return [run.manifest["identity_sha256"], whose, run.summary["J"]["mean"]]


def _source() -> str:
    """The text of the modules that measure and draw what is kept."""
    modules = (exhibits, features_folder, pca, receptive_field, *exhibits.DRAWING)
    texts = (inspect.getsource(module) for module in modules)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
