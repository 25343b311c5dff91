"""Fig. 9 again for each iteration: are the samples of deformable convolutions more alike?

The paper reads its samples once. Where the matching is applied again, each iteration has samples
of its own, in the reference as the former ones moved it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, NamedTuple

import matplotlib.figure

from vosbench.drawing import charts, from_tables
from vosbench.drawing.exhibit import Exhibit
from vosbench.drawing.figure import Figure
from vosbench.drawing.from_tables import value_of
from vosbench.inspection import receptive_field
from vosbench.tables import Cell, Column, Table, with_interval

if TYPE_CHECKING:
    from vosbench.inspection.receptive_field import Measured
    from vosbench.inspection.subjects import Subject
    from vosbench.toolbox.reports.looks import Looks
    from vosbench.types import Sequence

CLAIMED = "deformable"  # the matching whose samples are more alike, as the paper says


class Iteration(NamedTuple):
    """A matching module at one of its iterations: the method of a run with so many of them."""

    module: str
    number: int
    subject: Subject


def by_iteration(
    iterations: Iterable[Iteration],
    sequences: Seq[Sequence],
    *,
    pairs: int,
    cells: int,
    looks: Looks | None = None,
) -> Exhibit:
    """Cosines of target cells and their samples, iteration by iteration.

    Args:
        iterations: taken one after the other.
        sequences: that are measured.
        pairs, cells: as of `receptive_field.measure`.
        looks: of the runs, by name.
    """
    measured = {
        (module, number): receptive_field.measure(
            subject.label, subject.method, sequences, pairs=pairs, cells=cells
        )
        for module, number, subject in iterations
    }
    made = table(measured)
    names = ", ".join(dict.fromkeys(each.label for each in measured.values()))
    drawn = Figure(
        "cosine-by-iteration",
        "Mean cosine between the embedding of a target cell and those at the positions that each "
        f"iteration compares it with, over {len(sequences)} sequences, with 95 % intervals; and by "
        "how much it is above that with all cells of the reference.",
        f"Bars of the mean cosine by iteration for {names}.",
        bars(made, looks=looks),
    )
    return Exhibit("iterations", "Likeness of embeddings by iteration", (made,), (drawn,))


def table(measured: Mapping[tuple[str, int], Measured]) -> Table:
    """One row per module and iteration: its cosines, and by how much they are above anywhere."""
    whole = list(receptive_field.table(list(measured.values())).records())
    rows: list[tuple[Cell, ...]] = []
    for (module, number), row in zip(measured, whole, strict=True):
        cosine, anywhere = row["cosine"], row["anywhere"]
        above = None
        if isinstance(cosine, float) and isinstance(anywhere, float):
            above = cosine - anywhere
        own = (module, number, row["method"], cosine, row["cosine low"], row["cosine high"])
        regions = (row[region] for region in receptive_field.REGIONS[1:])
        rows.append((*own, *regions, anywhere, above, row["left out"]))
    return Table(
        name="cosine-iterations",
        title="How alike a target cell and its samples are, iteration by iteration",
        columns=(
            Column("matching"),
            Column("iteration", digits=0),
            Column("run"),
            *with_interval(Column("cosine", digits=3)),
            *(Column(region, digits=3) for region in receptive_field.REGIONS[1:]),
            Column("anywhere", digits=3),
            Column("above anywhere", digits=3, signed=True),
            Column("left out", "%"),
        ),
        rows=tuple(rows),
        notes=(
            *verdicts(rows),
            "the claim of Fig. 9: samples of deformable convolutions are more alike to the target "
            "cell than those of plain and dilated ones",
            "iteration n: the last of n, without a search; 1 is the paper's reading, each later "
            "one samples the reference as the offsets so far move it; a run keeps its weights",
            "anywhere: the mean cosine with all cells of the reference; above anywhere: the cosine "
            "less that, as embeddings that hardly differ are alike wherever one looks",
            *receptive_field.table(list(measured.values())).notes[:3],
        ),
    )


def verdicts(rows: Seq[Seq[Cell]]) -> Iterator[str]:
    """For each iteration, whether the samples of deformable convolutions are the most alike."""
    for number in sorted({int(str(row[1])) for row in rows}):
        of = {str(row[0]): row for row in rows if row[1] == number}
        if CLAIMED not in of or len(of) < 2:
            continue
        said = [
            f"{word} {_claim({module: row[place] for module, row in of.items()})}"
            for word, place in (("by cosine", 3), ("above anywhere", 10))
        ]
        yield f"iteration {number}: {'; '.join(said)}"


def _claim(values: Mapping[str, Cell]) -> str:
    """Whether the claim holds of one figure of each module, with the figures."""
    known = {module: value for module, value in values.items() if isinstance(value, float)}
    if CLAIMED not in known or len(known) < 2:
        return "not known"
    ordered = sorted(known, key=lambda module: -known[module])
    figures = ", ".join(f"{module} {known[module]:.3f}" for module in ordered)
    return f"the claim {'holds' if ordered[0] == CLAIMED else 'does not hold'} ({figures})"


def bars(made: Table, *, looks: Looks | None = None) -> matplotlib.figure.Figure:
    """The table as bars by iteration, a run a colour: the cosines, and these above anywhere."""
    rows = list(made.records())
    numbers = sorted({int(str(row["iteration"])) for row in rows})
    series: dict[str, list[charts.Value]] = {}
    for name in dict.fromkeys(str(row["run"]) for row in rows):
        of = {row["iteration"]: row for row in rows if row["run"] == name}
        there = [of.get(number, {}) for number in numbers]
        series[name] = [
            *(value_of(row, "cosine") if row else charts.Value(None) for row in there),
            *(charts.Value(from_tables.number(row.get("above anywhere"))) for row in there),
        ]
    return charts.grouped_bars(
        [f"iteration {n}{what}" for what in ("", ",\nabove anywhere") for n in numbers],
        series,
        ylabel="mean cosine",
        scale=1,
        looks=looks,
    )
