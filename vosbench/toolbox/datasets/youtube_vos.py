"""The YouTube-VOS layout, which both editions share, and its seen categories.

ROOT/{train,valid}/ hold JPEGImages/<video>/00000.jpg and Annotations/<video>/00000.png in every
fifth frame, and meta.json, which gives each object's category and the frames that have it. For
valid the annotations are each object's first mask; ROOT/valid_all_frames/JPEGImages, where it is
there, has all frames, on which methods run then. Categories of train/meta.json are seen; without
that file, those of SEEN.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vosbench.errors import DataError
from vosbench.toolbox.datasets.layout import choose_resolution, choose_split
from vosbench.toolbox.datasets.video_folders import (
    IMAGES,
    VideoFolders,
    read_meta,
    split_folder,
)
from vosbench.types import DatasetCard, Listed, Submission

# the 65 categories of the training set, as Refer-YouTube-VOS lists them
# (github.com/wjn922/ReferFormer, datasets/categories.py); their number is youtube-vos.org's
SEEN = frozenset({
    "airplane", "ape", "bear", "bike", "bird", "boat", "bucket", "bus", "camel", "cat", "cow",
    "crocodile", "deer", "dog", "dolphin", "duck", "eagle", "earless_seal", "elephant", "fish",
    "fox", "frisbee", "frog", "giant_panda", "giraffe", "hand", "hat", "hedgehog", "horse",
    "knife", "leopard", "lion", "lizard", "monkey", "motorbike", "mouse", "others", "owl",
    "paddle", "parachute", "parrot", "penguin", "person", "plant", "rabbit", "raccoon", "sedan",
    "shark", "sheep", "sign", "skateboard", "snail", "snake", "snowboard", "squirrel", "surfboard",
    "tennis_racket", "tiger", "toilet", "train", "truck", "turtle", "umbrella", "whale", "zebra",
})  # fmt: skip
ALL_FRAMES = ("valid_all_frames", "all_frames/valid_all_frames")

LAYOUT = """{folder}/{{train,valid}}/meta.json   (each object's category and frames)
{folder}/{{train,valid}}/JPEGImages/<video>/00000.jpg 00005.jpg ...
{folder}/{{train,valid}}/Annotations/<video>/00000.png ...   (valid: each object's first mask)
{folder}/valid_all_frames/JPEGImages/<video>/00000.jpg ...   (optional: for methods)
"""
FRAME_RATE = "30 fps in valid_all_frames, else 6 fps, every fifth frame; annotated at 6 fps"
PROMPTS = "each object in the first frame that meta.json lists for it, which may be a late one"
SCORED = (
    "by our own reading, youtube-vos-local: annotated frames after the object's first. Which "
    "frames the server counts is in no public code"
)
SUBMISSION = Submission(
    name="youtube-vos",
    splits=("valid",),
    top="Annotations",
    frames="listed",
    source="youtube-vos.org; github.com/hkchengrex/Cutie (ec5cdd4) packs so",
)


def open_youtube_vos(
    card: DatasetCard, root: Path | None, split: str, resolution: str
) -> VideoFolders:
    """Open ROOT/<split> or ROOT by its meta.json.

    Raises:
        UsageError: an unknown split, or any resolution.
        DataError: the folder lacks a part, or meta.json is not as expected.
    """
    split = choose_split(card, split)
    choose_resolution(card, resolution)
    folder = split_folder(card, root, split)
    path = folder / "meta.json"
    meta = read_meta(path, "each object's category and frames")
    seen = _seen(folder.parent / "train" / "meta.json")
    listed = {video: _objects(path, video, facts, seen) for video, facts in meta.items()}
    images = folder / IMAGES
    for place in ALL_FRAMES if split == "valid" else ():
        if (folder.parent / place / IMAGES).is_dir():
            images = folder.parent / place / IMAGES
            break
    return VideoFolders(
        card=card,
        split=split,
        names=tuple(sorted(meta)),
        root=folder,
        images=images,
        listed=listed,
        starts={
            video: {number: each.frames[0] for number, each in objects.items() if each.frames}
            for video, objects in listed.items()
        },
        notes=(f"methods run on the frames of {images}",) if images != folder / IMAGES else (),
    )


def _objects(
    path: Path, video: str, facts: Mapping[str, Any], seen: frozenset[str]
) -> dict[int, Listed]:
    """Object id -> whether its category is seen, and its frames."""
    objects = {}
    for number, each in facts.get("objects", {}).items():
        category, frames = each.get("category"), each.get("frames")
        if not isinstance(category, str) or not isinstance(frames, list) or not frames:
            raise DataError(
                f"{path}: object {number} of {video} has {str(each)[:80]}, expected a category and "
                "a list of frames"
            )
        group = "seen" if category in seen else "unseen"
        objects[int(number)] = Listed(group, tuple(map(str, frames)))
    return objects


def _seen(path: Path) -> frozenset[str]:
    """The categories of the training set."""
    if not path.is_file():
        return SEEN
    meta = read_meta(path, "each object's category")
    return frozenset(
        str(each["category"])
        for facts in meta.values()
        for each in facts.get("objects", {}).values()
        if "category" in each
    )
