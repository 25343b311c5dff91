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

# where a result differs from the truth: colour-blind readers tell these apart, too
MISSED, FALSE, WRONG = (0, 114, 178), (230, 159, 0), (204, 60, 150)
RIGHT, SOLID = 110, 190  # of 255, how far white covers what is right, and a colour what is wrong
STRIPES = (235, 130)  # of 255, how far missed pixels are covered, in turns
DIMMED = 0.75  # of a frame's grey that is left under errors, so that their colours stand out


def overlay(frame: Frame, mask: Mask, *, safe: bool = False) -> Frame:
    """The frame with each object tinted and outlined in white.

    Shapes: frame (h, w, 3), mask (h, w) -> (h, w, 3).

    Args:
        frame: is left as it is.
        mask: ids of the frame's objects.
        safe: take colours for colour-blind readers, not those of DAVIS.
    """
    edge = _edge(mask, _unit(frame))
    inside = (mask > 0) & ~edge
    picture = frame.astype(np.float32)
    picture[inside] += FILL / 255 * (colours(safe=safe)[mask[inside]] - picture[inside])
    picture[edge] += OUTLINE / 255 * (255 - picture[edge])
    return picture.round().astype(np.uint8)


def errors(frame: Frame, mask: Mask, truth: Mask) -> Frame:
    """The frame in grey with what a result missed (striped), saw in vain, or took for another.

    What is right is whiter. Shapes: frame (h, w, 3), mask and truth (h, w) -> (h, w, 3).
    """
    grey = DIMMED * (frame @ np.array([0.299, 0.587, 0.114], np.float32))
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    right, missed = (mask == truth) & (mask > 0), (mask == 0) & (truth > 0)
    stripe = _slanted(frame, 3)
    _cover(picture, right, (255, 255, 255), RIGHT)
    _cover(picture, missed & stripe, MISSED, STRIPES[0])
    _cover(picture, missed & ~stripe, MISSED, STRIPES[1])
    _cover(picture, (mask > 0) & (truth == 0), FALSE, SOLID)
    _cover(picture, (mask > 0) & (truth > 0) & ~right, WRONG, SOLID)
    return picture.round().astype(np.uint8)


def outlined(frame: Frame, truth: Mask) -> Frame:
    """The frame with the outlines of the truth as black and white dashes, seen on any ground."""
    edge, light = _edge(truth, _unit(frame)), _slanted(frame, 4)
    picture = frame.copy()
    picture[edge & light] = 255
    picture[edge & ~light] = 0
    return picture


def _cover(
    picture: npt.NDArray[np.float32],
    where: npt.NDArray[np.bool_],
    colour: tuple[int, int, int],
    cover: int,
) -> None:
    """Lay a colour over some pixels, so far of 255."""
    picture[where] += cover / 255 * (np.array(colour, np.float32) - picture[where])


def _unit(frame: Frame) -> int:
    """The width of an outline, in pixels."""
    return max(1, round(int(frame.shape[1]) / WIDTH))


def _slanted(frame: Frame, width: int) -> npt.NDArray[np.bool_]:
    """Every other slanted stripe of so many outlines' widths, bool (h, w)."""
    h, w = frame.shape[:2]
    places = np.arange(w) + np.arange(h)[:, None]  # (h, w), from the upper left corner
    stripe: npt.NDArray[np.bool_] = places // _unit(frame) % (2 * width) < width
    return stripe


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
