"""Published scores stand beside measured ones, and what differs is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_runs import steady, write_run

import vosbench.plugins
from vosbench.analysis.groups import one_group
from vosbench.analysis.published import PublishedScore, beside, published
from vosbench.errors import DataError
from vosbench.files import jsonable
from vosbench.resolve import method_options

RPMNET = {"matching": "deformable", "backbone": "compact", "refine": "none", "size": 256}


def test_published_scores_are_those_of_the_paper() -> None:
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


def test_published_stands_beside_measured_and_says_what_differs(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", steady({"a": 0.4}), method="rpmnet", options=RPMNET,
                    files={"weights": "0123456789"})  # fmt: skip
    tool = write_run(tmp_path / "osvos", steady({"a": 0.5}))
    rows = [row for row in beside(one_group([run, tool])).records() if row["metric"] == "J"]
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
    measured = [row for row in beside(one_group([run, raw])).records() if row["run"]]
    assert [(row["technique"], row["run"]) for row in measured] == [
        ("CRW R18", "label-propagation (" + "/".join((tmp_path / "r").parts[-2:]) + ")"),
    ]  # fmt: skip


def test_an_option_that_is_not_the_presets_is_said_beside_the_published_score(
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
        said += [
            row["not as published"] for row in beside(one_group([run])).records() if row["run"]
        ]
    assert len(said) == 3
    assert "not 20" not in str(said[0])
    assert "last=1, not 20; topk=7, not 10" in str(said[1])
    assert "radius" not in str(said[2]), "the published score was made with 18"


def test_tables_of_ones_own_are_read_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vosbench.plugins, "__path__", [*vosbench.plugins.__path__, str(tmp_path)])
    path = tmp_path / "reports" / "published" / "own.csv"
    path.parent.mkdir(parents=True)
    header = ",".join(name for name in PublishedScore.__dataclass_fields__ if name != "file")
    path.write_text(f"{header}\nX,mine,val,J,50.5,paper,Table 1,,,,\n")
    (score,) = published("mine")
    assert (score.value, score.file) == (50.5, "own")
    path.write_text(f"{header}\nX,mine,val,J,50.5,,Table 1,,,,\n")
    with pytest.raises(DataError, match=r"own\.csv, line 2: no source: say where it is from"):
        published()
    path.write_text(f"{header}\nX,mine,val,J,high,paper,Table 1,,,,\n")
    with pytest.raises(DataError, match="line 2: value: could not convert"):
        published()
    for row, said in (
        (
            "X,mine,val,J,50,A paper, with a comma,Table 1,,,,",
            "12 cells, expected 11; a text with a",
        ),
        ("X,mine,val,J,50,paper,Table 1", "7 cells, expected 11"),
        ("X,mine,val,J,nan,paper,Table 1,,,,", "value: nan is no score"),
        (
            "X,mine,val,J,50,paper,Table 1,,m,label,",
            "options: 'label' is not of the form",
        ),
        ('X,mine,val,J,50,"paper"s,Table 1,,,,', "cannot be read"),
    ):
        path.write_text(f"{header}\n{row}\n")
        with pytest.raises(DataError, match=f"own.csv.*{said}"):
            published()
    path.write_bytes(header.encode() + b"\nX,mine,val,J,50,p\xe9per,Table 1,,,,\n")
    with pytest.raises(DataError, match=r"own\.csv cannot be read: 'utf-8'"):
        published()
    path.write_bytes(b"\xef\xbb\xbf" + header.encode() + b"\r\nX,mine,val,J,50.5,paper,T,,,,\r\n")
    assert [score.value for score in published("mine")] == [50.5]  # as a spreadsheet writes it
    path.write_text("technique,value\nX,1\n")
    with pytest.raises(DataError, match="expected"):
        published()
