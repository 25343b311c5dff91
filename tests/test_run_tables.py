"""Scores, runtime, ablation and published tables hold what run.json and summary.json hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_runs import TIMING, steady, write_run

import vosbench.plugins
from vosbench.analysis.ablation import ablation
from vosbench.analysis.groups import groups
from vosbench.analysis.published import Figure, beside, figures, published
from vosbench.analysis.runtime import runtime
from vosbench.analysis.scores import scores
from vosbench.errors import DataError, UsageError
from vosbench.files import jsonable
from vosbench.resolve import method_options

RPMNET = {"matching": "deformable", "backbone": "compact", "refine": "none", "size": 256}


def test_scores_are_those_of_the_summary(tmp_path: Path) -> None:
    better = write_run(
        tmp_path / "b", steady({"a": 0.7, "b": 0.9}), method="m", files={"weights": "0123456789"}
    )
    worse = write_run(tmp_path / "w", steady({"a": 0.2, "b": 0.3}))
    table = scores([worse, better])
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


def test_groups_are_by_data_and_names_are_told_apart(tmp_path: Path) -> None:
    a = write_run(tmp_path / "x" / "r", steady({"a": 0.2}))
    b = write_run(tmp_path / "y" / "r", steady({"a": 0.3}))
    other = write_run(tmp_path / "z" / "r", steady({"a": 0.2}), truth="1")
    found = groups([a, b, other, a])
    assert [[run.name for run in group.results] for group in found] == [
        ["r (y/r)", "r (x/r)"], ["r"],
    ]  # fmt: skip
    assert [group.name for group in found] == [
        "davis2017-val-davis2017", "davis2017-val-davis2017-2",
    ]  # fmt: skip


def test_runtime(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.5}), method="m", options={"size": 256})
    tool = write_run(tmp_path / "t", steady({"a": 0.5}))
    (row,) = runtime([run, tool]).records()
    assert (row["median"], row["p95"], row["mean of all"]) == (0.2, 0.3, 0.25)
    assert (row["frame size"], row["size option"], row["peak memory"]) == ("4x6", "256", 5.0)
    assert (row["device"], row["machine"]) == ("cpu", "2 cores, x86_64")
    other = write_run(tmp_path / "o", steady({"a": 0.5}), method="m", dataset="davis2016")
    again = write_run(tmp_path / "p", steady({"a": 0.5}), method="m", dataset="davis2016")
    both = [(row["run"], row["dataset"]) for row in runtime([run, other]).records()]
    assert both == [("m", "davis2017"), ("m", "davis2016")]
    assert len({row["run"] for row in runtime([other, again]).records()}) == 2
    with pytest.raises(UsageError, match="none of these was timed"):
        runtime([tool])


def test_ablation_is_a_grid(tmp_path: Path) -> None:
    runs = []
    for number, (backbone, matching, size, j) in enumerate([
        ("compact", "deformable", 256, 0.4), ("compact", "conv-3", 256, 0.3),
        ("compact", "conv-3", 256, 0.5), ("resnet18", "deformable", 256, 0.6),
    ]):  # fmt: skip
        options = {**RPMNET, "backbone": backbone, "matching": matching, "size": size,
                   "weights": f"w{number}"}  # fmt: skip
        runs.append(write_run(tmp_path / str(number), steady({"a": j}), method="rpmnet",
                              options=options))  # fmt: skip
    table = ablation([*runs, write_run(tmp_path / "t", steady({"a": 0.1}))])
    names = [column.name for column in table.columns]
    assert [names[at] for at in (0, 1, 2, 4)] == ["backbone", "conv-3", "conv-3 low", "deformable"]
    assert [(row[0], row[1], row[4]) for row in table.rows] == [
        ("compact", 0.4, 0.4), ("resnet18", None, 0.6),
    ]  # fmt: skip
    assert table.rows[0][2] is None, "one sequence gives no interval"
    assert "compact, conv-3: mean of 2 runs, 30.0 to 50.0" in table.notes
    larger = write_run(tmp_path / "l", steady({"a": 0.7}), method="rpmnet",
                       options={**RPMNET, "size": 512})  # fmt: skip
    special = ablation([*runs, larger])
    assert [row[0] for row in special.rows] == ["compact", "compact size=512", "resnet18"]
    assert "where a row says nothing else: size=256" in special.notes
    with pytest.raises(UsageError, match=r"no run of .* has both options, backbone and matching"):
        ablation([write_run(tmp_path / "t", steady({"a": 0.1}))])


def test_what_a_preset_implies_is_no_further_option(tmp_path: Path) -> None:
    runs = []
    for number, chosen in enumerate((
        {"preset": "light"}, {"preset": "crw"}, {"preset": "crw", "backbone": "random"},
        {"preset": "crw", "topk": "5"},
    )):  # fmt: skip
        options = jsonable(method_options("label-propagation", chosen))
        runs.append(write_run(tmp_path / str(number), steady({"a": number / 10}),
                              method="label-propagation", options=options))  # fmt: skip
    table = ablation(runs)
    assert [column.name for column in table.columns[1::3]] == ["crw", "light"]
    assert [(row[0], row[1], row[4]) for row in table.rows] == [
        ("random", 0.2, None), ("raw", 0.1, 0.0), ("raw topk=5", 0.3, None),
    ]  # fmt: skip
    assert "where a row says nothing else: topk=10" in table.notes
    with pytest.raises(UsageError, match=r"backbon and preset; did you mean 'backbone'\?$"):
        ablation(runs, row="backbon")


def test_the_interval_of_a_cell_is_that_of_its_mean_run(tmp_path: Path) -> None:
    options = {**RPMNET, "backbone": "compact", "matching": "conv-3"}
    runs = [
        write_run(tmp_path / str(n), steady(of), method="rpmnet", options={**options, "weights": n})
        for n, of in enumerate(({"a": 0.2, "b": 0.6}, {"a": 0.4, "b": 0.8}))
    ]
    (row,) = ablation(runs).records()
    assert (row["conv-3"], row["conv-3 low"], row["conv-3 high"]) == pytest.approx((0.5, 0.3, 0.7))


def test_published_figures_are_those_of_the_paper() -> None:
    paper = [f for f in published("davis2017", split="val") if f.source == "RPM-Net, WACV 2020"]
    values = {(f.technique, f.metric): f.value for f in paper}
    assert values["RPM-Net", "J"] == 35.7
    assert values["RPM-Net_R", "F"] == 42.2
    assert values["Copy from the initial frame", "J"] == 22.1
    assert values["RPM-Net_R", "seconds a frame"] == 0.55
    (segtrack,) = (f.value for f in published("segtrackv2", metric="J") if f.technique == "RPM-Net")
    assert segtrack == 45.2
    board = {(f.technique, f.metric): f.value for f in published("davis2016")}
    assert board["stm", "J"] == 88.7
    assert {f.file for f in published()} == {
        "rpmnet", "label_propagation", "davis2016_leaderboard", "davis2017_leaderboard",
    }  # fmt: skip
    assert all(f.read_where and f.source for f in published())
    assert "none was measured by this software" in figures("davis2017").notes[0]


def test_published_stands_beside_measured_and_says_what_differs(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.4}), method="rpmnet", options=RPMNET,
                    files={"weights": "0123456789"})  # fmt: skip
    tool = write_run(tmp_path / "osvos", steady({"a": 0.5}))
    rows = [row for row in beside([run, tool]).records() if row["metric"] == "J"]
    by = {row["technique"]: row for row in rows}
    ours = by["RPM-Net"]
    assert (ours["published"], ours["measured"]) == (pytest.approx(0.357), 0.4)
    assert ours["difference"] == pytest.approx(0.4 - 0.357)
    assert ours["run"] == "rpmnet"
    for word in ("sequences: 1 of 30", "weights: 01234567", "backbone=compact size=256; paper: "):
        assert word in str(ours["not as published"])
    assert (by["RPM-Net_R"]["measured"], by["RPM-Net_R"]["run"]) == (None, None)
    assert by["osvos"]["published"] == pytest.approx(0.5665)
    assert "stm" not in by  # of the leaderboard, not scored here


def test_a_preset_is_matched_only_with_its_backbone_and_weights(tmp_path: Path) -> None:
    options = {"preset": "crw", "backbone": "torchvision/resnet18:layer3"}
    run = write_run(tmp_path / "r", steady({"a": 0.4}), method="label-propagation",
                    options=options, files={"weights": "01234567"})  # fmt: skip
    raw = write_run(tmp_path / "s", steady({"a": 0.3}), method="label-propagation",
                    options={**options, "backbone": "raw"})  # fmt: skip
    measured = [row for row in beside([run, raw]).records() if row["run"]]
    assert [(row["technique"], row["run"]) for row in measured] == [
        ("CRW R18", "label-propagation (" + "/".join((tmp_path / "r").parts[-2:]) + ")"),
    ]  # fmt: skip


def test_an_option_that_is_not_the_presets_is_said_beside_the_published_figure(
    tmp_path: Path,
) -> None:
    said = []
    for number, changed in enumerate(({}, {"topk": "7", "last": "1"}, {"radius": "18"})):
        depth = "50" if "radius" in changed else "18"
        chosen = {"preset": "vfs", "backbone": f"torchvision/resnet{depth}:layer3",
                  "weights": "w.pth", **changed}  # fmt: skip
        options = jsonable(method_options("label-propagation", chosen))
        run = write_run(tmp_path / str(number), steady({"a": 0.4}), method="label-propagation",
                        options=options, files={"weights": "01234567"})  # fmt: skip
        said += [row["not as published"] for row in beside([run]).records() if row["run"]]
    assert len(said) == 3
    assert "not 20" not in str(said[0])
    assert "last=1, not 20; topk=7, not 10" in str(said[1])
    assert "radius" not in str(said[2]), "the published figure was made with 18"


def test_tables_of_ones_own_are_read_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vosbench.plugins, "__path__", [*vosbench.plugins.__path__, str(tmp_path)])
    path = tmp_path / "reports" / "published" / "own.csv"
    path.parent.mkdir(parents=True)
    header = ",".join(name for name in Figure.__dataclass_fields__ if name != "file")
    path.write_text(f"{header}\nX,mine,val,J,50.5,paper,Table 1,,,,\n")
    (figure,) = published("mine")
    assert (figure.value, figure.file) == (50.5, "own")
    path.write_text(f"{header}\nX,mine,val,J,50.5,,Table 1,,,,\n")
    with pytest.raises(DataError, match=r"own\.csv, line 2: no source: say where it is from"):
        published()
    path.write_text(f"{header}\nX,mine,val,J,high,paper,Table 1,,,,\n")
    with pytest.raises(DataError, match="line 2: value: could not convert"):
        published()
    path.write_text("technique,value\nX,1\n")
    with pytest.raises(DataError, match="expected"):
        published()
