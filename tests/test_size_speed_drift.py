"""Size, speed and appearance come from the truth, and scores are sorted by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import make_folder_dataset
from fixtures_runs import write_run

from vosbench import api
from vosbench.analysis.groups import one_group
from vosbench.analysis.object_facts import Fact, centroid, colour_histogram, facts
from vosbench.analysis.size_speed_drift import by_size, by_speed, drift
from vosbench.errors import UsageError


def test_facts_of_moving_squares(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 7})
    run = api.run("copy-first", "folder", root=root, out=tmp_path / "runs")
    known = facts(run)
    assert set(known) == {("ant", 1), ("ant", 2), ("bee", 1), ("bee", 2)}
    first, second = known["ant", 1]["00000"], known["ant", 1]["00001"]
    assert first.area == pytest.approx(100 / (32 * 48))
    assert first.speed is None
    assert second.speed == pytest.approx(480 / 32)  # one pixel of 32 rows
    assert first.change == 0.0
    assert second.change is None  # not looked at
    assert known["ant", 1]["00005"].change == pytest.approx(0, abs=0.2)  # a flat colour, as JPEG
    assert facts(run, colours=False)["ant", 1]["00000"].change is None
    rows = list(by_speed(one_group([run]), known).records())
    assert [row["frames"] for row in rows] == [0, 0, 0, 2 * 5 + 2 * 6, 0]
    (row,) = (row for row in by_size(one_group([run]), known).records() if row["frames"])
    assert row["share of the image"] == "3 to 10 %"
    assert row[run.name] == pytest.approx(run.frames["J"].mean())


def test_united_objects_are_one(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 4})
    run = api.run("copy-first", "folder", root=root, out=tmp_path / "runs", protocol="united")
    known = facts(run, colours=False)
    assert set(known) == {("ant", 1)}
    assert known["ant", 1]["00000"].area == pytest.approx(200 / (32 * 48))


def test_centroid_and_histogram() -> None:
    pixels = np.zeros((5, 7), bool)
    pixels[1:3, 4:7] = True
    assert centroid(pixels).tolist() == [1.5, 5.0]
    frame = np.zeros((5, 7, 3), np.uint8)
    frame[1, 4:7] = (255, 0, 0)
    counts = colour_histogram(frame, pixels)
    assert counts.sum() == pytest.approx(1)
    assert counts[[0, 7 * 64]].tolist() == [0.5, 0.5]


def test_drift_tells_time_from_appearance(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    change = rng.random(20)
    names = [f"{i:05d}" for i in range(1, 21)]
    j = {
        ("time", 1): [1 - 0.04 * i for i in range(20)],
        ("look", 1): [float(1 - 0.5 * c) for c in change],
    }
    j = {
        key: [min(1.0, v + float(rng.normal(0, 0.03))) for v in values] for key, values in j.items()
    }
    known = {
        key: {n: Fact(0.1, 1.0, float(c)) for n, c in zip(names, change, strict=True)} for key in j
    }
    run = write_run(tmp_path / "r", j)
    for only, column in (("time", "time alone"), ("look", "appearance alone")):
        one = {key: of for key, of in known.items() if key[0] == only}
        (row,) = drift(one_group([run]), one).records()
        assert row["objects"] == 1
        assert row[column] > 0.9
        other = {"time alone": "appearance alone", "appearance alone": "time alone"}[column]
        assert abs(row[other]) < 0.5
    with pytest.raises(UsageError, match=r"no object of DAVIS-2017.* has 8 frames"):
        drift(one_group([run]), {})
