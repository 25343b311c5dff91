"""One frame of a sequence as a picture: which frame, and its masks laid over it.

What is drawn here is what the viewer of the page `html` draws (its assets/masks.js): a figure, a
thumb and the viewer show an object in one colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vosbench.masks import ids, label_map, palette
from vosbench.types import Frame, Layers, Mask, Masks
from vosbench.types import Sequence as Shown

SAFE = (  # Okabe and Ito's, which colour-blind readers tell apart; the eighth object has the first
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (0, 158, 115),  # green
    (240, 228, 66),  # yellow
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermilion
    (204, 121, 167),  # purple
)
FILL, OUTLINE = 120, 235  # how far an object's colour and the white outline cover, of 255
WIDTH = 480  # pixels of a frame whose outlines are one pixel wide; wider frames have wider ones


def overlay(frame: Frame, mask: Mask, *, safe: bool = False) -> Frame:
    """The frame with each object tinted and outlined in white.

    Shapes: frame (h, w, 3), mask (h, w) -> (h, w, 3).

    Args:
        frame: is left as it is.
        mask: ids of the frame's objects.
        safe: take colours for colour-blind readers, not those of DAVIS.
    """
    edge = _edge(mask, max(1, round(frame.shape[1] / WIDTH)))
    inside = (mask > 0) & ~edge
    picture = frame.astype(np.float32)
    picture[inside] += FILL / 255 * (colours(safe=safe)[mask[inside]] - picture[inside])
    picture[edge] += OUTLINE / 255 * (255 - picture[edge])
    return picture.round().astype(np.uint8)


def colours(*, safe: bool) -> npt.NDArray[np.float32]:
    """The colour of each id (256, 3): of DAVIS, or safe for colour-blind readers."""
    if safe:
        return np.array([SAFE[(number - 1) % len(SAFE)] for number in range(256)], np.float32)
    return np.array(palette(), np.float32).reshape(256, 3)


def _edge(mask: Mask, width: int) -> npt.NDArray[np.bool_]:
    """Pixels with another id so many pixels, or fewer, to the left or above."""
    edge = np.zeros(mask.shape, bool)
    for step in range(1, width + 1):
        edge[step:] |= mask[step:] != mask[:-step]
        edge[:, step:] |= mask[:, step:] != mask[:, :-step]
    return edge


def drawn(masks: Masks, sequence: Shown) -> Mask:
    """A frame's masks, truth or a result, as one label map to draw.

    An object of the sequence has the same value in all its frames; where objects overlap, and
    where the ids are no values of a label map, `label_map` says what is drawn.
    """
    prompts = sequence.prompts.values()
    plain = all(isinstance(prompt, np.ndarray) and prompt.dtype == np.uint8 for prompt in prompts)
    if plain and isinstance(masks, np.ndarray) and masks.dtype == np.uint8:
        return masks.astype(np.uint8, copy=False)
    known = {number for prompt in prompts for number in ids(prompt)}
    if isinstance(masks, Layers):
        kept = [number for number in masks.ids if number in known]
        masks = Layers(kept, masks.stack[[masks.ids.index(number) for number in kept]])
    return label_map(masks, known)


def late(frames: Sequence[int]) -> int:
    """The frame three quarters into these: late enough for methods to differ.

    >>> late([5, 10, 15, 20, 25])
    20
    """
    return frames[3 * (len(frames) - 1) // 4]
