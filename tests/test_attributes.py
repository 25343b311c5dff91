"""Attributes: means over objects of the sequences that carry them; untagged ones on no side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures_runs import steady, write_run

from vosbench.analysis.attribute_names import NAMES, name_of
from vosbench.analysis.attributes import attributes
from vosbench.analysis.groups import one_group
from vosbench.errors import UsageError
from vosbench.resolve import card_of

J = {
    ("a", 1): [0.2, 0.4], ("a", 2): [0.9, 0.9], ("b", 1): [0.5, 0.7], ("c", 1): [0.1, 0.1],
    ("d", 1): [0.8, 0.8], ("e", 1): [0.0, 0.0],
}  # fmt: skip
TAGS = {"a": ("FM", "OCC"), "b": ("FM",), "c": (), "d": ("own",)}  # e was never tagged


def test_means_counts_and_drops(tmp_path: Path) -> None:
    f = {key: [value / 2 for value in values] for key, values in J.items()}
    table = attributes(one_group([write_run(tmp_path / "r", J, f)]), TAGS)
    rows = {row["attribute"]: row for row in table.records()}
    fast = rows["FM"]
    assert fast["name"] == "fast motion"
    assert (fast["sequences"], fast["objects"], fast["without"]) == (2, 3, 2)
    assert fast["J"] == pytest.approx((0.3 + 0.9 + 0.6) / 3)
    assert fast["F"] == pytest.approx((0.3 + 0.9 + 0.6) / 6)
    assert fast["drop J"] == pytest.approx((0.1 + 0.8) / 2 - (0.3 + 0.9 + 0.6) / 3)  # without e
    assert fast["J low"] == pytest.approx(0.6)  # both sequences have 0.6
    assert fast["drop J low"] is not None
    assert (rows["OCC"]["J low"], rows["OCC"]["drop J low"]) == (None, None)
    assert rows["own"]["name"] == "own"
    assert rows["tagged with none"]["J"] == pytest.approx(0.1)
    assert rows["all sequences"]["drop J"] is None
    assert "4 of 5 sequences are tagged; in neither column: e" in table.notes[0]


def test_all_sequences_are_the_summary(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", J)
    row = next(attributes(one_group([run]), TAGS).records())
    assert row["J"] == pytest.approx(run.summary["J"]["mean"], abs=1e-12)
    assert row["objects"] == len(run.summary["objects"])


def test_davis_tags_come_from_its_card(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"camel": 0.4, "libby": 0.6, "bike-packing": 0.9}))
    table = attributes(one_group([run]))
    rows = {row["attribute"]: row for row in table.records()}
    assert rows["CS"]["J"] == pytest.approx(0.4)
    assert rows["CS"]["drop J"] == pytest.approx(0.2)
    assert "bike-packing" in table.notes[0]  # of 2017, never tagged


def test_every_attribute_of_the_cards_has_a_name() -> None:
    for dataset in ("davis2016", "davis2017", "synthetic"):
        for codes in card_of(dataset).attributes.values():
            assert set(codes) <= NAMES.keys()
    assert name_of("MB") == "motion blur"


def test_no_tags_are_refused(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", J)
    with pytest.raises(UsageError, match=r"none of the 5 sequences of DAVIS-2017.* has attributes"):
        attributes(one_group([run]), {})


def test_intervals_are_repeatable(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"s{i}" for i in range(8)]
    run = write_run(tmp_path / "r", steady({n: float(rng.random()) for n in names}))
    tags = {n: (("FM",) if i % 2 else ()) for i, n in enumerate(names)}
    assert attributes(one_group([run]), tags) == attributes(one_group([run]), tags)
    row = list(attributes(one_group([run]), tags).records())[1]
    assert row["J low"] < row["J"] < row["J high"]
    assert row["drop J low"] < row["drop J"] < row["drop J high"]
