"""The official figures, on the official masks of real sequences."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from vosbench import registry
from vosbench.scoring.evaluate import Evaluation, evaluate

DATA = Path(os.environ.get("VOSBENCH_DATA", "/nonexistent"))
RESULTS = DATA / "official-results"

pytestmark = pytest.mark.skipif(
    not RESULTS.is_dir(), reason="needs VOSBENCH_DATA with official-results/"
)


def score(name: str, folder: str, masks: Path, *, baseline: bool = False) -> Evaluation:
    dataset = registry.load("datasets", name).load(DATA / folder, split="val", resolution="480p")
    protocol = dataset.card.protocols[0]
    assert protocol.name == name
    return evaluate(dataset, masks, protocol=protocol, baseline=baseline)


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
