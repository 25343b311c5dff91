"""Carry object maps along backward flow, and turn them into a mask.

A map is float32 (h, w) in 0..1: how much of each pixel one object holds. `warp` samples a map of
the earlier frame where the flow of the later frame points; outside the image is background.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vosbench.masks import ids
from vosbench.types import Flow, Mask

Map: TypeAlias = npt.NDArray[np.float32]  # (h, w), 0..1


def warp(image: Map, flow: Flow) -> Map:
    """Sample an image (h, w) bilinearly at pixel + flow; 0 outside and where flow is not finite.

    OpenCV quantises the position to 1/32 px.

    Raises:
        ValueError: image and flow differ in size.
    """
    import cv2

    h, w = image.shape
    if flow.shape != (h, w, 2):
        raise ValueError(f"flow is {flow.shape}, expected {(h, w, 2)} for an image of {(h, w)}")
    at = np.nan_to_num(flow, nan=-1e9, posinf=1e9, neginf=-1e9)
    # Far outside is as good as just outside, and OpenCV's fixed-point positions must not wrap.
    x = np.clip(at[..., 0] + np.arange(w, dtype=np.float32), -2, w + 1)
    y = np.clip(at[..., 1] + np.arange(h, dtype=np.float32)[:, None], -2, h + 1)
    sampled = cv2.remap(
        image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(sampled, np.float32)


def maps_of(mask: Mask) -> dict[int, Map]:
    """One map of 0 and 1 per object in the mask, by id."""
    return {i: (mask == i).astype(np.float32) for i in ids(mask)}


def lay_maps(below: Mapping[int, Map], above: Mapping[int, Map]) -> dict[int, Map]:
    """Maps with others over them: what `above` holds of a pixel is no longer `below`'s."""
    free = 1 - sum(above.values(), start=np.float32(0))
    laid = {i: image * free for i, image in below.items()}
    for i, image in above.items():
        laid[i] = laid[i] + image if i in laid else image
    return laid


def decode(maps: Mapping[int, Map], *, h: int, w: int, threshold: float) -> Mask:
    """The mask (h, w) that the maps mean: the strongest object where it beats the background.

    The background holds 1 - the sum of the maps. An object p beats a background b where
    p * (1 - threshold) > b * threshold: alone it needs more than `threshold`, and at 0.5 this is
    the argmax over objects and background, ties to the background, then to the lower id.
    """
    if not maps:
        return np.zeros((h, w), np.uint8)
    names = sorted(maps)
    best, total = maps[names[0]], sum(maps.values())
    winner = np.full((h, w), names[0], np.uint8)
    for i in names[1:]:
        winner[maps[i] > best] = i
        best = np.maximum(best, maps[i])
    winner[best * (1 - threshold) <= (1 - total) * threshold] = 0
    return winner
