"""The LVOS layout, which both editions share, and the list of its unseen videos.

ROOT/{train,valid,test}/ hold JPEGImages/<video>/00000001.jpg (names step by 5),
Annotations/<video>/00000001.png and <split>_meta.json, which gives each object's own range of
frames: `{"frame_range": {"start": "00000001", "end": "00000066", "frame_nums": "14"}}`, the end
exclusive. lvos_unseen_videos.txt is the list that comes with lvos-evaluation (25cb02d).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vosbench.errors import DataError
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split, read_lines
from vosbench.toolbox.datasets.video_folders import (
    VideoFolders,
    read_meta,
    split_folder,
)
from vosbench.types import DatasetCard, Listed, Submission

STEP = 5  # between the numbers of two frames
UNSEEN = "unseen_videos.txt"

LAYOUT = """{folder}/{{train,valid,test}}/<split>_meta.json   (each object's own range of frames)
{folder}/{{train,valid,test}}/JPEGImages/<video>/00000001.jpg 00000006.jpg ...
{folder}/{{train,valid,test}}/Annotations/<video>/00000001.png ...   (test: first masks only)
{folder}/unseen_videos.txt   (optional: the list of lvos-evaluation is built in)"""
FRAME_RATE = "6 fps, the frames' names step by 5; annotated in every frame"
PROMPTS = "each object in the frame where its range starts, which may be a late one"
SCORED = "each object's own range of meta.json less its first and last frame"
SUBMISSION = Submission(
    name="lvos",
    splits=("test", "valid"),
    top="Annotations",
    note="Servers took test; for valid, whose truth is public, `vosbench evaluate` scores.",
    source="github.com/LingyiHongfd/lvos-evaluation (25cb02d)",
)


def open_lvos(card: DatasetCard, root: Path | None, split: str, resolution: str) -> VideoFolders:
    """Open ROOT/<split> (or ROOT/val for valid) or ROOT by its <split>_meta.json.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part, or the meta file is not as expected.
    """
    split = choose_split(card, split)
    choose_resolution(card, resolution)
    short = root is not None and split == "valid" and (root / "val").is_dir()
    folder = split_folder(card, root, "val" if short else split)
    name = f"{split}_meta.json"
    beside = folder.parent / name
    path = beside if beside.is_file() and not (folder / name).exists() else folder / name
    meta = read_meta(path, "each object's frame_range with start, end and frame_nums")
    unseen = _unseen(folder)
    spans = {video: ranges(path, video, facts) for video, facts in meta.items()}
    return VideoFolders(
        card=card,
        split=split,
        names=tuple(sorted(meta)),
        root=folder,
        listed={
            video: {
                number: Listed("unseen" if video in unseen else "seen", frames, count)
                for number, (frames, count) in objects.items()
            }
            for video, objects in spans.items()
        },
        starts={
            video: {number: frames[0] for number, (frames, _) in objects.items()}
            for video, objects in spans.items()
        },
    )


_LAST = 99_999_999  # frames are named by eight digits
_MOST = 100_000  # frames of an object, four and a half hours: more would fill the memory


def ranges(
    path: Path, video: str, facts: Mapping[str, Any]
) -> dict[int, tuple[tuple[str, ...], int]]:
    """Object id -> the names of the frames in its range, and how many it is said to have."""
    ranges = {}
    for number, each in facts.get("objects", {}).items():
        try:
            of = each["frame_range"]
            start, end, count = (int(of[key]) for key in ("start", "end", "frame_nums"))
        except (KeyError, TypeError, ValueError):
            start = end = count = 0
        many = max(count, (end - start) // STEP)
        if not 0 <= start < end <= _LAST or count < 1 or many > _MOST:
            raise DataError(
                f"{path}: object {number} of {video} has {each}, expected a frame_range with the "
                f'numbers "start", "end" (after it) and "frame_nums", of at most {_MOST} frames'
            )
        ranges[int(number)] = tuple(f"{at:08d}" for at in range(start, end, STEP)), count
    return ranges


def _unseen(folder: Path) -> frozenset[str]:
    """The videos whose categories are not in the training set; a list beside the data goes first.

    The scorer reads unseen_videos.txt from where it is started.
    """
    own = [place / UNSEEN for place in (folder, folder.parent) if (place / UNSEEN).is_file()]
    path = own[0] if own else Path(__file__).with_name(f"lvos_{UNSEEN}")
    if own and not path.read_text(encoding="utf-8-sig").strip():
        return frozenset()  # a list may be empty: all are seen
    return frozenset(read_lines(path, "one name of a video a line"))
