"""Intervals and tests equal their enumerations; the sample's mean is the protocol's."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fixtures_runs import write_run
from reference import significance as reference

from vosbench.analysis import significance
from vosbench.analysis.comparison import compare
from vosbench.analysis.significance import Sample, bootstrap, holm, sample, sign_flip


def numbers(seed: int, n: int) -> list[Fraction]:
    return [Fraction(int(v), 20) for v in np.random.default_rng(seed).integers(-8, 12, n)]


def plain(values: list[float]) -> Sample:
    n = len(values)
    return Sample(tuple(map(str, range(n))), np.array(values), np.ones(n), np.zeros(n, np.intp))


@pytest.mark.parametrize("n", [1, 2, 5, 9])
@pytest.mark.parametrize("seed", range(5))
def test_sign_flips_equal_their_enumeration_with_ties(seed: int, n: int) -> None:
    values = numbers(seed, n)
    expected = float(reference.sign_flip(values))
    assert sign_flip(np.array(values, np.float64)) == expected
    assert sign_flip(-np.array(values, np.float64)) == expected


def test_random_flips_come_near_the_exact_p_and_never_to_zero() -> None:
    values = np.array([0.3, 0.1, -0.1, 0.2, 0.05, 0.4, -0.2, 0.1, 0.02, 0.3, 0.1, 0.15])
    exact = sign_flip(values)
    many = sign_flip(np.concatenate((values, [0.0])), draws=40_000)  # 0 changes no sum
    assert many == pytest.approx(exact, abs=0.005)
    assert sign_flip(np.full(40, 0.1), draws=99) == 0.01
    assert sign_flip(np.concatenate((values, [0.0])), seed=3) == sign_flip(
        np.concatenate((values, [0.0])), seed=3
    )


def test_no_difference_is_no_evidence() -> None:
    assert sign_flip(np.zeros(5)) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_holm_equals_its_twin(seed: int) -> None:
    p = [Fraction(int(v), 1000) for v in np.random.default_rng(seed).integers(1, 400, 6)]
    assert holm([float(v) for v in p]) == pytest.approx([float(v) for v in reference.holm(p)])


def test_the_bootstrap_comes_to_the_quantiles_of_all_drawings() -> None:
    sequences = [[Fraction(1, 10)], [Fraction(4, 10), Fraction(8, 10)], [Fraction(3, 10)] * 3,
                 [Fraction(9, 10)], [Fraction(5, 10)]]  # fmt: skip
    means = np.array([float(v) for v in reference.resampled_means(sequences)])
    totals = np.array([float(sum(s)) for s in sequences])
    weights = np.array([len(s) for s in sequences], np.float64)
    drawn = Sample(tuple("abcde"), totals, weights, np.zeros(5, np.intp))
    low, high = bootstrap(drawn)
    assert low == pytest.approx(np.quantile(means, 0.025), abs=0.01)
    assert high == pytest.approx(np.quantile(means, 0.975), abs=0.01)
    assert bootstrap(drawn) == (low, high)
    assert bootstrap(drawn, seed=1, draws=50) != bootstrap(drawn, draws=50)


def test_one_sequence_has_no_interval() -> None:
    assert bootstrap(plain([0.5])) == (None, None)
    alone = plain([0.5, 0.7])._replace(stratum=np.array([0, 1]))
    assert bootstrap(alone) == (None, None)


def test_the_mean_of_groups_of_objects_is_the_protocols_and_so_is_its_interval(
    tmp_path: Path,
) -> None:
    j = {("a", 1): [0.1, 0.2], ("a", 2): [0.9, 0.8], ("b", 1): [0.5, 0.3], ("c", 1): [0.2, 0.6],
         ("d", 1): [0.7, 0.9], ("d", 2): [0.4, 0.2], ("d", 3): [0.6, 0.1]}  # fmt: skip
    seen = {("a", 1), ("b", 1), ("d", 1), ("d", 2)}
    groups = {key: "seen" if key in seen else "unseen" for key in j}
    a = write_run(tmp_path / "a", j, average="object-groups", groups=groups)
    more = {key: [min(1.0, 1.3 * value) for value in values] for key, values in j.items()}
    b = write_run(tmp_path / "b", more, average="object-groups", groups=groups)
    of = sample(a, "J")
    assert of.mean() == pytest.approx(a.summary["J"]["mean"], abs=1e-12)
    (pair,) = compare([a, b])
    assert pair.difference == pytest.approx(b.summary["J"]["mean"] - a.summary["J"]["mean"])
    assert pair.differences["a"] == pytest.approx((0.045 + 0.15) / 2)
    means = {
        key: (Fraction(group == "seen"), Fraction(str(sum(j[key]) / 2)))
        for key, group in groups.items()
    }
    sequences = [[of for (name, _), of in means.items() if name == each] for each in "abcd"]
    drawn = np.array([float(mean) for mean in reference.resampled_groups(sequences)])
    low, high = bootstrap(of)
    assert low == pytest.approx(np.quantile(drawn, 0.025), abs=0.01)
    assert high == pytest.approx(np.quantile(drawn, 0.975), abs=0.01)


@pytest.mark.parametrize("average", ["objects", "sequences", "groups"])
def test_the_mean_is_that_of_summary_json(tmp_path: Path, average: str) -> None:
    j = {("a", 1): [0.1, 0.2], ("a", 2): [0.9, 0.8], ("b", 1): [0.5, 0.3], ("c", 1): [0.2, 0.6]}
    run = write_run(tmp_path / "r", j, average=average, groups={"a": "x", "b": "x", "c": "y"})
    of = sample(run, "J")
    assert of.mean() == pytest.approx(run.summary["J"]["mean"], abs=1e-12)
    assert sample(run, "J&F").mean() == pytest.approx(run.summary["J&F"], abs=1e-12)
    assert of.contributions().sum() == pytest.approx(of.mean())
    assert of.only(("a", "b")).less(of.only(("a", "b"))).mean() == 0


def test_many_sequences_are_drawn_in_parts_that_give_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(5)
    total, stratum = rng.random(33), np.array([0] * 20 + [1] * 13)
    drawn = significance.Sample(tuple(map(str, range(33))), total, np.ones(33), stratum)

    def both() -> tuple[object, float]:
        return significance.bootstrap(drawn, draws=999), significance.sign_flip(total - 0.4)

    at_once = both()
    monkeypatch.setattr(significance, "ROOM", 100)
    assert both() == at_once
