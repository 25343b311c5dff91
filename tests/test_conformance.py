"""The official figures, on the official masks of real sequences."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vosbench import registry
from vosbench.scoring.evaluation import Evaluation, score_masks

DATA = Path(os.environ.get("VOSBENCH_DATA", "/nonexistent"))
RESULTS = DATA / "official-results"

pytestmark = pytest.mark.skipif(
    not RESULTS.is_dir(), reason="needs VOSBENCH_DATA with official-results/"
)


def score(name: str, folder: str, masks: Path, *, baseline: bool = False) -> Evaluation:
    dataset = registry.load("datasets", name).load(DATA / folder, split="val", resolution="480p")
    protocol = dataset.card.protocols[0]
    assert protocol.name == name
    return score_masks(dataset, masks, protocol=protocol, baseline=baseline)


@pytest.mark.parametrize("technique", ["osvos", "stm", "siammask"])
def test_davis2016_every_frame(technique):
    folder = RESULTS / "davis2016-val"
    official = json.loads((folder / f"{technique}.per-frame.json").read_text())
    result = score("davis2016", "DAVIS-2016", folder / technique)
    ours: dict[str, list[tuple[float, float]]] = {}
    for row in result.rows:
        ours.setdefault(row.sequence, []).append((row.J, row.F))
    assert len(ours) == 10
    for sequence, rows in ours.items():
        for metric, values in zip("JF", zip(*rows, strict=True), strict=True):
            expected = [float(value) for value in official[sequence][metric]]
            assert values == pytest.approx(expected, abs=0.0005 + 1e-9), (sequence, metric)


@pytest.mark.parametrize("technique", ["osvos", "stm"])
def test_davis2017_every_object(technique):
    folder = RESULTS / "davis2017-val"
    official = json.loads((folder / f"{technique}.per-object.json").read_text())
    result = score("davis2017", "DAVIS-2017", folder / technique)
    objects = result.summary["objects"]
    assert len(objects) == 5
    for row in objects:
        expected = official[f"{row['sequence']}_{row['object']}"]
        for metric in "JF":
            assert row[metric]["mean"] == pytest.approx(float(expected[metric]), abs=0.00005 + 1e-9)


def test_copy_first_beside_a_method():
    result = score("davis2016", "DAVIS-2016", RESULTS / "davis2016-val/stm", baseline=True)
    assert result.summary["copy_first"]["J"]["mean"] == pytest.approx(0.261, abs=0.001)


@pytest.mark.skipif(not (DATA / "gold").is_dir(), reason="needs VOSBENCH_DATA with gold/")
def test_davis2017_every_object_of_drawn_data_in_full_precision():
    """Values of davis2017-evaluation ac7c43f; objects in no mask are among them."""
    folder = DATA / "gold/seed1"
    official = json.loads((folder / "expected/davis2017-semi.json").read_text())
    result = score("davis2017", "gold/seed1/davis2017", folder / "davis2017/predictions-semi")
    objects = {f"{row['sequence']}_{row['object']}": row for row in result.summary["objects"]}
    assert objects.keys() == official["objects"].keys()
    for name, expected in official["objects"].items():
        for metric in "JF":
            ours = objects[name][metric]
            assert ours["mean"] == pytest.approx(expected[f"{metric}-Mean"], abs=1e-15)
            assert ours["recall"] == pytest.approx(expected[f"{metric}-Recall"], abs=1e-15)
            assert ours["decay"] == pytest.approx(expected[f"{metric}-Decay"], abs=1e-15)
    for metric in "JF":
        mean = official["global"][f"{metric}-Mean"]
        assert result.summary[metric]["mean"] == pytest.approx(mean, abs=1e-15)
