"""Pictures of one moment -> one picture: panes side by side, each under its name, words below.

All moments of a film get one layout, so that nothing moves but the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from PIL import Image

from vosbench.errors import UsageError
from vosbench.filming.lettering import GROUND, Key, legend, strip, width_of
from vosbench.masks import resize_mask

if TYPE_CHECKING:
    from vosbench.types import Frame, Mask

GAP = 4  # pixels between panes
ABREAST = 3  # panes in one row; more make a square, as 2 x 2
SMALLEST = 320  # pixels: smaller panes are enlarged by a whole number, so that words have room
LARGEST = 8192  # pixels of a side that decoders of H.264 take


class Within(NamedTuple):
    """The pixels that panes may take together, across and down, if nothing else is asked for."""

    width: int
    height: int


class Pane(NamedTuple):
    """A picture (h, w, 3), the name over it, and a word in the other corner."""

    picture: Frame
    name: str
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels.

    h, w: of each pane. across: panes in a row. rows: of panes. letters: the size of type.
    keys: the legend.
    """

    h: int
    w: int
    across: int
    rows: int
    letters: int
    keys: tuple[Key, ...] = ()

    @property
    def line(self) -> int:
        """The height of a strip of words."""
        return round(self.letters * 1.6)

    @property
    def width(self) -> int:
        """Of the whole picture, even as H.264 wants it."""
        return _even(self.across * self.w + GAP * (self.across - 1))

    @property
    def height(self) -> int:
        """The same down."""
        return _even(self.rows * (self.line + self.h) + self.line * self._feet)

    @property
    def _feet(self) -> int:
        """Strips below the panes: the legend has its own where both do not fit one."""
        needed = sum(width_of(key.label, self.letters) + 3 * self.letters for key in self.keys)
        return 2 if self.keys and needed > 0.6 * self.width else 1

    def drawn(self, panes: Sequence[Pane], foot: str) -> Frame:
        """The picture of one moment, (height, width, 3); foot: the words below."""
        whole = Image.new("RGB", (self.width, self.height), GROUND)
        for number, pane in enumerate(panes):
            row, column = divmod(number, self.across)
            left, top = column * (self.w + GAP), row * (self.line + self.h)
            whole.paste(strip(self.w, self.line, self.letters, pane.name, pane.note), (left, top))
            whole.paste(Image.fromarray(pane.picture), (left, top + self.line))
        below = self.rows * (self.line + self.h)
        whole.paste(strip(self.width, self.line, self.letters, foot), (0, below))
        if self.keys:
            key = legend(self.keys, self.letters, self.line)
            place = (self.letters // 2, below + self.line)
            if self._feet == 1:
                place = (self.width - key.width, below)
            whole.paste(key, place)
        return np.asarray(whole)


def laid_out(
    h: int,
    w: int,
    count: int,
    within: Within,
    *,
    scale: float | None = None,
    keys: tuple[Key, ...] = (),
) -> Layout:
    """The layout of so many panes for frames of (h, w).

    scale: of the frames; None makes them as large as `within` allows, not larger than they are;
        small ones are enlarged by a whole number.

    Raises:
        UsageError: the scale is no number above 0, or makes the picture smaller than 16 or larger
            than 8192 pixels.
    """
    abreast = ABREAST if w >= h else 2 * ABREAST - 1
    across = count if count <= abreast else math.ceil(math.sqrt(count))
    rows = math.ceil(count / across)
    if scale is None:
        left = within.width - GAP * (across - 1)
        scale = fitting(h, w, Within(left // across, within.height // rows))
    elif not 0 < scale < math.inf:
        raise UsageError(f"--scale {scale:g}: expected a number above 0, such as 0.5")
    size = max(1, round(h * scale)), max(1, round(w * scale))
    letters = min(24, max(11, round(size[1] / 38)))
    layout = Layout(*size, across, rows, letters, keys)
    if min(size) < 16 or max(layout.width, layout.height) > LARGEST:
        raise UsageError(
            f"scale {scale:g} makes frames of {w}x{h} pixels {size[1]}x{size[0]} and the film "
            f"{layout.width}x{layout.height}; expected frames from 16 and a film up to "
            f"{LARGEST} pixels a side"
        )
    return layout


def fitting(h: int, w: int, within: Within) -> float:
    """The scale at which a frame fits: 1 or less, or a whole number for a small frame."""
    fits = min(within.width / w, within.height / h)
    if fits < 1:
        return fits
    return float(max(1, min(math.ceil(SMALLEST / w), math.floor(fits))))


def scaled(frame: Frame, h: int, w: int) -> Frame:
    """A frame at another size: means of pixels if smaller, the pixels themselves if larger."""
    if frame.shape[:2] == (h, w):
        return frame
    smaller = h < frame.shape[0]
    how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return cv2.resize(frame, (w, h), interpolation=how).astype(np.uint8, copy=False)


def scaled_mask(mask: Mask, h: int, w: int) -> Mask:
    """A label map at another size; no new id appears."""
    return mask if mask.shape == (h, w) else resize_mask(mask, h=h, w=w)


def _even(pixels: int) -> int:
    return pixels + pixels % 2
