"""Render a scene, layer by layer from back to front: frames, masks and exact flow.

Each layer carries its own coordinates, so that where a pixel was a frame ago is known exactly.
Nothing is kept between frames but the textures, so any frame may be asked for in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.types import Flow, Frame, Mask

from .motion import ONE, Affine, Curve, Motion, Placement
from .shapes import DEPTH, Shape, bounds, coated
from .textures import Field, Palette, Texture, backdrop

H, W = 240, 432
DOWN, ACROSS = np.arange(H, dtype=np.float64), np.arange(W, dtype=np.float64)
EXPOSURES = 9  # sub-frames averaged where the shutter is open; their middle one is the mask's


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One thing in the scene.

    shape, coats, rim, size: what it looks like, see `shapes.coated`.
    id: the object's id, 0 for scenery, which may hide objects but is none.
    gain: factors on red, green and blue over time.
    prompt: the frame from which the object is annotated; before, it must be out of view, or be
        coming into it.
    """

    shape: Shape
    coats: tuple[Palette, ...]
    motion: Motion
    id: int = 0
    size: float = 1.0
    rim: Palette | None = None
    gain: tuple[Curve, Curve, Curve] = (ONE, ONE, ONE)
    prompt: int = 0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that is to be seen in one sequence.

    ground: colours of the backdrop, which moves by `ground_motion`.
    layers: back to front.
    camera: moves everything about the picture's centre.
    shutter: how long the shutter is open, in frames; 0 for sharp pictures.
    """

    name: str
    ground: Palette
    layers: tuple[Layer, ...]
    attributes: tuple[str, ...] = ()
    ground_motion: Motion = field(default_factory=Motion)
    camera: Motion = field(default_factory=Motion)
    shutter: float = 0.0
    length: int = 48


class ExactFlow(NamedTuple):
    """Where each pixel of frame t was in frame t - 1.

    flow: (h, w, 2) float32, pixels, x then y, to add to a pixel's place.
    valid: (h, w) bool, True where that place is in the picture and showed the same layer.
    """

    flow: Flow
    valid: npt.NDArray[np.bool_]


class Window(NamedTuple):
    """The part of the picture that a layer may touch, and its pixels' coordinates."""

    rows: slice
    columns: slice
    x: Field  # (1, w)
    y: Field  # (h, 1)


class Stage:
    """A scene with its textures made; `seed` tells one split's textures from another's."""

    def __init__(self, scene: Scene, seed: tuple[int, ...]) -> None:
        self.scene = scene
        self.seed = seed
        self._still: Frame | None = None

    def frame(self, t: int) -> Frame:
        """The picture (h, w, 3) at frame t, averaged while the shutter is open."""
        if not self.scene.shutter:
            return self._picture(t)
        total = np.full((H, W, 3), EXPOSURES // 2, np.uint16)
        for k in range(EXPOSURES):
            total += self._picture(t + self.scene.shutter * ((k + 0.5) / EXPOSURES - 0.5))
        return (total // EXPOSURES).astype(np.uint8)

    def truth(self, t: int) -> Mask:
        """The mask (h, w) at frame t, the middle of the exposure: ids whose prompt has come."""
        ids = [0, *(layer.id if t >= layer.prompt else 0 for layer in self.scene.layers)]
        return np.array(ids, np.uint8)[self.visible(t)]

    def prompts(self) -> Mapping[int, Mask]:
        """Prompt frame -> mask of the objects that start there."""
        found = {}
        for t in sorted({layer.prompt for layer in self.scene.layers if layer.id}):
            new = [layer.id for layer in self.scene.layers if layer.id and layer.prompt == t]
            truth = self.truth(t)
            found[t] = np.where(np.isin(truth, new), truth, np.uint8(0))
        return found

    def visible(self, t: float) -> npt.NDArray[np.uint8]:
        """Which layer is seen at each pixel (h, w): 0 for the ground, k + 1 for layer k."""
        seen = np.zeros((H, W), np.uint8)
        for k, (place, texture) in enumerate(self._cast(t)):
            window = self._window(k, place)
            depth = texture.sample(*place.to_layer(window.x, window.y))[..., 3]
            seen[window.rows, window.columns][depth >= 128] = k + 1
        return seen

    def flow(self, t: int) -> ExactFlow:
        """Exact backward flow from frame t to frame t - 1, for t from 1."""
        seen, before = self.visible(t), self.visible(t - 1)
        x, y = ACROSS[None, :], DOWN[:, None]
        from_x, from_y = self._ground(t - 1).to_picture(*self._ground(t).to_layer(x, y))
        flow = np.empty((H, W, 2))
        flow[..., 0], flow[..., 1] = from_x - x, from_y - y
        then = [place for place, _ in self._cast(t - 1)]
        for k, (now, _) in enumerate(self._cast(t)):
            rows, columns, x, y = self._window(k, now)
            from_x, from_y = then[k].to_picture(*now.to_layer(x, y))
            here = seen[rows, columns] == k + 1
            flow[rows, columns][here] = np.stack([from_x - x, from_y - y], axis=-1)[here]
        at_x = np.rint(flow[..., 0] + ACROSS).astype(np.int64)
        at_y = np.rint(flow[..., 1] + DOWN[:, None]).astype(np.int64)
        inside = (at_x >= 0) & (at_x < W) & (at_y >= 0) & (at_y < H)
        same = before[np.clip(at_y, 0, H - 1), np.clip(at_x, 0, W - 1)] == seen
        return ExactFlow(flow.astype(np.float32), inside & same)

    def share(self, object_id: int, t: int) -> float:
        """The share of an object's whole silhouette that is in the picture and not hidden."""
        k = next(k for k, layer in enumerate(self.scene.layers) if layer.id == object_id)
        place, texture = self._cast(t)[k]
        det = place.affine.a * place.affine.e - place.affine.b * place.affine.d
        whole = np.count_nonzero((texture.packed[:-1, :-1] >> 48) >= 128) * det
        return min(np.count_nonzero(self.visible(t) == k + 1) / whole, 1.0)

    @cached_property
    def _textures(self) -> tuple[Texture, ...]:
        return tuple(
            coated(layer.shape, layer.coats, size=layer.size, seed=(*self.seed, k), rim=layer.rim)
            for k, layer in enumerate(self.scene.layers, start=1)
        )

    @cached_property
    def _ground_texture(self) -> Texture:
        return backdrop((*self.seed, 0), self.scene.ground)

    def _picture(self, t: float) -> Frame:
        """The picture at an instant."""
        picture = self._ground_picture(t)
        for k, (place, texture) in enumerate(self._cast(t)):
            window = self._window(k, place)
            colours = texture.sample(*place.to_layer(window.x, window.y))
            gain = [round(curve.at(t) * 256) for curve in self.scene.layers[k].gain]
            top = colours[..., :3]
            if gain != [256, 256, 256]:
                top = np.minimum(top * np.array(gain, np.uint32) >> 8, 255).astype(np.uint8)
            # Depth times scale is the distance to the outline in pixels: the edge is one wide.
            det = place.affine.a * place.affine.e - place.affine.b * place.affine.d
            steepness = round(float(np.sqrt(det)) * 256 / DEPTH)
            inside = (colours[..., 3].astype(np.int32) - 128) * steepness + 128
            cover = np.clip(inside, 0, 256).astype(np.uint16)[..., None]
            under = picture[window.rows, window.columns]
            under[:] = (under * (256 - cover) + top * cover + np.uint16(128)) >> 8
        return picture

    def _ground_picture(self, t: float) -> Frame:
        """The ground alone; made once where neither it nor the camera moves."""
        still = self.scene.ground_motion == self.scene.camera == Motion()
        if still and self._still is not None:
            return self._still.copy()
        x, y = ACROSS[None, :], DOWN[:, None]
        x, y = self._ground(t).to_layer(x, y)
        picture = self._ground_texture.sample(x, y)[..., :3].copy()
        if still:
            self._still = picture.copy()
        return picture

    def _camera(self, t: float) -> Affine:
        to_centre = Affine(1.0, 0.0, -W / 2, 0.0, 1.0, -H / 2)
        return to_centre.inverse().after(self.scene.camera.affine(t)).after(to_centre)

    def _ground(self, t: float) -> Placement:
        motion = self.scene.ground_motion
        return Placement(self._camera(t).after(motion.affine(t)), motion.bend(t))

    def _cast(self, t: float) -> list[tuple[Placement, Texture]]:
        """Every layer's place and texture at time t, back to front."""
        camera = self._camera(t)
        motions = [layer.motion for layer in self.scene.layers]
        places = [Placement(camera.after(m.affine(t)), m.bend(t)) for m in motions]
        return list(zip(places, self._textures, strict=True))

    def _window(self, k: int, place: Placement) -> Window:
        """The rows and columns that layer k can reach, at least none."""
        layer = self.scene.layers[k]
        left, top, right, bottom = bounds(layer.shape, layer.size)
        reach_y, reach_x = abs(place.bend.lift[0]), abs(place.bend.sway[0])
        corners_x = np.array([left - reach_x, right + reach_x] * 2)
        corners_y = np.repeat([top - reach_y, bottom + reach_y], 2)
        x, y = place.affine.apply(corners_x, corners_y)
        columns = slice(*(int(v) for v in np.clip([np.floor(x.min()), np.ceil(x.max()) + 1], 0, W)))
        rows = slice(*(int(v) for v in np.clip([np.floor(y.min()), np.ceil(y.max()) + 1], 0, H)))
        return Window(rows, columns, ACROSS[None, columns], DOWN[rows, None])
