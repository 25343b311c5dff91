"""The table of scenes: what each sequence shows, and which attribute at which strength."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import shapes
from .motion import Curve, Motion
from .scene import Layer, Scene
from .shapes import Shape
from .textures import Palette

MEADOW: Palette = ((38, 56, 28), (72, 96, 44), (112, 132, 66), (158, 166, 102))
SAND: Palette = ((146, 116, 84), (182, 152, 114), (206, 182, 146), (228, 212, 184))
LAKE: Palette = ((16, 50, 66), (32, 86, 104), (60, 124, 138), (128, 178, 180))
SLATE: Palette = ((58, 62, 72), (92, 97, 106), (126, 129, 133), (166, 166, 162))
HEATH: Palette = ((60, 46, 62), (104, 78, 92), (142, 114, 108), (178, 158, 134))
FROST: Palette = ((126, 146, 166), (162, 180, 194), (190, 204, 214), (224, 232, 236))
GROUNDS = (MEADOW, SAND, LAKE, SLATE, HEATH, FROST)

KOI: Palette = ((176, 48, 22), (222, 84, 34), (242, 128, 58), (250, 190, 130))
CORAL: Palette = ((150, 34, 52), (204, 62, 74), (230, 104, 104), (244, 170, 156))
HONEY: Palette = ((150, 92, 14), (206, 140, 28), (234, 178, 58), (250, 216, 130))
PLUM: Palette = ((58, 18, 60), (98, 34, 92), (136, 62, 120), (180, 116, 160))
INK: Palette = ((14, 18, 34), (28, 36, 60), (46, 58, 86), (84, 98, 124))
IVORY: Palette = ((196, 184, 156), (224, 214, 190), (240, 234, 216), (252, 250, 242))
JADE: Palette = ((10, 92, 78), (24, 136, 112), (62, 174, 144), (134, 210, 180))
COATS = (KOI, CORAL, HONEY, PLUM, INK, IVORY, JADE)
BARK: Palette = ((44, 30, 22), (74, 52, 38), (104, 78, 58), (142, 114, 88))


def _line(start: float, stop: float, length: int = 48) -> Curve:
    """From start in the first frame to stop in the last."""
    return Curve(start, (stop - start) / (length - 1))


def _swing(middle: float, size: float, period: float, phase: float = 0.0) -> Curve:
    """To and fro about the middle."""
    return Curve(middle, 0.0, ((size, period, phase),))


def _pan(speed: float) -> Motion:
    """A camera that follows: what lies still crosses the picture, at `speed` pixels a frame.

    A pixel that an object uncovers points, even by exact backward flow, at where the object was,
    and so keeps its label. With a camera that follows, little is uncovered, and what a method
    loses against `plain` is due to the one attribute. Speeds are whole, since hard labels carried
    frame by frame move by whole pixels only.
    """
    return Motion(x=_line(-23.5 * speed, 23.5 * speed), y=_swing(0, 12, 60))


# Shakes 4 to 8 pixels in periods of 4 to 7 frames, like a hand that runs.
SHAKE = Motion(
    x=Curve(0.0, 0.0, ((7.0, 5.3, 0.0), (5.0, 3.7, 0.3))),
    y=Curve(0.0, 0.0, ((6.0, 4.7, 0.5), (4.0, 6.9, 0.1))),
    angle=Curve(0.0, 0.0, ((1.2, 6.1, 0.2),)),
)


def _object(id: int, shape: Shape, coat: Palette, motion: Motion, **more: Any) -> Layer:
    """An object in one coat; `more` is any other field of a Layer."""
    return Layer(id=id, shape=shape, coats=(coat,), motion=motion, **more)


SCENES: tuple[Scene, ...] = (
    Scene(
        name="plain",
        ground=MEADOW,
        camera=_pan(4),
        layers=(_object(1, shapes.TURTLE, KOI, Motion(x=_line(213, 219), y=Curve(120))),),
    ),
    Scene(
        name="fast-motion",
        attributes=("FM",),
        ground=SAND,
        layers=(
            _object(
                1, shapes.BEAN, PLUM, Motion(x=_swing(216, 138, 26, 0.7), y=_swing(120, 54, 17))
            ),
        ),
    ),
    Scene(
        name="motion-blur",
        attributes=("MB",),
        ground=SLATE,
        shutter=1.0,
        layers=(
            _object(
                1,
                shapes.STARFISH,
                CORAL,
                Motion(x=_swing(216, 130, 38, 0.75), y=_swing(120, 30, 30)),
            ),
        ),
    ),
    Scene(
        name="occlusion",
        attributes=("OCC",),
        ground=MEADOW,
        camera=_pan(3),
        layers=(
            _object(1, shapes.TURTLE, HONEY, Motion(x=_line(213, 219), y=Curve(120))),
            Layer(shape=shapes.TRUNK, coats=(BARK,), motion=Motion(x=_line(0, 432), y=Curve(120))),
        ),
    ),
    Scene(
        name="scale-variation",
        attributes=("SV",),
        ground=LAKE,
        camera=_pan(3),
        layers=(
            _object(
                1,
                shapes.STARFISH,
                HONEY,
                Motion(x=_line(213, 219), y=Curve(120), scale=_swing(1.1, 0.38, 48, 0.25)),
            ),
        ),
    ),
    Scene(
        name="deformation",
        attributes=("DEF",),
        ground=SAND,
        camera=_pan(1),
        layers=tuple(
            _object(
                id,
                shapes.FISH,
                coat,
                Motion(
                    x=_line(x, to_x),
                    y=Curve(y),
                    angle=Curve(angle),
                    stretch=_swing(1.0, 0.2, 24, phase),
                    lift=(Curve(13), 120, speed),
                ),
            )
            for id, coat, x, to_x, y, angle, phase, speed in (
                (1, JADE, 112, 118, 84, 0, 0.0, 0.06),
                (2, CORAL, 320, 314, 158, 180, 0.5, 0.07),
            )
        ),
    ),
    Scene(
        name="camera-shake",
        attributes=("CS",),
        ground=HEATH,
        camera=SHAKE,
        layers=(
            _object(
                1,
                shapes.LEAF,
                JADE,
                Motion(x=_line(110, 150), y=Curve(120), angle=Curve(35)),
                size=1.1,
            ),
            _object(2, shapes.BEAN, IVORY, Motion(x=_line(330, 300), y=_line(110, 130))),
        ),
    ),
    Scene(
        name="appearance-change",
        attributes=("AC",),
        ground=SLATE,
        camera=_pan(4),
        layers=(
            _object(
                1,
                shapes.LEAF,
                HONEY,
                Motion(x=_line(213, 219), y=Curve(120), angle=Curve(-40)),
                size=1.08,
                gain=(_line(1.15, 0.35), _line(0.75, 0.8), _line(0.5, 1.95)),
            ),
        ),
    ),
    Scene(
        name="out-of-view",
        attributes=("OV",),
        length=60,
        ground=FROST,
        layers=(
            _object(1, shapes.BEAN, CORAL, Motion(x=_swing(320, 195, 120), y=_line(110, 130, 60))),
        ),
    ),
    Scene(
        name="low-resolution",
        attributes=("LR",),
        ground=SAND,
        camera=_pan(3),
        layers=(
            _object(
                1,
                shapes.TURTLE,
                JADE,
                Motion(x=_line(96, 102), y=_line(60, 63), angle=Curve(20)),
                size=0.22,
            ),
            _object(
                2,
                shapes.TURTLE,
                PLUM,
                Motion(x=_line(340, 334), y=_line(112, 110), angle=Curve(166)),
                size=0.25,
            ),
            _object(
                3,
                shapes.TURTLE,
                INK,
                Motion(x=_line(190, 195), y=_line(186, 184), angle=Curve(-23)),
                size=0.2,
            ),
        ),
    ),
    Scene(
        name="interacting-objects",
        attributes=("IO",),
        ground=MEADOW,
        layers=(
            _object(1, shapes.BEAN, CORAL, Motion(x=_swing(122, 34, 96), y=_line(96, 144))),
            _object(2, shapes.PEBBLE, IVORY, Motion(x=_swing(310, -34, 96), y=_line(144, 96))),
        ),
    ),
    Scene(
        name="heterogeneous-object",
        attributes=("HO",),
        ground=SAND,
        camera=_pan(4),
        layers=(
            Layer(
                id=1,
                shape=shapes.TURTLE,
                coats=(INK, KOI),
                motion=Motion(x=_line(213, 219), y=Curve(120)),
            ),
        ),
    ),
    Scene(
        name="background-clutter",
        attributes=("BC",),
        ground=SLATE,
        camera=_pan(4),
        layers=(
            *(
                Layer(
                    shape=shape,
                    coats=(SLATE,),
                    size=size,
                    motion=Motion(x=Curve(x), y=Curve(y), angle=Curve(turn)),
                )
                for shape, size, x, y, turn in (
                    (shapes.PEBBLE, 0.7, 40, 46, 30),
                    (shapes.BEAN, 0.9, 150, 200, 75),
                    (shapes.PEBBLE, 0.8, 236, 60, -40),
                    (shapes.BEAN, 0.6, 330, 38, 10),
                    (shapes.PEBBLE, 1.0, 372, 176, 120),
                    (shapes.BEAN, 0.7, 40, 170, -60),
                    (shapes.PEBBLE, 0.6, 262, 196, 10),
                    (shapes.BEAN, 0.6, 128, 82, 20),
                )
            ),
            _object(1, shapes.PEBBLE, SLATE, Motion(x=_line(213, 219), y=Curve(120))),
        ),
    ),
    Scene(
        name="dynamic-background",
        attributes=("DB",),
        ground=LAKE,
        ground_motion=Motion(lift=(Curve(7), 90, 0.09), sway=(Curve(8), 70, 0.11)),
        camera=_pan(4),
        layers=(
            _object(
                1,
                shapes.LEAF,
                KOI,
                Motion(x=_line(213, 219), y=Curve(120), angle=Curve(30)),
                size=1.1,
            ),
        ),
    ),
    Scene(
        name="shape-complexity",
        attributes=("SC",),
        ground=MEADOW,
        camera=_pan(4),
        layers=(_object(1, shapes.DRAGONFLY, IVORY, Motion(x=_line(213, 219), y=Curve(120))),),
    ),
    Scene(
        name="edge-ambiguity",
        attributes=("EA",),
        ground=HEATH,
        camera=_pan(4),
        layers=(
            _object(
                1, shapes.PEBBLE, SAND, Motion(x=_line(213, 219), y=Curve(120)), rim=HEATH, size=1.1
            ),
        ),
    ),
    Scene(
        name="rotation",
        attributes=("ROT",),
        ground=FROST,
        layers=(
            _object(
                1,
                shapes.LEAF,
                KOI,
                Motion(x=_line(100, 130), y=Curve(120), angle=_line(20, 290)),
                size=1.15,
            ),
            _object(
                2,
                shapes.TURTLE,
                PLUM,
                Motion(x=_line(320, 290), y=Curve(120), angle=_line(200, -30)),
                size=0.95,
            ),
        ),
    ),
    Scene(
        name="late-object",
        ground=SAND,
        layers=(
            _object(1, shapes.TURTLE, JADE, Motion(x=_line(130, 190), y=Curve(66))),
            _object(
                2,
                shapes.FISH,
                KOI,
                Motion(x=_line(700, 136), y=Curve(176), angle=Curve(180)),
                prompt=29,
            ),
        ),
    ),
    Scene(
        name="fast-blur",
        attributes=("FM", "MB"),
        ground=HEATH,
        shutter=1.0,
        layers=(
            _object(
                1,
                shapes.PEBBLE,
                HONEY,
                Motion(x=_swing(216, 136, 25, 0.1), y=_swing(120, 52, 18, 0.4)),
            ),
        ),
    ),
    Scene(
        name="crowd",
        attributes=("IO", "OCC"),
        ground=MEADOW,
        layers=(
            _object(1, shapes.STARFISH, CORAL, Motion(x=_line(90, 330), y=Curve(80))),
            _object(
                2,
                shapes.TURTLE,
                HONEY,
                Motion(x=_line(320, 110), y=_line(70, 110), angle=Curve(180)),
            ),
            _object(3, shapes.BEAN, IVORY, Motion(x=_line(80, 240), y=_line(180, 120))),
            _object(
                4, shapes.FISH, PLUM, Motion(x=_line(340, 130), y=_line(180, 170), angle=Curve(180))
            ),
        ),
    ),
    Scene(
        name="shake-scale-clutter",
        attributes=("BC", "CS", "SV"),
        ground=MEADOW,
        camera=SHAKE,
        layers=(
            _object(
                1,
                shapes.PEBBLE,
                MEADOW,
                Motion(x=_line(110, 120), y=Curve(120), scale=_line(0.8, 1.45)),
            ),
            _object(
                2,
                shapes.TURTLE,
                MEADOW,
                Motion(x=_line(320, 310), y=Curve(120), scale=_line(1.3, 0.72)),
            ),
        ),
    ),
)


def recoloured(scene: Scene) -> Scene:
    """The same scene with the next ground and the next coats: a scene of the training split."""
    grounds = dict(zip(GROUNDS, GROUNDS[1:] + GROUNDS[:1], strict=True))
    coats = grounds | dict(zip(COATS, COATS[1:] + COATS[:1], strict=True))
    layers = tuple(
        replace(
            layer,
            coats=tuple(coats.get(coat, coat) for coat in layer.coats),
            rim=layer.rim and grounds[layer.rim],
        )
        for layer in scene.layers
    )
    return replace(scene, name=f"train-{scene.name}", ground=grounds[scene.ground], layers=layers)
