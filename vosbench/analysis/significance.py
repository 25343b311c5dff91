"""How sure a mean is, and whether one run is better than another on the same sequences.

Sequences are what was drawn from the world, so they are what is resampled: an interval is the
percentile bootstrap over sequences of the very average that the protocol defines; two runs are
compared by a sign-flip permutation test of their per-sequence differences, with Holm's correction
where several are. The percentile interval is chosen over BCa as it makes nothing of three or four
values that they do not hold; with few sequences it is too narrow (see `bootstrap`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from vosbench.results import Result

DRAWS = 10_000
LEVEL = 0.95
EXACT = 12  # sequences up to which all sign flips are tried
ROOM = 4_000_000  # numbers that are drawn at once, 32 MB: some sets have thousands of sequences

Floats = npt.NDArray[np.float64]


class Sample(NamedTuple):
    """The scores of one run by sequence, (n,) each.

    total: sum over what the protocol averages within a sequence. weight: how many those are. Both
    (n, groups) where the protocol averages groups of objects, and a sequence may have some of each.
    stratum: number of the group that is averaged on its own, 0 where the protocol knows none.
    """

    names: tuple[str, ...]
    total: Floats
    weight: Floats
    stratum: npt.NDArray[np.intp]

    def mean(self) -> float:
        """The average as the protocol defines it: over units per stratum, then over strata."""
        return float(self.contributions().sum())

    def contributions(self) -> Floats:
        """What each sequence adds to the mean, (n,)."""
        columns = list(self.columns())
        weights = [np.bincount(self.stratum, weight) for _, weight in columns]
        groups = sum(map(np.count_nonzero, weights))
        added = np.zeros(len(self.names))
        for (total, weight), of in zip(columns, weights, strict=True):
            there = weight > 0
            added[there] += total[there] / (of[self.stratum[there]] * groups)
        return added

    def columns(self) -> Iterator[tuple[Floats, Floats]]:
        """Total and weight, (n,) each, of every group of objects that there is."""
        shape = (len(self.names), -1) if self.names else (0, 1)
        for total, weight in zip(
            self.total.reshape(shape).T, self.weight.reshape(shape).T, strict=True
        ):
            if weight.any():
                yield np.ascontiguousarray(total), np.ascontiguousarray(weight)

    def by_sequence(self) -> Floats:
        """The mean of each sequence, (n,), over all of its objects."""
        shape = (len(self.names), -1) if self.names else (0, 1)
        means: Floats = self.total.reshape(shape).sum(1) / self.weight.reshape(shape).sum(1)
        return means

    def only(self, names: Sequence[str]) -> Sample:
        """The same for some sequences, in the given order."""
        place = {name: index for index, name in enumerate(self.names)}
        at = [place[name] for name in names]
        strata = np.unique(self.stratum[at], return_inverse=True)[1]
        return Sample(tuple(names), self.total[at], self.weight[at], strata)

    def less(self, other: Sample) -> Sample:
        """The differences to another run on the same sequences."""
        assert self.names == other.names
        return self._replace(total=self.total - other.total)


class Interval(NamedTuple):
    """Lower and upper bound; both None if there are too few sequences."""

    low: float | None
    high: float | None


UNKNOWN = Interval(None, None)


def sample(result: Result, metric: str) -> Sample:
    """The scores of a run by sequence, J or F or J&F, averaged as its protocol does."""
    return gather(
        result,
        {
            (row["sequence"], row["object"]): row["J&F"] if metric == "J&F" else row[metric]["mean"]
            for row in result.summary["objects"]
        },
    )


def gather(result: Result, values: Mapping[tuple[str, int], float], *, average: str = "") -> Sample:
    """Values of a run's objects by sequence.

    average: over `objects`, `sequences`, `groups` of these or `object-groups`; by default as the
        run's protocol does.
    """
    average = average or result.summary["protocol"]["average"]
    if average == "object-groups":
        return _of_object_groups(result, values)
    of = {row["sequence"]: row["group"] for row in result.summary["sequences"]}
    by_sequence: dict[str, list[float]] = {}
    for (name, _), value in values.items():
        by_sequence.setdefault(name, []).append(value)
    means = np.array([np.mean(each) for each in by_sequence.values()], np.float64)
    many = [len(each) if average == "objects" else 1 for each in by_sequence.values()]
    weight = np.array(many, np.float64)
    groups = sorted({of[name] for name in by_sequence}) if average == "groups" else []
    stratum = [groups.index(of[name]) if groups else 0 for name in by_sequence]
    return Sample(tuple(by_sequence), means * weight, weight, np.array(stratum, np.intp))


def _of_object_groups(result: Result, values: Mapping[tuple[str, int], float]) -> Sample:
    """The values of objects by sequence and by group: those of one sequence may be of several."""
    rows = result.summary["objects"]
    of = {(row["sequence"], row["object"]): row.get("group", "") for row in rows}
    groups = sorted(set(of.values()))
    names = {name: place for place, name in enumerate(dict.fromkeys(name for name, _ in values))}
    total, weight = np.zeros((2, len(names), len(groups)))
    for key, value in values.items():
        place = names[key[0]], groups.index(of[key])
        total[place] += value
        weight[place] += 1
    return Sample(tuple(names), total, weight, np.zeros(len(names), np.intp))


def bootstrap(scores: Sample, *, seed: int = 0, draws: int = DRAWS) -> Interval:
    """The 95 % percentile interval of the mean over resampled sequences, within each stratum.

    Undefined where no stratum has two sequences. Too narrow where they are few: of means of scores
    drawn from Beta(2, 1.2), it held the true one in 76, 85, 92 and 94 % of 400 trials with 3, 5,
    10 and 20 sequences.
    """
    if max(np.bincount(scores.stratum), default=0) < 2:
        return UNKNOWN
    return quantiles(resampled(scores, np.random.default_rng(seed), draws))


def resampled(scores: Sample, rng: np.random.Generator, draws: int) -> Floats:
    """The mean over sequences drawn with replacement within each stratum, (draws,).

    NaN where a group of objects is in none of the drawn sequences.
    """
    means = np.zeros(draws)
    strata, columns = np.unique(scores.stratum), list(scores.columns())
    for number in strata:
        part = np.flatnonzero(scores.stratum == number)
        for some in _rows(draws, len(part)):
            count = some.stop - some.start
            drawn = part[rng.integers(0, len(part), (count, len(part)))]  # (draws, sequences)
            for total, weight in columns:
                with np.errstate(invalid="ignore"):  # a group of objects may be in none of them
                    of = total[drawn].sum(1) / weight[drawn].sum(1)
                means[some] += of / len(strata) / len(columns)
    return means


def _rows(draws: int, sequences: int) -> Iterator[slice]:
    """All draws in parts of ROOM numbers; the generator gives the same as for all at once."""
    step = max(1, ROOM // sequences)
    return (slice(start, min(start + step, draws)) for start in range(0, draws, step))


def quantiles(draws: Floats) -> Interval:
    """The bounds that leave out 2.5 % of the draws on either side, of those that are defined."""
    known = draws[~np.isnan(draws)]
    if not known.size:
        return UNKNOWN
    low, high = np.quantile(known, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(low), float(high))


def sign_flip(differences: Floats, *, seed: int = 0, draws: int = DRAWS) -> float:
    """Two-sided p of the sum of paired differences (n,), had each as well the other sign.

    Exact, over all 2^n flips, up to 12 differences; else over `draws` random ones, counting the
    flips as they are among them.
    """
    n = len(differences)
    if n <= EXACT:
        parts = iter([(np.arange(2**n)[:, None] >> np.arange(n)) & 1])  # (2^n, n)
        draws, added = 2**n, 0
    else:
        rng = np.random.default_rng(seed)
        parts = (rng.integers(0, 2, (some.stop - some.start, n)) for some in _rows(draws, n))
        added = 1
    # flips of equal sum must count as equal, whatever the rounding
    enough = abs(differences.sum()) - 1e-12 * np.abs(differences).sum()
    reached = sum(
        np.count_nonzero(np.abs((1 - 2 * part) @ differences) >= enough) for part in parts
    )
    return float((reached + added) / (draws + added))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction: each p as if it were the only test, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, floor = [0.0] * len(p), 0.0
    for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        floor = max(floor, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = floor
    return adjusted
