"""Draw videos of two objects and predictions for them, in the layouts that the scorers read.

A frame is encoded once and linked into every layout. Objects have wavy outlines and move, the
second is hidden for a while; predictions are shifted and bitten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Map = npt.NDArray[np.uint8]  # (h, w), 0 = background
CALLED = "video{:04d}"


class Tree(NamedTuple):
    """The root of a dataset in its official layout, its truth, and the predictions."""

    root: Path
    truth: Path
    masks: Path


def draw(folder: Path, *, sequences: int, frames: int, shape: tuple[int, int]) -> dict[str, Tree]:
    """Trees by the name of their dataset, all of the same videos; shape: (h, w)."""
    trees = {
        "davis2017": _tree(folder / "davis2017", "Annotations/480p"),
        "mosev2": _tree(folder / "mosev2", "Annotations"),
        "lvos-v2": _tree(folder / "lvos-v2", "Annotations"),
        "vost": _tree(folder / "vost", "Annotations"),
        "sav": _tree(folder / "sav", "Annotations_6fps"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    drawn = folder / "frame.png"
    frame = folder / "frame.jpg"
    Image.fromarray(np.full((*shape, 3), 128, np.uint8)).save(frame)
    names = [CALLED.format(number) for number in range(sequences)]
    for number, name in enumerate(names):
        for index in range(frames):
            for kind, labels in enumerate(_pair(number, index, shape)):
                _save(labels, drawn)
                for dataset, tree in trees.items():
                    if dataset != "sav":
                        step = f"{1 + 5 * index:08d}" if dataset == "lvos-v2" else f"{index:05d}"
                        _link(drawn, tree[1 + kind] / name / f"{step}.png")
                drawn.unlink()
                for number_of, layer in ((0, labels == 1), (1, labels == 2)):
                    path = trees["sav"][1 + kind] / name / f"{number_of:03d}/{4 * index:05d}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(layer).save(path)
            for place in _frames(trees, name, index):
                _link(frame, place)
    _lists(trees, names, frames, shape)
    return trees


def repeated(tree: Tree, folder: Path, *, copies: int) -> Tree:
    """The davis2017 tree with each of its videos as often as copies says, all linked."""
    names = sorted(place.name for place in tree.masks.iterdir())
    wide = _tree(folder / "davis2017", "Annotations/480p")
    pictures = "JPEGImages/480p"
    pairs = ((tree.truth, wide.truth), (tree.masks, wide.masks))
    for source, target in (*pairs, (tree.root / pictures, wide.root / pictures)):
        for name in names:
            for file in sorted((source / name).iterdir()):
                for copy in range(copies):
                    _link(file, target / f"{name}-{copy:03d}" / file.name)
    listed = wide.root / "ImageSets/2017/val.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("".join(f"{name}-{copy:03d}\n" for name in names for copy in range(copies)))
    return wide


def _tree(root: Path, truth: str) -> Tree:
    return Tree(root, root / truth, root.with_name(f"{root.name}-masks"))


def _frames(trees: dict[str, Tree], name: str, index: int) -> Iterator[Path]:
    """Where the picture of an annotated frame lies in each layout."""
    yield trees["davis2017"].root / "JPEGImages/480p" / name / f"{index:05d}.jpg"
    yield trees["mosev2"].root / "JPEGImages" / name / f"{index:05d}.jpg"
    yield trees["vost"].root / "JPEGImages" / name / f"{index:05d}.jpg"
    yield trees["lvos-v2"].root / "JPEGImages" / name / f"{1 + 5 * index:08d}.jpg"
    yield trees["sav"].root / "JPEGImages_24fps" / name / f"{4 * index:05d}.jpg"


def _lists(trees: dict[str, Tree], names: list[str], frames: int, shape: tuple[int, int]) -> None:
    """The lists and meta files beside the masks."""
    listed = "".join(f"{name}\n" for name in names)
    for dataset, file in (("davis2017", "ImageSets/2017/val.txt"), ("vost", "ImageSets/val.txt")):
        path = trees[dataset].root / file
        path.parent.mkdir(parents=True)
        path.write_text(listed)
    (trees["sav"].root / "sav_val.txt").write_text(listed)
    h, w = shape
    video = {"objects": {"1": {}, "2": {}}, "length": frames, "height": h, "width": w}
    meta = {"videos": dict.fromkeys(names, video)}
    (trees["mosev2"].root / "meta.json").write_text(json.dumps(meta))
    span = {"start": "00000001", "end": f"{5 * frames:08d}", "frame_nums": str(frames)}
    objects = {"objects": {number: {"frame_range": span} for number in "12"}}
    lvos = trees["lvos-v2"].root
    (lvos / "valid_meta.json").write_text(json.dumps({"videos": dict.fromkeys(names, objects)}))
    for file in ("unseen_videos.txt", "unsupervised_videos.txt"):
        (lvos / file).write_text(f"{names[0]}\n")


def _pair(number: int, index: int, shape: tuple[int, int]) -> tuple[Map, Map]:
    """Truth and prediction of a frame."""
    truth = _labels(number, index, shape, off=0)
    prediction = _labels(number, index, shape, off=7)
    bite = shape[0] // 8
    prediction[bite : bite + bite // 2, : shape[1] // 2] = 0
    return truth, prediction


def _labels(number: int, index: int, shape: tuple[int, int], *, off: int) -> Map:
    """Two objects; off: pixels that they are shifted by."""
    h, w = shape
    labels = np.zeros(shape, np.uint8)
    for label, size, speed in ((1, h / 5, 2.3), (2, h / 9, -1.7)):
        if label == 2 and index % 50 in range(20, 26):
            continue
        y = h * (0.3 + 0.3 * label / 2 + 0.05 * np.sin(index / 9 + number)) + off
        x = w * 0.5 + w * 0.3 * np.sin(speed * index / 60 + number) + off
        down, right = np.mgrid[:h, :w] - np.array([y, x])[:, None, None]
        waves = 1 + 0.15 * np.sin(5 * np.arctan2(down, right) + index / 7)
        labels[np.hypot(down, right) < size * waves] = label
    return labels


def _save(labels: Map, path: Path) -> None:
    image = Image.fromarray(labels)
    image.putpalette([value for i in range(256) for value in (37 * i % 256, 91 * i % 256, i)])
    image.save(path)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
