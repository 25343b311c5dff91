"""`vosbench inspect`: methods looked into by name and by run, tables and pictures on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from conftest import Vosbench, make_folder_dataset

from vosbench import api, results
from vosbench.analysis.groups import dataset_of
from vosbench.errors import DataError, UsageError
from vosbench.inspection import exhibits, subjects
from vosbench.toolbox.methods import weights

SMALL = {"weights": "none", "size": "32", "embed_dim": "8"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder_dataset(tmp_path_factory.mktemp("data"), {"ant": 4, "bee": 4}, objects=1)


def test_inspect_writes_tables_and_pictures(command: Vosbench, data: Path, tmp_path: Path) -> None:
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    done = command(
        "inspect", "--method", "rpmnet-conv-1", "--method", "rpmnet", "--dataset", "folder",
        "--root", data, *settings, "--cells", 20, "--pairs", 1, "--sequences", "bee",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mean over 1 sequences: bee" in done.stdout
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"receptive-field.csv", "receptive-field-sequences.tex", "embedding-pca.md"} <= found
    assert {"cosine-bars.png", "cosine-map-bee.svg", "pca-bee.png"} <= found
    rows = json.loads((tmp_path / "out" / "receptive-field.json").read_text())["rows"]
    assert [(row["method"], row["positions"], row["field"]) for row in rows] == [
        ("rpmnet-conv-1", 9, 3),
        ("rpmnet", 729, 7),  # untrained: all offsets are zero, so that it is conv-3's window
    ]
    assert all(-1 <= row["cosine"] <= 1 for row in rows)


def test_a_run_of_one_sequence_is_inspected_on_that_one(
    command: Vosbench, data: Path, tmp_path: Path
) -> None:
    run = api.run(
        "rpmnet-conv-1", "folder", root=data, options=SMALL, sequences=("bee",), out=tmp_path
    )
    where = (run.folder, "--what", "receptive-field", "--pairs", 1, "--cells", 20)
    done = command("inspect", *where, "--out", tmp_path / "one")
    assert "mean over 1 sequences: bee" in done.stdout, done.stderr
    both = command("inspect", *where, "--sequences", "ant,bee", "--out", tmp_path / "both")
    assert "mean over 2 sequences: ant, bee" in both.stdout, both.stderr


def test_what_cannot_be_inspected_is_said(command: Vosbench, data: Path, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        done = command("inspect", "--out", tmp_path / "out", *arguments)
        assert done.returncode == 1
        assert not (tmp_path / "out").exists()
        return done.stderr

    assert "name scored runs, or --method NAME" in refused()
    assert "--method needs --dataset" in refused("--method", "rpmnet")
    assert "a run has its own split" in refused(tmp_path, "--split", "train")
    flags = ("--dataset", "folder", "--root", data)
    assert "copy-first shows no embeddings" in refused("--method", "copy-first", *flags)
    none = refused("--method", "rpmnet", *flags, "--what", "references", "--set", "weights=none")
    assert "rpmnet: no more is read than the frame before" in none
    for points in ("3", "nan,1", "1,inf"):
        said = refused("--method", "rpmnet", *flags, "--points", points)
        assert f"{points!r} is not a pixel" in said


def test_a_memory_is_shown_reference_by_reference(
    command: Vosbench, data: Path, tmp_path: Path
) -> None:
    settings = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    flags = (
        "--dataset",
        "folder",
        "--root",
        data,
        "--sequences",
        "ant",
        "--pairs",
        1,
        "--cells",
        9,
    )
    methods = ("--method", "rpmnet", "--method", "rpmnet-memory")
    done = command("inspect", *methods, *flags, *settings, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "What each reference gives to a frame" in done.stdout
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"receptive-field.csv", "embedding-pca.csv", "references-cells.csv"} <= found
    assert {"shares-ant-rpmnet-memory.png", "references-ant-rpmnet-memory.svg"} <= found
    assert not {name for name in found if name.startswith("shares-ant-rpmnet.")}
    rows = json.loads((tmp_path / "out" / "references.json").read_text())["rows"]
    names = ["t-1", "t-2", "t-4", "t-8", "first", "first, chained"]
    assert [(row["method"], row["reference"]) for row in rows] == [
        ("rpmnet-memory", name) for name in names
    ]
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-5)
    assert rows[3]["share"] == 0, "no frame is late enough"


def test_weights_that_learned_nothing_are_told_under_the_tables(
    command: Vosbench, data: Path, tmp_path: Path
) -> None:
    done = command(
        "inspect", "--method", "rpmnet-conv-1", "--set", "weights=2026-11", "--set", "size=32",
        "--dataset", "folder", "--root", data, "--sequences", "ant", "--pairs", 1,
        "--what", "receptive-field", "--out", tmp_path / "out",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    notes = json.loads((tmp_path / "out" / "receptive-field.json").read_text())["notes"]
    assert notes[-1].startswith("rpmnet-conv-1: the training of its weights ended with: no motion")


def test_a_run_is_inspected_with_its_own_options_and_score(data: Path, tmp_path: Path) -> None:
    result = api.run("rpmnet-conv-1", "folder", root=data, options=SMALL, out=tmp_path)
    subject = subjects.from_run(result)
    dataset = dataset_of(result)
    assert subject.label == result.name
    assert subject.score == result.summary["J"]["mean"]
    assert subject.method.grid(32, 48) == (8, 12)

    shown = exhibits.receptive_fields([subject], [dataset.sequence("ant")], pairs=1, cells=10)
    names = {figure.name for figure in shown.figures}
    assert names == {"cosine-bars", "cosine-map-ant", "score-by-field"}
    (row,) = shown.tables[0].records()
    assert row["J"] == subject.score
    assert (row["J low"], row["J high"]) == subject.interval

    points = [(2.0, 2.0), (31.0, 47.0)]
    looked = exhibits.projections([subject], [dataset.sequence("ant")], pairs=2, points=points)
    (drawn,) = looked.figures
    assert drawn.name == "pca-ant"
    target = drawn.drawing.axes[0]
    assert [line.get_label() for line in target.lines] == ["2,2", "31,47"]

    assert result.manifest is not None
    result.manifest["identity"]["files"]["weights"] = "0"
    with pytest.raises(DataError, match="have changed since this run"):
        subjects.from_run(result)


def test_other_options_leave_a_run_its_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, newer = weights.shipped("rpmnet-conv-3@2026-11"), tmp_path / "weights"
    newer.mkdir()
    shutil.copy(former, newer / "rpmnet-conv-3.safetensors")
    moved = {key: 2 * value for key, value in weights.state_of(former).items()}
    method, options = weights.header_of(former)
    weights.save(
        newer / "rpmnet-conv-3-iterated.safetensors", moved, method=method, options=options, card={}
    )
    monkeypatch.setattr(weights, "FOLDER", newer)
    chosen = {"iterations": 2, "coarsest": 2, "size": 32}
    result = api.run("rpmnet-conv-3", "folder", root=data, options=chosen, out=tmp_path / "runs")
    method_of_run, at_once = (
        subjects.from_run(result, changed=changed).method for changed in ({}, {"coarsest": 1})
    )
    own, kept = (each.network.state_dict() for each in (method_of_run, at_once))
    assert at_once.options.coarsest == 1
    assert all(torch.equal(value, kept[key]) for key, value in own.items())
    assert torch.allclose(kept["encoder.stem.0.weight"], moved["encoder.stem.0.weight"], rtol=1e-2)


def test_masks_of_another_tool_have_no_method(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="theirs was not made by `vosbench run`"):
        subjects.from_run(results.Result("theirs", None, None, {}))
