"""The score table holds what run.json and summary.json hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_runs import TIMING, steady, write_run

from vosbench.analysis.groups import one_group
from vosbench.analysis.scores import scores

RPMNET = {"matching": "deformable", "backbone": "compact", "refine": "none", "size": 256}


def test_scores_are_those_of_the_summary(tmp_path: Path) -> None:
    better = write_run(
        tmp_path / "b", steady({"a": 0.7, "b": 0.9}), method="m", files={"weights": "0123456789"}
    )
    worse = write_run(tmp_path / "w", steady({"a": 0.2, "b": 0.3}))
    table = scores(one_group([worse, better]))
    rows = {row["run"]: row for row in table.records()}
    assert list(rows) == ["m", "w"]
    for run in (better, worse):
        row, summary = rows[run.name], run.summary
        for metric in ("J", "F"):
            assert row[metric] == summary[metric]["mean"]
            assert row[f"{metric} recall"] == summary[metric]["recall"]
            assert row[f"{metric} decay"] == summary[metric]["decay"]
        assert row["J&F"] == summary["J&F"]
    assert rows["m"]["median"] == TIMING["median_seconds"]
    assert (rows["m"]["weights"], rows["w"]["weights"]) == ("01234567", None)
    assert (rows["w"]["J low"], rows["w"]["J high"]) == pytest.approx((0.2, 0.3))
    assert any("ONLY 2 of 30 sequences" in note for note in table.notes)
