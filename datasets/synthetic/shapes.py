"""Shapes made of strokes, as signed distances, and their coloured textures.

A shape is a list of strokes, each a line with a round, tapering brush; a stroke may cut instead
of add. Units are pixels at size 1, x right, y down, (0, 0) the point that a motion moves.
"""

from __future__ import annotations

import numpy as np

from .textures import Field, Palette, Texture, fractal, pack, paint, relief

DEPTH = 16.0  # steps of the depth channel per pixel; 128 is the outline, so +-8 pixels are kept
MARGIN = 12  # pixels round the shape, more than the depth channel keeps
BLEND = 6.0  # pixels over which strokes melt into each other

# (x0, y0, x1, y1, radius at 0, radius at 1, part); a negative part cuts.
Stroke = tuple[float, float, float, float, float, float, int]
Shape = tuple[Stroke, ...]


def _mirrored(*strokes: Stroke) -> Shape:
    """The strokes, and the same below the x axis."""
    flipped = tuple((a, -b, c, -d, r, s, part) for a, b, c, d, r, s, part in strokes)
    return tuple(s for pair in zip(strokes, flipped, strict=True) for s in pair)


TURTLE: Shape = (
    *_mirrored((26, 24, 44, 46, 11, 7, 1), (-30, 24, -44, 42, 9, 6, 1)),
    (40, 0, 62, 0, 10, 12, 1),
    (-40, 0, -60, 0, 7, 2, 1),
    (-12, 0, 12, 0, 39, 40, 0),
)
FISH: Shape = (
    (-44, 0, -70, -26, 7, 3, 1),
    (-44, 0, -70, 26, 7, 3, 1),
    *_mirrored((10, 22, -8, 44, 10, 3, 1)),
    (-48, 0, 26, 0, 6, 30, 0),
    (26, 0, 46, 0, 30, 20, 0),
)
PEBBLE: Shape = (
    (-24, -6, 22, -8, 44, 40, 0),
    (-10, 14, 26, 12, 36, 36, 0),
)
BEAN: Shape = (
    (-30, 8, 0, -10, 38, 34, 0),
    (0, -10, 34, 6, 34, 40, 0),
)
STARFISH: Shape = (
    (0, 0, 62, 0, 26, 7, 0),
    (0, 0, 19, 59, 26, 7, 0),
    (0, 0, -50, 36, 26, 7, 0),
    (0, 0, -50, -36, 26, 7, 0),
    (0, 0, 19, -59, 26, 7, 0),
)
LEAF: Shape = (
    (-70, 0, -30, 0, 3, 14, 0),
    (-30, 0, 6, 0, 20, 38, 0),
    (6, 0, 58, 0, 38, 8, 0),
)
# Wings are frames of 4 to 5 pixels round holes; legs and feelers are thin strokes.
DRAGONFLY: Shape = (
    *_mirrored(
        (14, 10, 34, 84, 9, 15, 1),
        (-10, 10, -36, 76, 9, 16, 1),
        (18, 22, 34, 84, 5, 10.5, -1),
        (-15, 24, -36, 76, 5, 11.5, -1),
        (24, 42, 39, 56, 2.2, 2.2, 1),
        (-36, 46, -20, 58, 2.2, 2.2, 1),
        (40, 4, 62, 20, 2.6, 2.2, 1),
    ),
    (-96, 0, -14, 0, 3.5, 6, 0),
    (-14, 0, 26, 0, 11, 12, 0),
    (36, 0, 38, 0, 12, 12, 0),
)
TRUNK: Shape = ((0, -150, 6, 150, 44, 48, 0),)


def distance(shape: Shape, x: Field, y: Field) -> tuple[Field, Field]:
    """Signed distance to the outline in pixels (inside positive), and which part is nearest."""
    inside = np.full(x.shape, -1e6)
    nearest = np.full(x.shape, -1e6)
    parts = np.zeros(x.shape)
    for x0, y0, x1, y1, r0, r1, part in shape:
        across, down = x1 - x0, y1 - y0
        along = ((x - x0) * across + (y - y0) * down) / (across * across + down * down)
        along = np.clip(along, 0.0, 1.0)
        off_x, off_y = x - x0 - along * across, y - y0 - along * down
        stroke = (r0 + along * (r1 - r0)) - np.sqrt(off_x * off_x + off_y * off_y)
        if part < 0:
            inside = np.minimum(inside, -stroke)
            continue
        parts = np.where(stroke >= nearest, float(part), parts)
        nearest = np.maximum(nearest, stroke)
        melt = np.maximum(BLEND - np.abs(inside - stroke), 0.0)
        inside = np.maximum(inside, stroke) + melt * melt / (4.0 * BLEND)
    return inside, parts


def bounds(shape: Shape, size: float) -> tuple[int, int, int, int]:
    """Whole pixels (left, top, right, bottom) that hold the shape at that size."""
    ends = [(x, y, r) for a, b, c, d, r0, r1, _ in shape for x, y, r in ((a, b, r0), (c, d, r1))]
    left, right = min(x - r for x, _, r in ends), max(x + r for x, _, r in ends)
    top, bottom = min(y - r for _, y, r in ends), max(y + r for _, y, r in ends)
    low = (int(np.floor(left * size)) - 2, int(np.floor(top * size)) - 2)
    return (*low, int(np.ceil(right * size)) + 2, int(np.ceil(bottom * size)) + 2)


def coated(
    shape: Shape,
    coats: tuple[Palette, ...],
    *,
    size: float,
    seed: tuple[int, ...],
    rim: Palette | None = None,
) -> Texture:
    """The shape as a texture: noise in its coat's colours, lit as a round body.

    Args:
        shape: the strokes.
        coats: one palette per part; the last one serves every further part.
        size: factor on the strokes.
        seed: of the noise.
        rim: colours that take over towards the outline, where the body is not shaded either.
    """
    left, top, right, bottom = bounds(shape, size)
    h, w = bottom - top + 2 * MARGIN, right - left + 2 * MARGIN
    x = np.broadcast_to((np.arange(w) + (left - MARGIN)) / size, (h, w))
    y = np.broadcast_to((np.arange(h)[:, None] + (top - MARGIN)) / size, (h, w))
    inside, parts = distance(shape, x, y)
    inside = inside * size
    noise = fractal(seed, 1 << max(h, w).bit_length(), coarsest=2)[:h, :w]
    rgb = paint(noise, coats[0])
    for part, coat in enumerate(coats[1:], start=1):
        rgb = np.where((parts >= part)[..., None], paint(noise, coat), rgb)
    depth = np.clip(inside / (26.0 * min(size, 1.0)), 0.0, 1.0)
    dome = depth * (2.0 - depth)
    shade = 0.72 + 0.28 * dome
    rgb = rgb * shade[..., None] + 26.0 * relief(10.0 * dome + 1.6 * noise)[..., None]
    if rim is not None:
        share = np.clip((inside - 5.0) / 7.0, 0.0, 1.0)[..., None]
        rgb = rgb * share + paint(noise, rim) * (1.0 - share)
    return pack(rgb, 128.0 + DEPTH * inside, origin=(MARGIN - left, MARGIN - top), tiled=False)
