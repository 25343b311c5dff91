"""Moves each object's mask to where its pixels in the frame before fit best."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

REACH = 8  # pixels that an object may move from one frame to the next


def moved(mask, y, x):
    """A mask, y pixels further down and x further right."""
    return np.roll(np.pad(mask, REACH), (y, x), axis=(0, 1))[REACH:-REACH, REACH:-REACH]


def follow(before, now, mask):
    """The mask at the offset where the frames differ least under it."""
    offsets = [(y, x) for y in range(-REACH, REACH + 1) for x in range(-REACH, REACH + 1)]
    y, x = np.nonzero(mask)
    h, w = mask.shape

    def difference(offset):
        there = now[np.clip(y + offset[0], 0, h - 1), np.clip(x + offset[1], 0, w - 1)]
        return np.abs(there - before[y, x]).mean() if len(y) else 0.0

    return moved(mask, *min(offsets, key=difference))


parser = argparse.ArgumentParser()
for name in ("--frames", "--masks", "--out"):
    parser.add_argument(name, type=Path, required=True)
args = parser.parse_args()
objects, before = {}, None
for path in sorted(args.frames.iterdir()):
    now = np.asarray(Image.open(path).convert("L"), np.float32)
    objects = {number: follow(before, now, mask) for number, mask in objects.items()}
    prompt = args.masks / f"{path.stem}.png"
    if prompt.exists():  # objects that start here
        labels = np.asarray(Image.open(prompt))
        objects |= {number: labels == number for number in np.unique(labels) if number}
    result = np.zeros(now.shape, np.uint8)
    for number, mask in objects.items():
        result[mask] = number
    Image.fromarray(result).save(args.out / f"{path.stem}.png")
    before = now
print(f"followed {len(objects)} objects")
