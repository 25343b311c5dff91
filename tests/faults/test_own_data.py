"""Kind 3b: own data are part of a run's identity, and no run discards masks of other data."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import Vosbench, make_folder_dataset

from vosbench.errors import UsageError
from vosbench.masks import read_mask, write_mask
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.plan import plan_run


def clip(folder: Path, seed: int) -> Path:
    """FOLDER/bear.mp4 and bear.png beside it."""
    folder.mkdir(parents=True)
    picture = np.random.default_rng(seed).integers(0, 255, (32, 48, 3), np.uint8)
    writer = cv2.VideoWriter(
        str(folder / "bear.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (48, 32)
    )
    for _ in range(4):
        writer.write(picture)
    writer.release()
    mask = np.zeros((32, 48), np.uint8)
    mask[5 : 15 + seed, 8:20] = 1
    write_mask(folder / "bear.png", mask)
    return folder / "bear.mp4"


def of(root: Path, out: Path, **changes: object) -> RunConfig:
    settings = {"method": "copy-first", "dataset": "folder", "root": root, "out": out}
    return RunConfig(**{**settings, **changes})  # type: ignore[arg-type]


def test_three_clips_of_one_name_have_a_folder_each(tmp_path: Path) -> None:
    clips = [clip(tmp_path / name, seed) for seed, name in enumerate("abc")]
    ran = [compute(plan_run(of(each, tmp_path / "runs"))) for each in clips]
    folders = [each.folder for each in ran]
    assert folders[0].name == "copy-first-folder-bear"
    assert all(f.name.startswith("copy-first-folder-bear-") for f in folders[1:])
    assert len(set(folders)) == 3
    for number, (each, folder) in enumerate(zip(clips, folders, strict=True)):
        planned = plan_run(of(each, tmp_path / "runs"))
        assert (planned.folder, planned.missing) == (folder, ())  # found again
        mask = read_mask(folder / "masks" / "bear" / "00003.png")
        assert np.count_nonzero(mask) == 12 * (10 + number)


def test_namesakes_that_begin_at_once_do_not_mix(tmp_path: Path) -> None:
    clips = [clip(tmp_path / name, seed) for seed, name in enumerate("ab")]
    first, second = (plan_run(of(each, tmp_path / "runs")) for each in clips)
    assert first.folder == second.folder  # nobody has it yet
    compute(first)
    with pytest.raises(UsageError, match=r"other data of the same name.*the same command again"):
        compute(second)
    again = compute(plan_run(of(clips[1], tmp_path / "runs")))
    assert (again.folder != first.folder, again.computed) == (True, ("bear",))


@pytest.mark.parametrize("harm", ["video", "mask"])
def test_a_failed_run_of_a_namesake_changes_nothing(
    tmp_path: Path, command: Vosbench, harm: str
) -> None:
    clip(tmp_path / "a", 0)
    second = clip(tmp_path / "b", 1)
    (second if harm == "video" else second.with_suffix(".png")).write_bytes(b"damaged")
    given = ("run", "--method", "copy-first", "--dataset", "folder", "--root")
    assert command(*given, "a/bear.mp4").returncode == 0
    first = tmp_path / "runs" / "copy-first-folder-bear"
    before = {p: p.read_bytes() for p in first.rglob("*") if p.is_file()}
    assert command(*given, "b/bear.mp4").returncode == 1
    assert {p: p.read_bytes() for p in first.rglob("*") if p.is_file()} == before


def test_folders_with_options_clash_too(tmp_path: Path) -> None:
    roots = [make_folder_dataset(tmp_path / n / "data", {"ant": 3, "bee": 3}) for n in "ab"]
    mask = roots[1] / "masks" / "ant" / "00000.png"
    write_mask(mask, np.roll(read_mask(mask), 2))
    made = [compute(plan_run(of(r, tmp_path / "runs", sequences=("ant",)))).folder for r in roots]
    assert made[1].name.startswith(f"{made[0].name}-")
    spelled = tmp_path / "b" / ".." / "b" / "data"
    planned = plan_run(of(spelled, tmp_path / "runs", sequences=("ant",)))
    assert planned.folder == made[1]
    (tmp_path / "link").symlink_to(tmp_path / "b")
    linked = plan_run(of(tmp_path / "link" / "data", tmp_path / "runs", sequences=("ant",)))
    assert (linked.folder, linked.missing) == (made[1], ())


def test_moved_own_data_are_the_same_if_they_are(tmp_path: Path) -> None:
    first = clip(tmp_path / "a", 0)
    folder = compute(plan_run(of(first, tmp_path / "runs"))).folder
    moved = (tmp_path / "a").rename(tmp_path / "moved") / "bear.mp4"
    planned = plan_run(of(moved, tmp_path / "runs"))
    assert (planned.folder, planned.missing) == (folder, ())
    other = clip(tmp_path / "b", 1)  # where nothing is at the recorded place, other data are other
    assert plan_run(of(other, tmp_path / "runs")).folder != folder
    compute(planned)
    copied = tmp_path / "copy"
    shutil.copytree(moved.parent, copied)  # both there: two
    assert plan_run(of(copied / "bear.mp4", tmp_path / "runs")).folder != folder


@pytest.mark.parametrize("change", ["prompt", "frame"])
def test_masks_of_other_data_are_kept_until_asked(tmp_path: Path, change: str) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3, "bee": 3})
    folder = compute(plan_run(of(root, tmp_path / "runs"))).folder
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    kind, end = ("masks", "png") if change == "prompt" else ("images", "jpg")
    shutil.copy(root / kind / "bee" / f"00002.{end}", root / kind / "ant" / f"00000.{end}")
    config = of(root, tmp_path / "runs")
    with pytest.raises(UsageError, match=r"of ant have changed since; use --overwrite always"):
        plan_run(config)
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert len(compute(plan_run(dataclasses.replace(config, overwrite="always"))).computed) == 2
    assert len(compute(plan_run(of(root, tmp_path / "others"))).computed) == 2


def test_a_known_dataset_may_move(tmp_path: Path) -> None:
    source = make_folder_dataset(tmp_path / "source", {"ant": 3}, objects=1)
    root = tmp_path / "DAVIS-2017"
    for kind, to in (("images", "JPEGImages"), ("masks", "Annotations")):
        shutil.copytree(source / kind, root / to / "480p")
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("ant\n")
    folder = compute(plan_run(of(root, tmp_path / "runs", dataset="davis2017"))).folder
    shutil.copytree(root, tmp_path / "moved")
    planned = plan_run(of(tmp_path / "moved", tmp_path / "runs", dataset="davis2017"))
    assert (planned.folder, planned.missing) == (folder, ())
