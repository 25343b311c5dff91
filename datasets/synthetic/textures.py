"""Make random textures and sample them at sub-pixel positions, bit-identically.

Everything here is integer arithmetic, or float64 of single IEEE operations (+ - * / sqrt), so
that the same seed gives the same bytes on every machine: no BLAS, no OpenCV warps, no libm.
Random bits are `PCG64.random_raw`, the only stream that numpy promises never to change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float64]
Palette = tuple[tuple[int, int, int], ...]

# How strong each octave is, from 2 cells to 1 cell a pixel for a tile of 512 pixels: coarse for
# the look, strong at 8 to 32 pixels where optical flow needs it, little grain at the pixel.
OCTAVES = (10, 10, 12, 14, 14, 10, 6, 3)


@dataclass(frozen=True)
class Texture:
    """A picture of four channels (red, green, blue, depth), packed for fast sampling.

    packed: (n + 1, m + 1) uint64, four lanes of 16 bits; the last row and column repeat the
        first (tiled) or the one before.
    origin: the texture pixel (x, y) that is the point (0, 0) of the layer's own coordinates.
    """

    packed: npt.NDArray[np.uint64]
    origin: tuple[int, int]
    tiled: bool

    def sample(self, x: Field, y: Field) -> npt.NDArray[np.uint8]:
        """The channels (h, w, 4) at layer coordinates x and y (h, w), bilinear in 1/16 pixel."""
        fine_x = np.rint((x + self.origin[0]) * 16).astype(np.int32)
        fine_y = np.rint((y + self.origin[1]) * 16).astype(np.int32)
        h, w = self.packed.shape[0] - 1, self.packed.shape[1] - 1
        if self.tiled:
            fine_x &= 16 * w - 1
            fine_y &= 16 * h - 1
        else:
            np.clip(fine_x, 0, 16 * w - 1, out=fine_x)
            np.clip(fine_y, 0, 16 * h - 1, out=fine_y)
        corner = (fine_y >> 4) * (w + 1) + (fine_x >> 4)
        right = (fine_x & 15).astype(np.uint64)
        below = (fine_y & 15).astype(np.uint64)
        left, above = 16 - right, 16 - below
        flat = self.packed.ravel()
        # A lane holds at most 255 * 16 * 16 + 128 < 2**16: lanes never spill into each other.
        top = flat.take(corner) * left + flat.take(corner + 1) * right
        corner += w + 1
        bottom = flat.take(corner) * left + flat.take(corner + 1) * right
        total = top * above + bottom * below + np.uint64(0x0080_0080_0080_0080)
        lanes = total.astype("<u8", copy=False).view(np.uint8).reshape(*total.shape, 8)
        channels: npt.NDArray[np.uint8] = lanes[..., 1::2]  # (h, w, 4): each lane's high byte
        return channels


def pack(rgb: Field, depth: Field, *, origin: tuple[int, int], tiled: bool) -> Texture:
    """Round colours (h, w, 3) and depth (h, w), both 0..255, into a Texture."""
    channels = np.concatenate([rgb, depth[..., None]], axis=2)
    lanes = np.rint(np.clip(channels, 0, 255)).astype(np.uint64)  # (h, w, 4)
    packed = lanes[..., 0] | lanes[..., 1] << 16 | lanes[..., 2] << 32 | lanes[..., 3] << 48
    return Texture(np.pad(packed, (0, 1), mode="wrap" if tiled else "edge"), origin, tiled)


def fractal(seed: tuple[int, ...], size: int, *, coarsest: int = 0) -> Field:
    """Tileable multi-scale noise (size, size), mean 0 and standard deviation 1.

    Each octave doubles the grid by the subdivision of a quadratic B-spline (weights 3 and 1),
    which leaves no grid to be seen, and adds new noise.

    Args:
        seed: what tells this noise from every other.
        size: a power of two, at least 8.
        coarsest: how many of the coarsest octaves are left out, so that any crop has mean 0.
    """
    bits = np.random.PCG64(seed)
    levels = size.bit_length() - 1
    weights = OCTAVES[8 - (levels - 1) :] if levels < 9 else OCTAVES
    grid = np.zeros((2, 2), np.int64)
    for level, weight in enumerate(weights):
        raw = bits.random_raw(grid.size).astype(np.uint64) >> np.uint64(52)
        if level >= coarsest:
            grid = grid + weight * (raw.astype(np.int64).reshape(grid.shape) - 2048)
        grid = _subdivide(_subdivide(grid, 0), 1)
    mean = int(grid.sum()) // grid.size
    grid -= mean
    variance = int((grid * grid).sum()) / grid.size
    noise: Field = grid / np.sqrt(max(variance, 1.0))
    return noise


def paint(noise: Field, palette: Palette) -> Field:
    """Colours (h, w, 3) of a noise (h, w): -2 is the palette's first colour, 2 its last."""
    stops = np.array(palette, np.float64)  # (k, 3)
    place = np.clip((noise + 2.0) / 4.0, 0.0, 1.0) * (len(palette) - 1)
    lower = np.minimum(place.astype(np.int64), len(palette) - 2)
    share = (place - lower)[..., None]
    colours: Field = stops[lower] * (1.0 - share) + stops[lower + 1] * share
    return colours


def relief(height: Field) -> Field:
    """How much light a height field (h, w) catches from the upper left, about -1 to 1."""
    across = np.roll(height, -1, axis=1) - np.roll(height, 1, axis=1)
    down = np.roll(height, -1, axis=0) - np.roll(height, 1, axis=0)
    slope = across + down
    light: Field = slope / np.sqrt(1.0 + across * across + down * down)
    return light


def backdrop(seed: tuple[int, ...], palette: Palette, *, size: int = 512) -> Texture:
    """A tileable ground (size, size) seen from above, wider than the picture."""
    noise = fractal(seed, size)
    light = 20.0 * relief(1.6 * noise)
    rgb = paint(noise, palette) + light[..., None]
    return pack(rgb, np.zeros_like(noise), origin=(0, 0), tiled=True)


def _subdivide(grid: npt.NDArray[np.int64], axis: int) -> npt.NDArray[np.int64]:
    """Double one axis: each cell gives two, 3/4 itself and 1/4 its neighbour, wrapped."""
    before = (3 * grid + np.roll(grid, 1, axis)) >> 2
    after = (3 * grid + np.roll(grid, -1, axis)) >> 2
    shape = list(grid.shape)
    shape[axis] *= 2
    return np.stack([before, after], axis=axis + 1).reshape(shape)
