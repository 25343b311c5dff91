"""Scores by attribute of the sequences, e.g. occlusion (Fig. 5 of RPM-Net).

An attribute's score is the mean over the objects of the sequences that carry it. Its drop is the
mean over the objects of the tagged sequences without it, less that; sequences that nobody tagged
are on neither side. The attributes are those of Perazzi et al., CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vosbench.analysis.attribute_names import name_of
from vosbench.analysis.groups import Group, card_or_none, sequences_of
from vosbench.analysis.significance import DRAWS, Sample, bootstrap, gather, quantiles, resampled
from vosbench.errors import UsageError
from vosbench.tables import Cell, Column, Table, with_interval

if TYPE_CHECKING:
    from vosbench.results import Result

ALL, NONE = "all sequences", "tagged with none"
COLUMNS = (
    Column("attribute"),
    Column("name"),
    Column("run"),
    Column("sequences"),
    Column("objects"),
    *with_interval(Column("J", "%", better="higher")),
    *with_interval(Column("F", "%", better="higher")),
    Column("without"),
    *with_interval(Column("drop J", "%", better="lower", signed=True)),
    *with_interval(Column("drop F", "%", better="lower", signed=True)),
)


def attributes(
    group: Group,
    tags: Mapping[str, tuple[str, ...]] | None = None,
    *,
    seed: int = 0,
) -> Table:
    """J and F of every run by attribute, and the drop against tagged sequences without it.

    tags: attributes by sequence, those of the dataset's card by default; a sequence that is no key
        was never tagged.

    Raises:
        UsageError: none of the sequences is tagged.
    """
    if tags is None:
        card = card_or_none(group.results[0])
        tags = card.attributes if card else {}
    names = sequences_of(group.results[0])
    tagged = [name for name in names if name in tags]
    codes = sorted({code for name in tagged for code in tags[name]})
    if not codes:
        raise UsageError(f"none of the {len(names)} sequences of {group.title} has attributes")
    rows = [_row(ALL, "", run, names, [], seed) for run in group.results]
    for code in codes:
        having = [name for name in tagged if code in tags[name]]
        rest = [name for name in tagged if code not in tags[name]]
        rows += [_row(code, name_of(code), run, having, rest, seed) for run in group.results]
    if bare := [name for name in tagged if not tags[name]]:
        rows += [_row(NONE, "", run, bare, [], seed) for run in group.results]
    notes = [
        "mean over the objects of the sequences that carry an attribute; sequences: how many do; "
        "without: how many tagged ones do not; drop: the mean over those less that over the former",
        "interval: 95 %, bootstrap over sequences; with fewer than five sequences it is little "
        "more than their range, and attributes that occur together cannot be told apart",
    ]
    if len(tagged) < len(names):
        untagged = [name for name in names if name not in tags]
        notes.insert(
            0,
            f"{len(tagged)} of {len(names)} sequences are tagged; in neither column: "
            f"{', '.join(untagged)}",
        )
    return Table(
        name="attributes",
        title=f"Attributes: {group.title}",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(*notes, *group.notes),
    )


def _row(
    code: str, name: str, run: Result, having: Sequence[str], rest: Sequence[str], seed: int
) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    drops: list[Cell] = []
    for metric in ("J", "F"):
        means = {(r["sequence"], r["object"]): r[metric]["mean"] for r in run.summary["objects"]}
        scores = gather(run, means, average="objects")
        own = scores.only(having)
        cells += [own.mean(), *bootstrap(own, seed=seed)]
        drops += _drop(own, scores.only(rest), seed) if rest else [None, None, None]
    objects = int(own.weight.sum())
    return (code, name, run.name, len(having), objects, *cells, len(rest) or None, *drops)


def _drop(own: Sample, rest: Sample, seed: int) -> list[Cell]:
    """The mean without the attribute minus the mean with it; both sides resampled."""
    drop = rest.mean() - own.mean()
    if min(len(own.names), len(rest.names)) < 2:
        return [drop, None, None]
    rng = np.random.default_rng(seed)
    return [drop, *quantiles(resampled(rest, rng, DRAWS) - resampled(own, rng, DRAWS))]
