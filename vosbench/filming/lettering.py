"""Words on a film: strips of text over and under its pictures, and a legend of colours."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

GROUND = (24, 24, 24)
WORDS, SOFT = (240, 240, 240), (170, 170, 170)
Colour: TypeAlias = tuple[int, int, int]


class Key(NamedTuple):
    """An entry of a legend: what its colours stand for; two are drawn as stripes."""

    label: str
    colours: tuple[Colour, ...]


@functools.cache
def font(size: int) -> Font:
    """Letters of so many pixels, those that Pillow brings: the same on every machine."""
    return ImageFont.load_default(size)


def width_of(text: str, size: int) -> int:
    """How wide a line is, in pixels."""
    return round(font(size).getlength(text))


def fitted(text: str, size: int, width: int) -> str:
    """The line, its end replaced by dots where it would be wider.

    >>> fitted("flow", 12, 60), fitted("flow", 12, 5)
    ('flow', '')
    >>> fitted("label-propagation", 12, 60).endswith("...")
    True
    """
    if width_of(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        if width_of(short := f"{text[:kept].rstrip()}...", size) <= width:
            return short
    return ""


def strip(width: int, height: int, size: int, left: str, right: str = "") -> Image.Image:
    """A strip with words at its left and right end; the left ones give way."""
    picture = Image.new("RGB", (width, height), GROUND)
    pen, pad = ImageDraw.Draw(picture), size // 2
    right = fitted(right, size, width - 2 * pad)
    taken = width_of(right, size) + 2 * pad if right else 0
    middle = height / 2
    pen.text((width - pad, middle), right, WORDS, font(size), anchor="rm")
    shown = fitted(left, size, width - 2 * pad - taken)
    pen.text((pad, middle), shown, WORDS, font(size), anchor="lm")
    return picture


def legend(keys: Sequence[Key], size: int, height: int) -> Image.Image:
    """A strip as wide as its entries: a swatch and a label each."""
    gap, swatch = size // 2, round(size * 0.9)
    widths = [swatch + gap + width_of(key.label, size) + 2 * gap for key in keys]
    picture = Image.new("RGB", (sum(widths), height), GROUND)
    pen, left = ImageDraw.Draw(picture), 0
    for key, width in zip(keys, widths, strict=True):
        top = (height - swatch) // 2
        for step in range(swatch):  # columns; two colours take turns
            turn = step * 2 * len(key.colours) // swatch % len(key.colours)
            column = (left + step, top, left + step, top + swatch - 1)
            pen.rectangle(column, key.colours[turn])
        pen.text((left + swatch + gap, height / 2), key.label, SOFT, font(size), anchor="lm")
        left += width
    return picture
