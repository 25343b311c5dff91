"""Runs side by side, sequence by sequence: a table of their scores, and in words where they differ.

Runs of one group have the same sequences; sentences hold runs together that share some.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vosbench.analysis.groups import TIE, Group, alike, card_or_none, shared, told_apart
from vosbench.errors import UsageError, did_you_mean
from vosbench.tables import Cell, Column, Table, only

if TYPE_CHECKING:
    from vosbench.results import Result

LISTED = 5  # sequences that a sentence names
NAMED = 4  # runs whose scores it gives; of more the highest and the lowest


def by_sequence(group: Group, metrics: Sequence[str] = ()) -> Table:
    """Scores of every run in each sequence, as in its summary, with the sequence's attributes.

    metrics: J alone by default, in columns named as the runs; else columns are named `RUN J`.

    Raises:
        UsageError: no sequence has such a score.
    """
    card = card_or_none(group.results[0])
    tags = card.attributes if card else {}
    of_runs = [{row["sequence"]: row for row in run.summary["sequences"]} for run in group.results]
    known = _metrics(row for of in of_runs for row in of.values())
    for metric in metrics:
        if metric not in known:
            raise UsageError(f"no score {metric!r} of sequences; {did_you_mean(metric, known)}")
    rows: list[tuple[Cell, ...]] = []
    for row in group.results[0].summary["sequences"]:
        name = row["sequence"]
        found = [_score(of[name], metric) for of in of_runs for metric in metrics or ("J",)]
        attributes = " ".join(tags.get(name, ())) or None
        rows.append((name, attributes, row["frames"], row["objects"], *found))
    return Table(
        name="by-sequence",
        title=f"{', '.join(metrics) or 'J'} of each sequence: {group.title}",
        columns=(
            Column("sequence"),
            Column("attributes"),
            Column("frames"),
            Column("objects"),
            *(
                Column(f"{run.name} {metric}".strip(), "%", better="higher")
                for run in group.results
                for metric in metrics or ("",)
            ),
        ),
        rows=tuple(rows),
        notes=(
            "frames: those that are scored; a sequence's score: the mean over its objects",
            *group.notes,
        ),
    )


def paper(table: Table) -> Table:
    """A table of scores for a column of a paper: the means, without recall, decay and cost."""
    means = [
        column.name
        for column in table.columns
        if (column.unit, column.better, column.signed) == ("%", "higher", False)
        and not column.name.endswith(" recall")
    ]
    return only(table, means)


def with_columns(tables: Sequence[Table], names: Sequence[str]) -> list[Table]:
    """The tables with their first column and these, in this order, where they have them.

    Raises:
        UsageError: none of them has such a column.
    """
    known = dict.fromkeys(column.name for table in tables for column in table.columns[1:])
    for name in names:
        if name not in known:
            raise UsageError(f"unknown column {name!r}; {did_you_mean(name, known)}")
    return [only(table, names) for table in tables]


def metrics_of(group: Group) -> tuple[str, ...]:
    """The means that sequences of these runs have: J&F, J, F and further figures."""
    rows = [row for run in group.results for row in run.summary["sequences"]]
    return tuple(
        name for name in _metrics(rows) if any(_score(row, name) is not None for row in rows)
    )


def _metrics(rows: Iterable[Mapping[str, Any]]) -> dict[str, None]:
    further = (name for row in rows for name in row.get("figures", {}))
    return dict.fromkeys(["J&F", "J", "F", *further])


def _score(row: Mapping[str, Any], metric: str) -> float | None:
    value = row.get(metric, row.get("figures", {}).get(metric))
    score: float | None = value["mean"] if isinstance(value, Mapping) else value
    return score


def most_different(results: Sequence[Result]) -> list[str]:
    """For the runs of one dataset and protocol, the sequences whose J differs most, in words."""
    return [line for members in alike(results) if (line := _differing(told_apart(members)))]


def _differing(runs: Sequence[Result]) -> str:
    """A sentence and a line a sequence; "" where J differs nowhere or nothing is shared."""
    try:
        lists = [shared(runs[0], run)[0] for run in runs[1:]]
    except UsageError:
        return ""  # the verdict says why
    means = {run.name: {row["sequence"]: row for row in run.summary["sequences"]} for run in runs}
    apart: dict[str, dict[str, float]] = {}
    for name in lists[0] if lists else ():
        if all(name in names for names in lists):
            scores = {run: of[name]["J"]["mean"] for run, of in means.items()}
            if max(scores.values()) - min(scores.values()) > TIE:
                apart[name] = scores
    if not apart:
        return ""
    ranked = sorted(apart, key=lambda name: min(apart[name].values()) - max(apart[name].values()))
    lines = [f"  {name}: {_told(apart[name])}" for name in ranked[:LISTED]]
    of = f"{LISTED} of {len(apart)} sequences" if len(apart) > LISTED else "these sequences"
    return "\n".join([f"J differs most on {of}, the largest difference first:", *lines])


def _told(scores: Mapping[str, float]) -> str:
    """The J of some runs, the highest first."""
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    words = [f"{run} {100 * score:.1f}" for run, score in ranked]
    return ", ".join(words) if len(words) <= NAMED else f"{words[0]} to {words[-1]}"
