"""When and where runs fail, on scores whose answers can be read off."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from fixtures_runs import write_run

from vosbench.analysis.failures import (
    loss,
    lost_from,
    over_time,
    worst_frames,
    worst_objects,
)
from vosbench.analysis.groups import one_group
from vosbench.analysis.series import series
from vosbench.errors import DataError, UsageError

J = {
    ("a", 1): [0.9, 0.8, 0.3, 0.05, 0.0, 0.02],
    ("a", 2): [0.8, 0.8, 0.8, 0.8, 0.8, 0.8],
    ("b", 1): [0.6, 0.05, 0.7],
}


def test_over_time_counts_those_that_are_left(tmp_path: Path) -> None:
    table = over_time(one_group([write_run(tmp_path / "r", J)]), step=2)
    rows = list(table.records())
    assert [(r["from"], r["to"], r["objects"]) for r in rows] == [(1, 2, 3), (3, 4, 3), (5, 6, 2)]
    assert rows[0]["r"] == pytest.approx((0.85 + 0.8 + 0.325) / 3)
    assert rows[1]["r"] == pytest.approx((0.175 + 0.8 + 0.7) / 3)
    assert rows[2]["r"] == pytest.approx((0.01 + 0.8) / 2)
    assert rows[0]["r low"] < rows[0]["r"] < rows[0]["r high"]
    by_frame = list(over_time(one_group([write_run(tmp_path / "r", J)])).records())
    assert [row["r"] for row in by_frame][:1] == [pytest.approx((0.9 + 0.8 + 0.6) / 3)]


def test_frames_are_counted_in_the_masks_and_late_objects_from_their_prompt(
    tmp_path: Path,
) -> None:
    run = write_run(tmp_path / "r", J, method="copy-first")
    scores = (run.folder / "scores.csv").read_text().splitlines()  # type: ignore[operator]
    kept = [row for row in scores if not row.startswith(("a,2,00001", "a,2,00002", "a,1,00004"))]
    (run.folder / "scores.csv").write_text("\n".join(kept) + "\n")  # type: ignore[operator]
    run = dataclasses.replace(run, scores_sha256="")
    found = series(run)
    assert found["a", 1].since.tolist() == [1, 2, 3, 5, 6]
    assert found["a", 2].since.tolist() == [1, 2, 3, 4]
    assert found["b", 1].since.tolist() == [1, 2, 3]
    shutil.rmtree(run.folder / "masks")  # type: ignore[operator]
    assert series(run)["a", 1].since.tolist() == [1, 2, 3, 5, 6]  # a,2 has the fourth


def test_frames_are_counted_as_the_counts_have_them(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", J)
    other = write_run(tmp_path / "s", J)
    counted = {"sequence": "a", "frames": [f"0000{n}" for n in range(9)]}
    counted["places"] = [4 * n for n in range(9)]  # every fourth frame of the video is annotated
    counted["prompts"] = {"1": 0, "2": 3}
    (tmp_path / "r" / "counts.json").write_text(json.dumps({"sequences": [counted]}))
    assert series(run)["a", 1].since.tolist() == [4, 8, 12, 16, 20, 24]
    assert series(run)["a", 2].since.tolist() == [1, 5, 9, 13, 17, 21]
    assert series(run)["b", 1].since.tolist() == [1, 2, 3]
    rows = list(over_time(one_group([run, other])).records())
    assert [(row["from"], row["objects"], row["s"] is None) for row in rows][-2:] == [
        (21, 1, True), (24, 1, True),
    ]  # fmt: skip


def test_worst_objects(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", J)
    rows = list(worst_objects(one_group([run]), count=2).records())
    assert [(r["sequence"], r["object"]) for r in rows] == [("a", 1), ("b", 1)]
    assert rows[0]["J"] == run.summary["objects"][0]["J"]["mean"]
    assert (rows[0]["worst frame"], rows[0]["J there"]) == ("00005", 0.0)
    assert rows[0]["lost from"] == "00004"
    assert (rows[1]["worst frame"], rows[1]["lost from"]) == ("00002", None)
    assert lost_from(series(run)["a", 2]) is None


def test_worst_frames_are_the_steepest_falls(tmp_path: Path) -> None:
    rows = list(worst_frames(one_group([write_run(tmp_path / "r", J)])).records())
    falls = [(r["sequence"], r["object"], r["frame"], round(r["fall"], 9)) for r in rows]
    assert falls == [("a", 1, "00003", 0.7575), ("b", 1, "00002", 0.225)]  # a, 2 stays as it is
    assert rows[1]["J before"] == 0.6
    assert rows[1]["J after"] == pytest.approx(0.375)


def test_falls_that_begin_at_the_prompt_and_flickers_are_left_out(tmp_path: Path) -> None:
    start = [0.95, 0.6, 0.5, 0.45, *[0.4] * 36]
    later = [0.95, 0.5, *[0.5] * 18, *[0.3] * 20]
    flicker = [*[0.8] * 10, 0.1, *[0.8] * 29]
    run = write_run(tmp_path / "r", {("s", 1): start, ("l", 1): later, ("f", 1): flicker})
    rows = list(worst_frames(one_group([run])).records())
    assert [(row["sequence"], row["frame"]) for row in rows] == [("l", "00021"), ("f", "00011")]
    assert [row["fall"] for row in rows] == pytest.approx([0.2, 0.14])


def test_the_shares_of_the_loss_add_up(tmp_path: Path) -> None:
    f = {key: [value / 2 for value in values] for key, values in J.items()}
    run = write_run(tmp_path / "r", J, f)
    (row,) = loss(one_group([run])).records()
    j, whole = run.summary["J"]["mean"], 1 - run.summary["J&F"]
    assert row["loss"] == pytest.approx(whole)
    assert row["region"] == pytest.approx((1 - j) / (2 * whole))
    assert row["region"] + row["boundary"] == pytest.approx(1)
    assert row["lost"] + row["partly"] + row["outline"] == pytest.approx(1)
    lost = ((0.95 + 1 + 0.98) / 6 + 0 + 0.95 / 3) / 3
    assert row["lost"] == pytest.approx(lost / (1 - j))


def test_nothing_lost_has_no_shares(tmp_path: Path) -> None:
    (row,) = loss(one_group([write_run(tmp_path / "r", {("a", 1): [1.0, 1.0]})])).records()
    assert [row[key] for key in ("loss", "region", "lost")] == [0.0, None, None]


def test_missing_or_damaged_scores_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", J)
    path = tmp_path / "r" / "scores.csv"
    path.write_text("sequence,object,frame,J,F\na,1,00001,x,0\n")
    with pytest.raises(DataError, match=r"scores\.csv is damaged: .*evaluate again"):
        series(run)
    path.write_text("sequence,object,frame,J,F\na,1,00001,0,0\na,2,00001,0,0\n")
    with pytest.raises(DataError, match=r"only one has object 1 of b; evaluate again"):
        worst_objects(one_group([run]))
    path.unlink()
    with pytest.raises(DataError, match=r"scores\.csv is missing"):
        series(run)


def test_scores_by_another_protocol_have_the_counts_of_the_run(tmp_path: Path) -> None:
    counted = {"sequence": "a", "frames": [f"0000{n}" for n in range(9)], "prompts": {"2": 3}}
    counted["places"] = [4 * n for n in range(9)]
    (tmp_path / "counts.json").write_text(json.dumps({"sequences": [counted]}))
    run = write_run(tmp_path / "scores-other", J)
    run = dataclasses.replace(run, counts=tmp_path / "counts.json")
    assert series(run)["a", 2].since.tolist() == [1, 5, 9, 13, 17, 21]


@pytest.mark.parametrize(
    "change", [{"frames": []}, {"places": []}, {"prompts": {"2": None}}, {"prompts": {"2": []}}]
)
def test_counts_that_do_not_fit_the_scores_are_left_alone(
    tmp_path: Path, change: dict[str, object]
) -> None:
    counted = {"sequence": "a", "frames": [f"0000{n}" for n in range(9)], "prompts": {"2": 0}}
    counted |= {"places": list(range(9))} | change
    run = write_run(tmp_path / "r", J)
    (tmp_path / "r" / "counts.json").write_text(json.dumps({"sequences": [counted]}))
    assert series(run)["a", 2].since.tolist() == [1, 2, 3, 4, 5, 6]


def test_shares_of_a_loss_are_of_the_frames_where_a_protocols_mean_is_not(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", J)
    usual = next(loss(one_group([run])).records())
    summary = run.summary | {"J": {"mean": 0.2, "recall": None, "decay": None}}  # as of volumes
    other = next(loss(one_group([dataclasses.replace(run, summary=summary)])).records())
    parts = ("lost", "partly", "outline")
    assert [other[part] for part in parts] == [usual[part] for part in parts]
    assert sum(other[part] for part in parts) == pytest.approx(1)


def test_what_is_undefined_or_has_no_frame_is_said(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", J)
    none = {"mean": None, "recall": None, "decay": None}
    undefined = dataclasses.replace(run, summary=run.summary | {"J": none})
    with pytest.raises(UsageError, match=r"r: the mean of DAVIS-2017.* is undefined"):
        loss(one_group([undefined]))
    failed = run.summary | {"failed": {"a": "no masks", "b": "no masks"}}
    (tmp_path / "r" / "scores.csv").write_text("sequence,object,frame,J,F\n")
    nothing = dataclasses.replace(run, summary=failed, scores_sha256="", _kept={})
    with pytest.raises(UsageError, match="has a frame that is scored"):
        over_time(one_group([nothing]))
