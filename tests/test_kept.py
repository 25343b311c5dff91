"""Counts that are kept: used while masks and truth are as they were, and only then."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fixtures_layouts
import numpy as np
import pytest
from conftest import make_folder_dataset
from fixtures_trees import meta

from vosbench import api, masks
from vosbench.masks import read_mask, write_mask
from vosbench.run_and_score import counting_of, score_run
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.folder import COUNTED
from vosbench.running.plan import plan_run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 6})


@pytest.fixture
def results(tmp_path: Path, root: Path) -> Path:
    folder = Path(shutil.copytree(root / "masks", tmp_path / "results"))
    for path in folder.rglob("*.png"):
        write_mask(path, np.roll(read_mask(path), 1, axis=0))
    return folder


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The mask files that are read."""
    seen: list[str] = []
    decode: Callable[..., Any] = masks.decode_mask

    def counting(data: bytes, where: Any, **options: Any) -> Any:
        seen.append(str(where))
        return decode(data, where, **options)

    for module in ("vosbench.masks", "vosbench.stored"):
        monkeypatch.setattr(f"{module}.decode_mask", counting)
    return seen


def test_another_protocol_reads_no_mask(
    root: Path, results: Path, tmp_path: Path, reads: list[str]
) -> None:
    out = tmp_path / "scores"
    first = api.evaluate(results, "folder", root=root, out=out)
    assert reads
    fresh = api.evaluate(results, "folder", root=root, protocol="davis2017")
    reads.clear()
    kept = api.evaluate(results, "folder", root=root, protocol="davis2017", out=out)
    again = api.evaluate(results, "folder", root=root, out=out)
    assert [name for name in reads if str(results) in name] == []
    assert kept.summary == fresh.summary
    assert again.summary == first.summary


def test_a_run_is_scored_under_another_protocol_without_reading(
    root: Path, tmp_path: Path, reads: list[str]
) -> None:
    run = api.run("copy-first", "folder", root=root, out=tmp_path / "runs")
    assert run.folder is not None
    reads.clear()
    scored = api.evaluate(run.folder, protocol="davis2017")
    assert [name for name in reads if str(run.folder) in name] == []
    assert scored.folder == run.folder / "scores-davis2017"
    copied = api.evaluate(run.folder / "masks", "folder", root=root, protocol="davis2017")
    assert scored.summary["J"] == copied.summary["J"]


def test_names_with_commas_and_quotes_are_read_back(tmp_path: Path, reads: list[str]) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 4, 'bee, "red"': 4})
    out = tmp_path / "scores"
    first = api.evaluate(root / "masks", "folder", root=root, baseline=True, out=out)
    reads.clear()
    again = api.evaluate(root / "masks", "folder", root=root, baseline=True, out=out)
    assert reads == []
    assert again.summary == first.summary


def test_a_folder_of_scores_is_scored_again_without_reading(
    root: Path, results: Path, tmp_path: Path, reads: list[str]
) -> None:
    first = api.evaluate(results, "folder", root=root, name="STM", out=tmp_path / "scores")
    reads.clear()
    again = api.evaluate(tmp_path / "scores")
    other = api.evaluate(tmp_path / "scores", protocol="davis2017")
    assert [name for name in reads if str(results) in name] == []
    assert (again.name, again.summary, again.folder) == ("STM", first.summary, None)
    assert other.summary["protocol"]["name"] == "davis2017"
    assert api.load(tmp_path / "scores").summary == first.summary  # which stays


def test_united_is_counted_once(
    root: Path, results: Path, tmp_path: Path, reads: list[str]
) -> None:
    out = tmp_path / "scores"
    api.evaluate(results, "folder", root=root, out=out)
    api.evaluate(results, "folder", root=root, protocol="united", out=out)
    assert (out / "counts-united.csv").is_file()
    reads.clear()
    api.evaluate(results, "folder", root=root, protocol="davis2016", out=out)
    assert [name for name in reads if str(results) in name] == []


def move(path: Path) -> None:
    write_mask(path, np.roll(read_mask(path), 3, axis=1))


CHANGES: dict[str, Callable[[Path, Path, Path], None]] = {
    "a mask": lambda root, results, out: move(results / "ant" / "00003.png"),
    "the truth": lambda root, results, out: move(root / "masks" / "ant" / "00003.png"),
    "another folder": lambda root, results, out: None,
    "counts.csv": lambda root, results, out: (out / "counts.csv").write_text("sequence\n"),
    "counts.json": lambda root, results, out: (out / "counts.json").write_text("[]"),
    "a number": lambda root, results, out: spoil(out / "counts.csv"),
    "no counts.csv": lambda root, results, out: (out / "counts.csv").unlink(),
    "another form": lambda root, results, out: reform(out / "counts.json"),
}


def spoil(path: Path) -> None:
    path.write_text(path.read_text().replace(",1", ",2", 1))


def reform(path: Path) -> None:
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | {"form": 0}))


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_since_is_counted_anew(
    change: str, root: Path, results: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    api.evaluate(results, "folder", root=root, out=out)
    CHANGES[change](root, results, out)
    if change == "another folder":
        other = Path(shutil.copytree(results, tmp_path / "others"))
        move(other / "bee" / "00002.png")
        results = other
    scored = api.evaluate(results, "folder", root=root, out=out)
    assert scored.summary == api.evaluate(results, "folder", root=root).summary


def test_a_touched_file_is_read_again_and_the_other_sequence_is_not(
    root: Path, results: Path, tmp_path: Path, reads: list[str]
) -> None:
    out = tmp_path / "scores"
    api.evaluate(results, "folder", root=root, out=out)
    os.utime(results / "ant" / "00002.png")
    reads.clear()
    api.evaluate(results, "folder", root=root, out=out)
    names = {Path(name).parent.name for name in reads if str(results) in name}
    assert names == {"ant"}


def test_generated_truth_is_held_against_its_checksum(tmp_path: Path, reads: list[str]) -> None:
    run = api.run("copy-first", "synthetic", sequences=["plain"], out=tmp_path / "runs")
    assert run.folder is not None
    reads.clear()
    scored = api.evaluate(run.folder)
    assert reads == []
    assert scored.summary == run.summary


def test_counts_of_some_sequences_stay_when_others_are_counted(
    root: Path, results: Path, tmp_path: Path, reads: list[str]
) -> None:
    out = tmp_path / "scores"
    api.evaluate(results, "folder", root=root, out=out, sequences=["ant"])
    api.evaluate(results, "folder", root=root, out=out, sequences=["bee"])
    reads.clear()
    api.evaluate(results, "folder", root=root, out=out)
    assert [name for name in reads if str(results) in name] == []


@pytest.mark.parametrize("boundary_iou", [False, True])
def test_two_processes_give_the_same_bytes(
    boundary_iou: bool, root: Path, results: Path, tmp_path: Path
) -> None:
    written = []
    for workers in (1, 2):
        out = tmp_path / f"{workers}"
        api.evaluate(
            results, "folder", root=root, out=out, workers=workers, boundary_iou=boundary_iou,
            baseline=True, name="x",
        )  # fmt: skip
        names = ("counts.csv", "counts.json", "scores.csv", "summary.json")
        written.append([(out / name).read_bytes() for name in names])
    assert written[0] == written[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_counts_each_sequence_as_it_ends_and_scores_without_reading(
    workers: int, root: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(
        method="copy-first", dataset="folder", root=root, out=tmp_path / "runs", workers=workers
    )
    plan = plan_run(config)
    ran = compute(plan, after=counting_of(plan))
    assert sorted(p.name for p in (ran.folder / COUNTED).iterdir()) == ["ant", "bee"]
    reads.clear()
    result = score_run(ran.folder, dataset=ran.dataset)
    assert [name for name in reads if str(ran.folder) in name] == []
    assert not (ran.folder / COUNTED).exists()
    (ran.folder / "counts.json").unlink()
    assert score_run(ran.folder, dataset=ran.dataset).summary == result.summary


def test_predicting_nothing_is_as_the_method_that_does(root: Path, tmp_path: Path) -> None:
    """SA-V's rule begins an object's frames where truth or prediction shows it."""
    runs = [
        api.run(method, "folder", root=root, out=tmp_path / "runs", protocol="sav")
        for method in ("empty", "copy-first")
    ]
    empty, other = (run.summary["no_prediction"]["J"]["mean"] for run in runs)
    assert empty == other == runs[0].summary["J"]["mean"]


def test_a_list_beside_the_split_is_heeded(tmp_path: Path) -> None:
    """unseen_videos.txt says which group a video is of; it lies above the folder of the split."""
    names = [f"{1 + 5 * i:08d}" for i in range(4)]
    span = {"frame_range": {"start": names[0], "end": "00000021", "frame_nums": "4"}}
    for place, video in enumerate(("a", "b")):
        for name in names:
            fixtures_layouts.picture(tmp_path / f"valid/JPEGImages/{video}/{name}.jpg")
            fixtures_layouts.mask(tmp_path / f"valid/Annotations/{video}/{name}.png", 1)
            fixtures_layouts.mask(tmp_path / f"masks/{video}/{name}.png", *(1,)[place:])
    meta(tmp_path / "valid_meta.json", {v: {"objects": {"1": span}} for v in ("a", "b")})
    for unseen, j in (("a", 1.0), ("b", 0.0)):
        (tmp_path / "unseen_videos.txt").write_text(unseen)
        scored = api.evaluate(tmp_path / "masks", "lvos-v2", root=tmp_path, out=tmp_path / "out")
        assert scored.summary["figures"]["J_unseen"] == j


def test_the_folder_of_a_new_object_is_seen(tmp_path: Path) -> None:
    root, masks = tmp_path / "data", tmp_path / "masks"
    for i in range(4):
        fixtures_layouts.picture(root / f"images/cat/{i:05d}.jpg")
        for number in (1, 2):
            fixtures_layouts.mask(root / f"masks/cat/{number}/{i:05d}.png", 1)
            fixtures_layouts.mask(masks / f"cat/{number}/{i:05d}.png", 1)
    (root / "masks/cat/2").rename(tmp_path / "later")
    told = {"protocol": "sav", "root": root, "out": tmp_path / "out"}
    assert len(api.evaluate(masks, "folder", **told).summary["objects"]) == 1
    (tmp_path / "later").rename(root / "masks/cat/2")
    assert len(api.evaluate(masks, "folder", **told).summary["objects"]) == 2


def test_strange_names_beside_masks_and_truth_cost_nothing(
    root: Path, results: Path, tmp_path: Path
) -> None:
    """A link that leads nowhere, as editors make, and names that are not UTF-8."""
    whole = api.evaluate(results, "folder", root=root)
    (root / "masks/ant/.#00002.png").symlink_to("nobody@nowhere")
    for folder in (root / "masks" / "ant", results / "ant"):
        named = os.fsencode(folder) + b"/.\xff.txt", os.fsencode(folder) + b"/\xff.png"
        shutil.copy(results / "ant/00001.png", named[folder == results / "ant"])
    for _ in range(2):
        scored = api.evaluate(results, "folder", root=root, out=tmp_path / "out")
        assert scored.summary["objects"] == whole.summary["objects"]
