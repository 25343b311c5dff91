"""Each object's logits -> the masks of a frame: one label map, or one mask an object."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.types import Layers, Mask, Masks


def label_map(logits: Mapping[int, Tensor], shape: tuple[int, int]) -> Masks:
    """The object with the largest logit at each pixel, where that is positive; of equals the first.

    Args:
        logits: id -> (h', w').
        shape: (h, w) of the frame.

    Returns:
        A label map; Layers that do not overlap where an id is 0, which no label map holds.
    """
    best = torch.zeros(shape, device=_device(logits))
    winner = torch.full(shape, -1, dtype=torch.int32, device=best.device)
    for place, number in enumerate(logits):
        whole = _at(logits[number], shape)
        winner[whole > best] = place
        best = torch.maximum(best, whole)
    places = winner.cpu().numpy()
    if 0 in logits:
        return Layers(logits, np.stack([places == place for place in range(len(logits))]))
    top = max(logits, default=0)
    names = np.array([*logits, 0], np.uint8 if top < 256 else np.uint16)
    mask: Mask = names[places]  # -1 is the last, background
    return mask


def layers(logits: Mapping[int, Tensor], shape: tuple[int, int]) -> Layers:
    """One mask an object, where its logit is positive; they may overlap."""
    stack = np.zeros((len(logits), *shape), np.bool_)
    for layer, number in zip(stack, logits, strict=True):
        layer[:] = (_at(logits[number], shape) > 0).cpu().numpy()
    return Layers(logits, stack)


def _at(logits: Tensor, shape: tuple[int, int]) -> Tensor:
    """Logits (h', w') at the frame's size, bilinear."""
    return F.interpolate(logits[None, None], shape, mode="bilinear", align_corners=False)[0, 0]


def _device(logits: Mapping[int, Tensor]) -> torch.device:
    return next((each.device for each in logits.values()), torch.device("cpu"))
