"""Where two results differ, by sequence and object: masks or scores of any tool."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.errors import DataError, IncompleteScoresError, UsageError
from vosbench.results import load_summary
from vosbench.scoring.evaluation import score_masks
from vosbench.scoring.explain import Explanation, Objects, objects_of, x100
from vosbench.tables import Column, Table

if TYPE_CHECKING:
    from vosbench.types import Dataset, ScoringProtocol

SHOWN = 10  # rows of the table


def against(
    dataset: Dataset | None,
    one: Path,
    other: Path,
    *,
    protocol: ScoringProtocol | None = None,
    sequences: tuple[str, ...] = (),
) -> Explanation:
    """Where two results differ, by sequence and object, largest first.

    one, other: each masks, or scores: a scored run, a folder of `evaluate`, its scores.csv, or the
        per-sequence CSV of davis2017-evaluation. dataset: to score masks against.

    Raises:
        UsageError: masks without a dataset. DataError: a file is damaged, or nothing is in both.
    """
    names = one.name or str(one), other.name or str(other)
    if names[0] == names[1]:
        names = str(one), str(other)
    lacking: list[str] = []
    found = [_objects(dataset, path, protocol, sequences, lacking) for path in (one, other)]
    both = sorted(found[0].keys() & found[1].keys())
    if not both:
        raise DataError(f"{one} and {other} have no object in common; are they of one dataset?")
    rows = [
        (sequence, number, j[0], j[1], j[0] - j[1], f[0], f[1], f[0] - f[1])
        for sequence, number in both
        for j, f in [tuple([scores[sequence, number][m] for scores in found] for m in "JF")]
    ]
    rows.sort(key=lambda row: -max(abs(row[4]), abs(row[7])))
    table = Table(
        "differences",
        f"{names[0]} and {names[1]}, object by object, largest difference first",
        (
            Column("sequence"), Column("object"),
            *(
                column
                for metric in "JF"
                for column in (
                    Column(f"{metric} {names[0]}", "%"), Column(f"{metric} {names[1]}", "%"),
                    Column(f"{metric} difference", "%", digits=2, signed=True),
                )
            ),
        ),
        tuple(rows[:SHOWN]),
        (f"{len(rows)} objects are in both",),
    )  # fmt: skip
    return Explanation((table,), (*lacking, *_told(names, found, rows)))


def _told(
    names: tuple[str, str], found: list[Objects], rows: list[tuple[Any, ...]]
) -> Iterator[str]:
    """What two results share and where they part, in sentences."""
    one, two = found
    pairs = ((one, two, names[0], names[1]), (two, one, names[1], names[0]))
    for mine, theirs, name, other in pairs:
        if alone := sorted(mine.keys() - theirs.keys()):
            sequence, number = alone[0]
            yield (
                f"{len(alone)} objects are only in {name}, such as object {number} of {sequence}: "
                f"{other} has another list, or counts other objects."
            )
    differing = [row for row in rows if max(abs(row[4]), abs(row[7])) > 1e-9]
    if not differing:
        whole = one.keys() == two.keys()
        which, so = ("", ": the results are identical") if whole else (" in both", "")
        yield f"All {len(rows)} objects{which} have the same J and F{so}."
        return
    means = [sum(row[k] for row in rows) / len(rows) for k in (2, 3, 5, 6)]
    yield (
        f"On the objects that both have, J is {x100(means[0])} against {x100(means[1])} and F "
        f"{x100(means[2])} against {x100(means[3])}, as means over objects."
    )
    total = sum(abs(row[4]) + abs(row[7]) for row in rows)
    first = differing[0]
    share = (abs(first[4]) + abs(first[7])) / total
    yield (
        f"They differ in {len(differing)} of {len(rows)} objects, most in object {first[1]} of "
        f"{first[0]} (J {100 * first[4]:+.1f}, F {100 * first[7]:+.1f}), which is "
        f"{100 * share:.0f} % of all differences."
    )
    signs = {row[4] > 0 for row in differing if row[4]}
    if len(signs) == 1 and len(differing) > 2:
        higher = names[0] if signs == {True} else names[1]
        yield f"In all of them {higher} has the higher J."


def _objects(
    dataset: Dataset | None,
    path: Path,
    protocol: ScoringProtocol | None,
    sequences: tuple[str, ...],
    lacking: list[str],
) -> Objects:
    """J and F of each object of masks or of scores; lacking: what cannot be scored is added."""
    if path.suffix.lower() == ".csv" and path.is_file():
        return _of_csv(path)
    if (path / "summary.json").is_file():
        return objects_of(load_summary(path)["objects"])
    if dataset is None:
        raise UsageError(f"{path} holds masks, so name their dataset: --dataset NAME")
    chosen = protocol or dataset.card.protocols[0]
    try:
        scored = score_masks(dataset, path, protocol=chosen, sequences=sequences or None)
    except IncompleteScoresError as error:
        scored = error.scored
        lacking += [f"{name} is not scored: {faults[0]}" for name, faults in error.failed.items()]
    return objects_of(scored.summary["objects"])


def _of_csv(path: Path) -> Objects:
    """J and F of each object of our scores.csv, or of the table of davis2017-evaluation."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
        if rows and {"Sequence", "J-Mean", "F-Mean"} <= rows[0].keys():
            return {
                (name, int(number)): {"J": _score(row["J-Mean"]), "F": _score(row["F-Mean"])}
                for row in rows
                for name, _, number in [row["Sequence"].rpartition("_")]
            }
        frames: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for row in rows:
            key = row["sequence"], int(row["object"])
            frames.setdefault(key, []).append((_score(row["J"]), _score(row["F"])))
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path} is not a scores.csv, nor the per-sequence table of davis2017-evaluation "
            f"({error!r})"
        ) from error
    return {
        key: {m: sum(pair[k] for pair in of) / len(of) for k, m in enumerate("JF")}
        for key, of in frames.items()
    }


def _score(text: str) -> float:
    """A score of a table; ValueError if it is none."""
    if not 0 <= (value := float(text)) <= 1:  # NaN is not either
        raise ValueError(f"{text} is no score from 0 to 1")
    return value
