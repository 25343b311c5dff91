"""The score table holds what run.json and summary.json hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures_runs import TIMING, steady, write_run

from vosbench.analysis import catalogue
from vosbench.analysis.groups import groups, one_group
from vosbench.analysis.scores import scores
from vosbench.results import Result
from vosbench.tables import Table, cells

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
    assert rows["m"]["ms/frame"] == 1000 * TIMING["median_seconds"]
    assert (rows["m"]["weights"], rows["w"]["weights"]) == ("01234567", None)
    assert (rows["w"]["J low"], rows["w"]["J high"]) == pytest.approx((0.2, 0.3))
    assert any("ONLY 2 of 30 sequences" in note for note in table.notes)


def brief(*runs: Result) -> Table:
    return scores(one_group(runs), intervals=False)


def changed(run: Result, **changes: Any) -> Result:
    """The run with other content in its summary."""
    return replace(run, summary={**run.summary, **changes})


def test_the_printed_table_is_best_first_with_gain_and_dashes(tmp_path: Path) -> None:
    still = {"J": {"mean": 0.2}}
    undefined = {"mean": None, "recall": None, "decay": None}
    low = changed(write_run(tmp_path / "low", steady({"a": 0.25})), copy_first=still)
    high = changed(write_run(tmp_path / "high", steady({"a": 0.75})), copy_first=still)
    none = changed(write_run(tmp_path / "none", steady({"a": 0.1})), J=undefined, F=undefined)
    table = brief(low, changed(none, **{"J&F": None}), high)
    assert cells(table).header == (
        "run", "J&F", "J", "J recall", "J decay", "F", "F recall", "F decay", "gain J",
    )  # fmt: skip
    assert cells(table).rows == (
        ("high", "75.0", "75.0", "100.0", "0.0", "75.0", "100.0", "0.0", "+55.0"),
        ("low", "25.0", "25.0", "0.0", "0.0", "25.0", "0.0", "0.0", "+5.0"),
        ("none", *["-"] * 8),
    )
    assert table.notes[0] == "ONLY 1 of 30 sequences: not comparable with figures for all of them"
    assert table.notes[1].startswith("protocol davis2017: semi-supervised DAVIS-2017")
    assert "1 object in 1 sequence; higher is better but for decay" in table.notes


def test_a_protocol_of_j_alone_shows_j_alone(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", steady({"a": 0.5}))
    run.summary["protocol"]["headline"] = ["J"]
    assert cells(brief(run)) == (
        ("run", "J", "J recall", "J decay"), (("a", "50.0", "0.0", "0.0"),),
        (False, True, True, True),
    )  # fmt: skip


def test_intervals_are_all_that_the_two_tables_differ_in(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.2, "b": 0.3}), method="m")
    (whole,), (printed,) = (
        scores(one_group([run]), intervals=intervals).records() for intervals in (True, False)
    )
    assert whole.items() - printed.items() == {
        (name, whole[name]) for name in ("J low", "J high", "F low", "F high")
    }


def test_columns_that_no_run_fills_are_left_out_and_said_of_no_one(tmp_path: Path) -> None:
    learned = write_run(
        tmp_path / "l", steady({"a": 0.6}), method="learned", files={"weights": "0123456789"}
    )
    plain = write_run(tmp_path / "p", steady({"a": 0.5}))
    table = brief(learned, plain)
    assert [(row[-2], row[-1]) for row in cells(table).rows] == [("200.0", "01234567"), ("-", "-")]
    assert "weights: the first digits of their sha256" in table.notes
    assert "ms/frame: median of the method alone on cpu (2 cores)" in table.notes
    alone = brief(plain)
    assert alone.columns[-1].name == "F decay"
    assert not any(note.startswith(("weights", "ms/frame", "gain J")) for note in alone.notes)


def test_what_a_reader_must_know_of_a_run_stands_under_the_table(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5}), method="m")
    assert run.manifest is not None
    timing = run.manifest["timing"] | {"median_seconds": 0.01, "mean_seconds_of_all": 0.05}
    run.manifest.update(timing=timing, made_by=["one", "two"], failed={"b": "OSError"})
    assert brief(changed(run, unscored=["a, object 3"])).notes[2:] == (
        "1 object in 1 sequence; higher is better but for decay",
        "never scored: a, object 3",
        "ms/frame: median of the method alone on cpu (2 cores)",
        "50.0 ms a frame when the first frames of each sequence count too",
        "masks made by one, two",
        "NOT COMPLETE, failed: b",
    )


def test_what_is_said_of_several_runs_stands_once(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    runs = [write_run(tmp_path / name, steady({"x": 0.5}), method=name) for name in names]
    said = (["of all"], ["of all", "of two"], ["of all", "of two"])
    for run, remarks in zip(runs, said, strict=True):
        assert run.manifest is not None
        run.manifest.update(remarks=remarks)
    assert brief(*runs).notes[-2:] == ("of all", "b; c: of two")
    assert brief(runs[0]).notes[-1] == "of all"
    assert brief(*runs[:2]).notes[-2:] == ("of all", "b: of two")


def test_every_option_behind_a_preset_stands_under_the_table(tmp_path: Path) -> None:
    options = {"preset": "p", "soft": True, "weights": None}
    none = write_run(tmp_path / "n", steady({"a": 0.4}))
    low, high = (
        write_run(tmp_path / name, steady({"a": k / 20}), method=name, options=options | {"k": k})
        for name, k in (("low", 5), ("high", 10))
    )
    assert brief(none, low, high).notes[-3:] == ("preset=p: soft=True", "high: k=10", "low: k=5")
    assert brief(low).notes[-1] == "preset=p: soft=True, k=5"


def test_weights_that_learned_nothing_are_told_in_their_row_and_under_every_table(
    tmp_path: Path,
) -> None:
    said = "no motion found: 100% of the offsets are below 0.25 cell"
    two = {"a": 0.2, "b": 0.3}
    runs = [
        write_run(tmp_path / name, steady(two), method=f"rpmnet-{name}", options=RPMNET)
        for name in ("conv-1", "conv-3")
    ]
    assert runs[0].manifest is not None
    runs[0].manifest["complaints"] = [said]
    table = brief(*runs)
    rows = {row["run"]: row for row in table.records()}
    assert (rows["rpmnet-conv-1"]["training"], rows["rpmnet-conv-3"]["training"]) == (
        "no motion found",
        None,
    )
    note = f"rpmnet-conv-1: the training of its weights ended with: {said}"
    assert note in table.notes
    made = catalogue.tables(groups(runs), ["significance", "sequences", "ablation", "published"])
    for each in made:
        assert isinstance(each, Table), each
        assert note in each.notes, each.name
    assert f"their training ended with: {said}" in str(each.rows)
    assert "training" not in [column.name for column in brief(runs[1]).columns]


def test_what_a_variants_name_stands_for_is_told(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / name, steady({"a": 0.2, "b": 0.3}), method=name)
        for name in ("rpmnet", "rpmnet-iterated", "rpmnet-memory", "copy-first")
    ]
    assert brief(*runs).notes[-1] == (
        "rpmnet by other names: rpmnet-iterated has iterations=3 coarsest=4 search=4.0; "
        "rpmnet-memory has iterations=3 coarsest=4 search=4.0 memory=1,2,4,8 first=both"
    )
