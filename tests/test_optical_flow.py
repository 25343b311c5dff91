"""optical-flow on motion that is known, from files that say so exactly, and on real video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures_flow import write_flo

from vosbench import registry
from vosbench.errors import DataError, UsageError

plugin = registry.load("methods", "optical-flow")


def build(**options: object):  # type: ignore[no-untyped-def]
    return plugin.build(plugin.Options(**options), device="cpu", seed=0)


def clip(count: int = 6, h: int = 96, w: int = 144) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two bright textured boxes on a dark textured ground, moving 2 px right, 1 px down a frame."""
    import cv2

    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (2, h, w, 3)).astype(np.float32)
    ground, skin = (cv2.GaussianBlur(each, (0, 0), 2) * 2 - 128 for each in noise)
    ground, skin = (np.clip(each, 0, 255) for each in (ground * 0.4, skin * 0.6 + 90))
    frames, masks = [], []
    for t in range(count):
        mask = np.zeros((h, w), np.uint8)
        for i, (top, left) in enumerate([(8, 8), (48, 64)], start=1):
            mask[top + t : top + t + 36, left + 2 * t : left + 2 * t + 48] = i
        moved = np.roll(skin, (t, 2 * t), axis=(0, 1))
        frames.append(np.where(mask[..., None] > 0, moved, ground).astype(np.uint8))
        masks.append(mask)
    return frames, masks


def overlap(prediction: np.ndarray, truth: np.ndarray, i: int) -> float:
    p, t = prediction == i, truth == i
    return float((p & t).sum() / (p | t).sum())


@pytest.mark.parametrize("mode", ["chained", "direct"])
@pytest.mark.parametrize("label", ["soft", "hard"])
@pytest.mark.parametrize("flow", ["dis", "farneback"])
def test_objects_that_move_are_followed(flow: str, label: str, mode: str) -> None:
    frames, truth = clip()
    masks = list(build(flow=flow, label=label, mode=mode).segment(iter(frames), {0: truth[0]}))
    held = [overlap(truth[0], truth[-1], i) for i in (1, 2)]
    for i in (1, 2):
        assert overlap(masks[-1], truth[-1], i) > 0.9 > held[i - 1] + 0.3


@pytest.mark.parametrize("mode", ["chained", "direct"])
def test_late_prompts_join_at_their_frame(mode: str) -> None:
    frames, truth = clip()
    first = np.where(truth[1] == 1, truth[1], 0).astype(np.uint8)
    late = np.where(truth[3] == 2, truth[3], 0).astype(np.uint8)
    masks = list(build(mode=mode).segment(iter(frames), {1: first, 3: late}))
    assert not masks[0].any()
    assert (masks[1] == first).all()
    assert set(np.unique(masks[2])) == {0, 1}
    assert ((masks[3] == 2) == (late == 2)).all()
    assert min(overlap(masks[5], truth[5], i) for i in (1, 2)) > 0.9


def flo_folder(root: Path, x: float, count: int = 4) -> tuple[str, ...]:
    """Files that say: every pixel was x px to the right one frame before."""
    (root / "cat").mkdir()
    for index in range(1, count):
        field = np.zeros((4, 8, 2), np.float32)
        field[..., 0] = x
        write_flo(root / "cat" / f"{index:05d}.flo", field)
    return tuple(f"{index:05d}" for index in range(count))


def from_files(root: Path, names: tuple[str, ...], **options: object) -> list[list[int]]:
    """The middle row of each mask, for a prompt of columns 4 to 6."""
    prompt = np.zeros((4, 8), np.uint8)
    prompt[:, 4:7] = 1
    method = build(flow="file", folder=root, **options).for_sequence("cat", names)
    frames: Iterator[np.ndarray] = (np.zeros((4, 8, 3), np.uint8) for _ in names)
    return [mask[1].tolist() for mask in method.segment(frames, {0: prompt})]


def test_files_are_the_backward_flow_of_their_own_frame(tmp_path: Path) -> None:
    assert from_files(tmp_path, flo_folder(tmp_path, 2)) == [
        [0, 0, 0, 0, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0],
    ]


def test_hard_labels_stand_still_under_slow_motion_and_soft_ones_move(tmp_path: Path) -> None:
    names = flo_folder(tmp_path, 0.375)
    start = [0, 0, 0, 0, 1, 1, 1, 0]
    assert from_files(tmp_path, names, label="hard")[3] == start
    assert from_files(tmp_path, names, label="soft")[3] == [0, 0, 0, 1, 1, 1, 0, 0]


def test_the_threshold_is_held(tmp_path: Path) -> None:
    names = flo_folder(tmp_path, 0.375, count=2)
    assert from_files(tmp_path, names, threshold=0.25)[1] == [0, 0, 0, 1, 1, 1, 1, 0]
    assert from_files(tmp_path, names, threshold=0.75)[1] == [0, 0, 0, 0, 1, 1, 0, 0]


def test_missing_flow_files_are_all_listed(tmp_path: Path) -> None:
    names = flo_folder(tmp_path, 1)
    for name in names[2:]:
        (tmp_path / "cat" / f"{name}.flo").unlink()
    with pytest.raises(DataError) as caught:
        from_files(tmp_path, names)
    assert len(caught.value.faults) == 2
    assert "00002.flo is missing" in str(caught.value)


def test_only_flow_files_ask_for_the_sequence(tmp_path: Path) -> None:
    assert not list(build().for_sequence("cat", ()).segment([], {}))
    with pytest.raises(UsageError, match="call for_sequence first"):
        build(flow="file", folder=tmp_path).segment([], {})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 0.0}, "must lie between 0 and 1"),
        ({"threshold": 1.0}, "must lie between 0 and 1"),
        ({"size": 3}, "at least 16 px"),
        ({"weights": Path("w.pth")}, "weights are for flow=raft, but flow=dis"),
        ({"folder": Path("flows")}, "folder is for flow=file, but flow=dis"),
        ({"flow": "file", "mode": "direct"}, "needs mode=chained"),
        ({"flow": "file", "size": 64}, "size must stay 0"),
        ({"flow": "file"}, "needs --set folder=DIR"),
        ({"flow": "raft"}, "no weights are given"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        build(**options)


def test_a_size_that_does_not_fit_into_memory_is_refused_on_small_frames_too() -> None:
    frames, masks = clip(2, 96, 144)
    with pytest.raises(DataError, match=r"flow=dis on frames of 96x144.*smaller size"):
        list(build(size=1_000_000).segment(iter(frames), {0: masks[0]}))


def test_any_number_of_threads_gives_the_same_masks() -> None:
    import cv2

    frames, truth = clip()
    before, found = cv2.getNumThreads(), []
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            found.append(np.stack(list(build().segment(iter(frames), {0: truth[0]}))))
    finally:
        cv2.setNumThreads(before)
    assert all((each == found[0]).all() for each in found)


def test_real_video_is_followed_as_measured() -> None:
    """DIS medium, chained, hard on car-shadow: J .601, copy-first .408 (measured here)."""
    root = Path(os.environ.get("VOSBENCH_DATA", "")) / "DAVIS-2016"
    if not (root / "JPEGImages/480p/car-shadow").is_dir():
        pytest.skip("VOSBENCH_DATA/DAVIS-2016 with car-shadow is not there")
    from PIL import Image

    paths = sorted((root / "JPEGImages/480p/car-shadow").glob("*.jpg"))
    truth = [
        (np.array(Image.open(root / "Annotations/480p/car-shadow" / f"{p.stem}.png")) > 0).astype(
            np.uint8
        )
        for p in paths
    ]
    frames = (np.array(Image.open(path)) for path in paths)
    masks = list(build().segment(frames, {0: truth[0]}))
    scores = [overlap(m, t, 1) for m, t in zip(masks[1:-1], truth[1:-1], strict=True)]
    assert abs(np.mean(scores) - 0.601) < 0.005
