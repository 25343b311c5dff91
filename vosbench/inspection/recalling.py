"""Show which of several references each cell of a frame takes its label from, and where in it.

For methods with a memory, such as one that reads several former frames and the prompt's:
references.py says what is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, Any

import numpy as np

from vosbench.drawing import pictures
from vosbench.drawing.exhibit import Exhibit
from vosbench.drawing.figure import Figure
from vosbench.inspection import pca, references
from vosbench.inspection.cells import target_frames
from vosbench.inspection.exhibits import cells_to_show, samples
from vosbench.tables import Cell, Column, Table
from vosbench.types import Recalls

if TYPE_CHECKING:
    from vosbench.inspection.subjects import Subject
    from vosbench.types import Recalled, Sequence


def remembers(subject: Subject) -> bool:
    """Whether a subject reads more than the frame before."""
    return isinstance(subject.method, Recalls) and len(subject.method.references) > 1


def recalled(
    subjects: Seq[Subject],
    sequences: Seq[Sequence],
    *,
    pairs: int = 4,
    points: Seq[tuple[float, float]] = (),
    pictured: Collection[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Exhibit:
    """What each reference gives, as tables, maps of the shares, and samples of chosen cells.

    Args:
        subjects: of them those that `remembers`.
        sequences: two figures for each and a subject.
        pairs: frames of a sequence that are measured, evenly spread; the middle one is drawn.
        points: pixels (y, x) of that frame to look at; by default as in `projections`.
        pictured: the names of the sequences that are drawn; None for all.
        progress: told each sequence.
    """
    given: dict[str, dict[str, Mapping[str, references.Given]]] = {}
    cells: list[tuple[Cell, ...]] = []
    figures: list[Figure] = []
    for sequence in sequences:
        indices = target_frames(sequence, pairs)
        middle = indices[len(indices) // 2]
        for subject in filter(remembers, subjects):
            assert isinstance(subject.method, Recalls), "it remembers"
            chosen = cells_to_show(subject.method, sequence, middle, points)
            asked = np.array(list(chosen.values()), np.int64)
            means, shown = references.watch(
                subject.method, sequence, asked, pairs=pairs, kept=middle
            )
            given.setdefault(subject.label, {})[sequence.name] = means
            if pictured is None or sequence.name in pictured:
                cells += _cells(subject.label, sequence.name, middle, shown, chosen)
                figures += _figures(subject.label, sequence, middle, shown, chosen)
        if progress:
            progress(sequence.name)
    measured = [references.Remembered(label, of) for label, of in given.items()]
    tables = (references.table(measured), references.sequence_table(measured), _table(cells))
    return Exhibit("references", "What each reference gives", tables, tuple(figures))


def _figures(
    label: str,
    sequence: Sequence,
    index: int,
    shown: Seq[Recalled],
    chosen: Mapping[str, Seq[int]],
) -> Iterator[Figure]:
    """Of one frame: a map of the shares of each reference, and what is read in it."""
    target = sequence.frames[index]
    of = f"frame {index} of {sequence.name}, {label}"
    titles = [f"{each.name} (frame {each.frame}): {each.share.mean():.0%}" for each in shown]
    shares = [
        pictures.Map(title, target, each.share.astype(np.float64))
        for title, each in zip(titles, shown, strict=True)
    ]
    yield Figure(
        f"shares-{sequence.name}-{_file(label)}",
        f"How much of each cell's label each reference gives to {of}: the former frame, and the "
        "mean over all cells.",
        f"Maps of the share of each reference over {of}.",
        pictures.maps(shares, label="share of the label", low=0.0, high=1.0),
        pictures=True,
    )
    projection = pca.fit([pca.joined(each.inspection) for each in shown])
    rows = [
        samples(title, sequence.frames[each.frame], target, each.inspection, projection, chosen)
        for title, each in zip(titles, shown, strict=True)
    ]
    yield Figure(
        f"references-{sequence.name}-{_file(label)}",
        f"What is compared with chosen cells of {of}, in each reference (a row; the middle "
        "picture has that reference under the target): small dots are positions read in the last "
        "iteration, crosses where the offsets point.",
        f"Positions that are read in each reference for chosen cells of {of}.",
        pictures.sampling(rows),
        pictures=True,
    )


def _cells(
    label: str, sequence: str, index: int, shown: Seq[Recalled], chosen: Mapping[str, Seq[int]]
) -> Iterator[tuple[Cell, ...]]:
    """For each chosen cell and reference: its share, its offset, and the likeness there."""
    for name, (y, x) in chosen.items():
        for each in shown:
            offsets = each.inspection.offsets
            step: Seq[Any] = (None, None) if offsets is None else offsets[:, y, x].tolist()
            likeness = float(references.likeness_at(each.inspection)[y, x])
            yield (
                label, sequence, index, name, each.name, each.frame, float(each.share[y, x]),
                *step, None if np.isnan(likeness) else likeness,
            )  # fmt: skip


def _table(cells: Seq[tuple[Cell, ...]]) -> Table:
    return Table(
        name="references-cells",
        title="What each reference gives to chosen cells",
        columns=(
            Column("method"),
            Column("sequence"),
            Column("target frame"),
            Column("cell"),
            Column("reference"),
            Column("its frame"),
            Column("share", "%"),
            Column("offset y", "cells", digits=2, signed=True),
            Column("offset x", "cells", digits=2, signed=True),
            Column("likeness", digits=3),
        ),
        rows=tuple(cells),
        notes=(
            "share: how much of the cell's label the reference gives; offset: where it looks "
            "there; likeness: cosine of the cell's embedding and of that place's",
        ),
    )


def _file(label: str) -> str:
    """A label as part of a file's name."""
    return "".join(sign if sign.isalnum() or sign in "-." else "-" for sign in label)
