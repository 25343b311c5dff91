"""Motion: exactly invertible maps between a layer's own coordinates and the picture.

A map is an affine one after a bend; a bend shears each axis by a wave along the other, so its
inverse is the same shear with the other sign, and no area changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from .textures import Field

Number = TypeVar("Number", float, Field)


def wave(cycles: Number) -> Number:
    """A smooth wave of period 1 between -1 and 1, from parabolas: libm's sine differs by machine.

    >>> [wave(cycles) for cycles in (0.0, 0.25, 0.5, 0.75)]
    [0.0, 1.0, -0.0, -1.0]
    """
    place = 2.0 * (cycles - cycles // 1.0) - 1.0  # -1 .. 1
    return -4.0 * place * (1.0 - abs(place))


@dataclass(frozen=True)
class Curve:
    """One number over time: start + slope * t + the sum of (amplitude, period, phase) waves."""

    start: float
    slope: float = 0.0
    waves: tuple[tuple[float, float, float], ...] = ()

    def at(self, t: float) -> float:
        """The value at frame t, which may lie between frames."""
        swing = sum(size * wave(t / period + phase) for size, period, phase in self.waves)
        return self.start + self.slope * t + swing


ZERO, ONE = Curve(0.0), Curve(1.0)


class Affine(NamedTuple):
    """(x, y) -> (a x + b y + c, d x + e y + f)."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    def apply(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Map points given as broadcastable arrays."""
        return self.a * x + self.b * y + self.c, self.d * x + self.e * y + self.f

    def after(self, first: Affine) -> Affine:
        """The map that does `first`, then this one."""
        a, b, c, d, e, f = first
        return Affine(
            self.a * a + self.b * d,
            self.a * b + self.b * e,
            self.a * c + self.b * f + self.c,
            self.d * a + self.e * d,
            self.d * b + self.e * e,
            self.d * c + self.e * f + self.f,
        )

    def inverse(self) -> Affine:
        """The map back."""
        det = self.a * self.e - self.b * self.d
        a, b, d, e = self.e / det, -self.b / det, -self.d / det, self.a / det
        return Affine(a, b, -(a * self.c + b * self.f), d, e, -(d * self.c + e * self.f))


class Bend(NamedTuple):
    """Waves (amplitude, length in pixels, phase) that move y along x, then x along y."""

    lift: tuple[float, float, float]
    sway: tuple[float, float, float]

    def apply(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Layer coordinates -> bent ones."""
        y = y + _shear(self.lift, x)
        return x + _shear(self.sway, y), y

    def undo(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Bent coordinates -> layer ones."""
        x = x - _shear(self.sway, y)
        return x, y - _shear(self.lift, x)


def _shear(shape: tuple[float, float, float], along: Field) -> Field:
    amplitude, length, phase = shape
    return amplitude * wave(along / length + phase) if amplitude else np.zeros(1)


class Placement(NamedTuple):
    """Where a layer is at one time: bent, then moved into the picture."""

    affine: Affine
    bend: Bend

    def to_picture(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Layer coordinates -> pixels."""
        return self.affine.apply(*self.bend.apply(x, y))

    def to_layer(self, x: Field, y: Field) -> tuple[Field, Field]:
        """Pixels -> layer coordinates."""
        return self.bend.undo(*self.affine.inverse().apply(x, y))


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How a layer, or the camera, moves: every number a Curve over time.

    x, y: pixels; for the camera, how far the picture's centre is shifted.
    angle: degrees, from x towards y. scale: factor. stretch: factor on x, its inverse on y.
    lift, sway: amplitude (pixels, a Curve), length (pixels) and speed (cycles a frame) of a bend.
    """

    x: Curve = ZERO
    y: Curve = ZERO
    scale: Curve = ONE
    angle: Curve = ZERO
    stretch: Curve = ONE
    lift: tuple[Curve, float, float] = (ZERO, 1.0, 0.0)
    sway: tuple[Curve, float, float] = (ZERO, 1.0, 0.0)

    def affine(self, t: float) -> Affine:
        """The affine part at time t."""
        angle = math.radians(self.angle.at(t))
        # Machines' sines differ in the last of 16 digits; nine digits are alike everywhere.
        cos, sin = round(math.cos(angle), 9), round(math.sin(angle), 9)
        scale, stretch = self.scale.at(t), self.stretch.at(t)
        wide, high = scale * stretch, scale / stretch
        return Affine(cos * wide, -sin * high, self.x.at(t), sin * wide, cos * high, self.y.at(t))

    def bend(self, t: float) -> Bend:
        """The bend at time t."""
        (lift, long, fast), (sway, high, quick) = self.lift, self.sway
        return Bend((lift.at(t), long, fast * t), (sway.at(t), high, quick * t))
