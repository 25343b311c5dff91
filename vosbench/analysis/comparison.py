"""Compare runs on the same sequences: a table, a table per sequence, plain sentences.

Two runs are paired on the sequences that both have, under one protocol and one truth; what is not
so is refused, and sequences left out are said aloud.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vosbench.analysis.attribute_names import name_of
from vosbench.analysis.groups import (
    TIE,
    Group,
    alike,
    card_or_none,
    shared,
    title_of,
    told_apart,
)
from vosbench.analysis.significance import DRAWS, EXACT, Sample, bootstrap, holm, sample, sign_flip
from vosbench.errors import UsageError, did_you_mean
from vosbench.tables import Column, Table

if TYPE_CHECKING:
    from vosbench.results import FrameScore, Result

ALPHA = 0.05
CONCENTRATED = 1.5  # what "mostly" asks of an attribute: so many times its share of sequences
MOST = 6  # sentences; more runs than that are for a table


@dataclass(frozen=True)
class Comparison:
    """`first` minus `second` in one metric, 0-1, on the sequences that both have.

    differences: sequence -> mean over what the protocol averages in it. p: of the sign-flip test;
    adjusted: by Holm over the comparisons made together. mostly: the attribute whose sequences
    hold most of the difference, "" for none; with how many they are.
    restricted: "" or which sequences were left out. comparisons: how many were made together.
    identical: whether every object has the same J and F on every frame in both.
    """

    first: str
    second: str
    title: str
    metric: str
    difference: float
    low: float | None
    high: float | None
    p: float
    adjusted: float
    differences: Mapping[str, float]
    mostly: tuple[str, int]
    restricted: str
    comparisons: int = 1
    identical: bool = False

    @property
    def wins(self) -> tuple[int, int, int]:
        """Sequences that `first` wins, ties (within a tenth of a point) and loses."""
        won = sum(value > TIE for value in self.differences.values())
        lost = sum(value < -TIE for value in self.differences.values())
        return won, len(self.differences) - won - lost, lost

    def sentence(self) -> str:
        """What the numbers allow to conclude, in one sentence."""
        ahead, behind, sign = self.first, self.second, 1
        if self.difference < 0:
            ahead, behind, sign = behind, ahead, -1
        n = len(self.differences)
        on = f"on {self.title}{self.restricted}"
        if self.identical:
            return (
                f"{self.first} and {self.second} are identical {on}: every object has the same J "
                f"and F on every scored frame of {_counted(n)}."
            )
        by = f"{100 * abs(self.difference):.1f} {self.metric}"
        if self.low is None or self.high is None:
            few = "1 sequence" if n == 1 else f"{n} sequences, one in each group,"
            return f"{few} cannot tell {ahead} and {behind} apart {on}: {by} between them."
        bounds = sorted((sign * self.low, sign * self.high))
        interval = f"95 % interval {100 * bounds[0]:.1f} to {100 * bounds[1]:.1f}"
        if self.adjusted < ALPHA:
            attribute, tagged = self.mostly
            where = f", mostly on {attribute} ({tagged} of {n} sequences)" if attribute else ""
            return f"{ahead} is better than {behind} {on} by {by} ({interval}){where}."
        least = min(1.0, 2.0 ** (1 - n) * self.comparisons)
        if least >= ALPHA:
            several = f" in {self.comparisons} comparisons" if self.comparisons > 1 else ""
            return (
                f"{n} sequences are too few to tell {ahead} and {behind} apart {on}{several}: "
                f"{ahead} is ahead by {by} ({interval}), but even a win on every one has "
                f"p = {least:.2g}."
            )
        p = "corrected p" if self.adjusted > self.p else "p"
        return (
            f"No significant difference between {ahead} and {behind} {on}: {ahead} is ahead by "
            f"{by} ({interval}, {p} = {self.adjusted:.2g}, {n} sequences)."
        )


def compare(
    results: Sequence[Result], *, against: str = "", metric: str = "J", seed: int = 0
) -> list[Comparison]:
    """Each run against one: the named one, or the best of those with the most sequences.

    Raises:
        UsageError: fewer than two runs; `against` names none; or two runs cannot be paired.
    """
    runs = told_apart(results)
    if len(runs) < 2:
        raise UsageError("a comparison needs two scored runs of the same data")
    if metric not in ("J", "F", "J&F"):
        raise UsageError(f"unknown metric {metric!r}; {did_you_mean(metric, ('J', 'F', 'J&F'))}")
    names = {run.name: run for run in runs}
    if against and against not in names:
        raise UsageError(f"no run {against!r}; {did_you_mean(against, names)}")
    one = names[against] if against else max(runs, key=_rank)
    others = sorted((run for run in runs if run is not one), key=_rank, reverse=True)
    pairs = [_pair(one, other, metric, seed) for other in others]
    adjusted = holm([pair.p for pair in pairs])
    return [
        replace(pair, adjusted=p, comparisons=len(pairs))
        for pair, p in zip(pairs, adjusted, strict=True)
    ]


def _rank(result: Result) -> tuple[int, float]:
    return len(result.summary["sequences"]), result.summary["J"]["mean"] or 0.0


def _pair(a: Result, b: Result, metric: str, seed: int) -> Comparison:
    names, restricted = shared(a, b)
    first, second = sample(a, metric).only(names), sample(b, metric).only(names)
    apart = first.less(second)
    low, high = bootstrap(apart, seed=seed)
    by_sequence = apart.by_sequence()
    return Comparison(
        first=a.name,
        second=b.name,
        title=_data(a, restricted),
        metric=metric,
        difference=apart.mean(),
        low=low,
        high=high,
        p=(p := sign_flip(apart.contributions(), seed=seed)),
        adjusted=p,
        differences=dict(zip(names, map(float, by_sequence), strict=True)),
        mostly=_mostly(a, apart),
        restricted=restricted,
        identical=_frames(a, names) == _frames(b, names),
    )


def _frames(run: Result, names: Sequence[str]) -> dict[tuple[str, int], tuple[FrameScore, ...]]:
    """The scores of every frame of these sequences."""
    kept = set(names)
    return {key: scores for key, scores in run.frame_scores.items() if key[0] in kept}


def _counted(sequences: int) -> str:
    return f"{sequences} sequence{'' if sequences == 1 else 's'}"


def _data(run: Result, restricted: str) -> str:
    """The dataset's title without its addition, and how much of it was scored if not all."""
    data, title = run.summary["dataset"], title_of(run).partition(",")[0]
    if restricted or data["sequences"] >= data["card_sequences"]:
        return title
    return f"{data['sequences']} of {data['card_sequences']} sequences of {title}"


def _mostly(run: Result, apart: Sample) -> tuple[str, int]:
    """The attribute whose sequences hold over half of the difference, and 1.5 times their share.

    Of several, the one with the greatest difference a sequence; ("", 0) for none. It describes
    these sequences; no test is made of it.
    """
    card = card_or_none(run)
    tags = card.attributes if card else {}
    added = apart.contributions()
    holding: list[tuple[float, float, str, int]] = []
    for code in sorted({code for name in apart.names for code in tags.get(name, ())}):
        has = np.array([code in tags.get(name, ()) for name in apart.names])
        n, part = int(has.sum()), float(added[has].sum() / (added.sum() or 1.0))
        if n >= 2 and part > max(0.5, CONCENTRATED * n / len(has)):
            holding.append((round(part / n, 9), part, name_of(code), n))
    return max(holding)[2:] if holding else ("", 0)


def comparisons(group: Group, *, against: str = "", metric: str = "J", seed: int = 0) -> Table:
    """Table: every run against the best (or the named) one, its sentences as notes."""
    pairs = compare(group.results, against=against, metric=metric, seed=seed)
    rows = []
    for pair in pairs:
        won, tied, lost = pair.wins
        rows.append((
            pair.first, pair.second, len(pair.differences), pair.difference, pair.low, pair.high,
            pair.p, pair.adjusted, f"{won}/{tied}/{lost}", pair.mostly[0] or None,
        ))  # fmt: skip
    n = max(len(pair.differences) for pair in pairs)
    how = "all flips" if n <= EXACT else f"{DRAWS:,} random flips"
    picked = (
        "the best was picked by these same scores, which flatters it the more runs there are: "
        "differences and p are sure only against a run named beforehand (--against)"
    )
    return Table(
        name="comparison",
        title=f"Paired differences in {metric}: {title_of(group.results[0])}",
        columns=(
            Column("run"),
            Column("against"),
            Column("sequences"),
            Column(f"difference {metric}", "%", signed=True),
            Column("difference low", "%", signed=True),
            Column("difference high", "%", signed=True),
            Column("p", digits=4),
            Column("p Holm", digits=4),
            Column("win/tie/loss"),
            Column("mostly on"),
        ),
        rows=tuple(rows),
        notes=(
            *(pair.sentence() for pair in pairs),
            "interval: 95 %, bootstrap over sequences, each for itself; p: sign-flip test of the "
            f"per-sequence differences ({how}), two-sided; p Holm: corrected for {len(pairs)} "
            "comparisons; a tie is within 0.1 points",
            *([picked] if len(pairs) > 1 and not against else ()),
            "mostly on: the attribute whose sequences hold over half of the difference and 1.5 "
            "times their share; described, not tested",
            *group.notes,
        ),
    )


def differences(group: Group, *, against: str = "", metric: str = "J") -> Table:
    """Table: each sequence's score in the run compared against, and how far every other is off."""
    pairs = compare(group.results, against=against, metric=metric)
    runs = {run.name: run for run in group.results}
    reference = pairs[0].first
    scores = sample(runs[reference], metric)
    means = dict(zip(scores.names, scores.by_sequence(), strict=True))
    return Table(
        name="sequences",
        title=f"{metric} of each sequence: {title_of(group.results[0])}",
        columns=(
            Column("sequence"),
            Column(reference, "%", better="higher"),
            *(Column(f"{pair.second}, difference", "%", signed=True) for pair in pairs),
        ),
        rows=tuple(
            (
                name,
                float(mean),
                *(None if name not in d.differences else -d.differences[name] for d in pairs),
            )
            for name, mean in means.items()
        ),
        notes=(f"differences: to {reference}", *group.notes),
    )


def verdicts(results: Sequence[Result]) -> list[str]:
    """For each run, one sentence: how it differs from the best run on the same data."""
    lines = []
    for members in alike(results):
        try:
            said = [each.sentence() for each in compare(members)] if len(members) > 1 else []
        except UsageError as error:
            said = [f"not compared: {error}"]
        lines += said[:MOST]
        if len(said) > MOST:
            lines.append(f"{len(said) - MOST} more: vosbench analyse RUN ... --what significance")
    return lines
