"""Look into the methods of runs for Fig. 7, 9 and 10, and keep what that gives.

It takes minutes: embeddings and samples of pairs of frames, of each iteration, and of each
reference of a memory. A folder keeps tables and figures under a key of all that decides them.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.analysis.groups import Group, complaints, options_of, sequences_of
from vosbench.drawing.exhibit import Exhibit
from vosbench.errors import DataError, UsageError
from vosbench.files import fingerprint
from vosbench.inspection import (
    exhibits,
    folder,
    pca,
    recalling,
    receptive_field,
    references,
)
from vosbench.inspection.subjects import Subject, from_run
from vosbench.rpmnet_paper import iterations, readings

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.tables import Table
    from vosbench.toolbox.reports.looks import Looks
    from vosbench.types import Dataset

OWN = "car-shadow"  # the sequence of the paper's Fig. 8
PAIRS, CELLS = 1, 300  # of every sequence: seconds a method, and the means move little with more
RECALLED = 2  # frames of every sequence whose references are measured: masks are carried to them
LOOKED_AT = 2  # sequences whose embeddings are drawn
PICTURED = ("conv-3", "dilation-3", "deformable", "correlation")  # more do not fit on a page

Say = Callable[[str], None]


def looked(
    group: Group, dataset: Dataset, where: Path, looks: Looks, say: Say | None
) -> tuple[Exhibit, list[str]]:
    """What the methods of a group show of themselves, and what could not be looked into.

    It is read in the folder `where` if that holds the same.
    """
    left_out: list[str] = []
    plain = _subjects(readings.by_module(group.results).values(), group, left_out)
    if not plain:
        return Exhibit("looked", group.title), left_out
    again = readings.iterated(group.results)
    memory = readings.remembering(group.results)
    names = list(sequences_of(group.results[0]))
    runs = {run.name: run for run in group.results}
    of = [*(s.label for s in plain), *(r.name for r in (*again.values(), *memory.values()))]
    key = fingerprint({
        "runs": {name: _identity(runs[name]) for name in of}, "sequences": names,
        "pictured": _pictured(names), "pairs": PAIRS, "recalled": RECALLED, "cells": CELLS,
        "source": _source(), "looks": {name: looks[name] for name in of},
    })  # fmt: skip
    try:
        found = folder.read(where, key=key)
    except DataError:
        found = None  # made anew
    if found is None:
        if say:
            say(f"looking into {len(set(of))} methods on {len(names)} sequences: {group.title}")
        folder.check_place(where)  # before minutes of work
        remembering = _subjects(memory.values(), group, left_out)
        folder.write(_made(group, dataset, names, plain, again, remembering, looks), where, key=key)
        found = folder.read(where, key=key)
        assert found is not None, "just written"
    said = tuple(replace(f, caption=f"{f.caption} {group.title}.") for f in found.figures)
    tables = tuple(
        _warned(table, [runs[name] for name in dict.fromkeys(of)]) for table in found.tables
    )
    return replace(found, figures=said, tables=tables), left_out


def _warned(table: Table, runs: Iterable[Result]) -> Table:
    """The table with what the trainings behind its rows complained of."""
    shown = {cell for row in table.rows for cell in row}
    return replace(
        table, notes=(*table.notes, *complaints(run for run in runs if run.name in shown))
    )


def _made(
    group: Group,
    dataset: Dataset,
    names: list[str],
    plain: list[Subject],
    again: dict[str, Result],
    remembering: list[Subject],
    looks: Looks,
) -> list[Exhibit]:
    """Likeness, projections, iterations and references, as far as there are such runs."""
    runs = {run.name: run for run in group.results}
    modules = {s.label: str(options_of(runs[s.label])["matching"]) for s in plain}
    some = [s for s in plain if modules[s.label] in PICTURED] or plain[: len(PICTURED)]
    clips = [dataset.sequence(name) for name in names]
    pictured = [clips[names.index(name)] for name in _pictured(names)]
    made = [
        exhibits.receptive_fields(plain, clips, pairs=PAIRS, cells=CELLS, looks=looks),
        exhibits.projections(some, pictured, pairs=2 * PAIRS),
    ]
    if again:
        made.append(
            iterations.by_iteration(
                _iterations(again), clips, pairs=PAIRS, cells=CELLS, looks=looks
            )
        )
    if remembering:
        made.append(
            recalling.recalled(remembering, clips, pairs=RECALLED, pictured=_pictured(names)[:1])
        )
    return made


def _pictured(names: list[str]) -> list[str]:
    """The sequences that are drawn, the paper's own first."""
    return sorted(names, key=lambda name: name != OWN)[:LOOKED_AT]


def _iterations(runs: Mapping[str, Result]) -> Iterator[iterations.Iteration]:
    """Each module's method with one iteration, two, up to as many as its run has; no search."""
    for module, run in runs.items():
        for number in range(1, readings.iterations_of(run) + 1):
            subject = from_run(run, changed={"iterations": number, "search": 0.0})
            yield iterations.Iteration(module, number, subject)


def _subjects(runs: Iterable[Result], group: Group, left_out: list[str]) -> list[Subject]:
    """The methods of runs; what cannot be looked into is noted."""
    subjects = []
    for run in runs:
        try:
            subjects.append(from_run(run))
        except (UsageError, DataError) as error:
            left_out.append(f"{group.title}: embeddings of {run.name}: {error}")
    return subjects


def _identity(run: Result) -> list[object]:
    """What decides what a run's method shows: what was run, and the J that is drawn beside it."""
    assert run.manifest is not None
    whose = run.manifest["root"] if run.manifest.get("own_data") else None
    return [run.manifest["identity_sha256"], whose, run.summary["J"]["mean"]]


def _source() -> str:
    """The text of the modules that measure and draw what is kept."""
    modules = (
        exhibits, folder, pca, receptive_field, references, recalling, iterations,
        *exhibits.DRAWING,
    )  # fmt: skip
    texts = (inspect.getsource(module) for module in modules)
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
