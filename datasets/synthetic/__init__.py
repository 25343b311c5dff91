"""Built-in sequences with exact masks and flow; each shows one attribute, e.g. occlusion.

240x432, 48 to 60 frames, rendered when asked for; the same bytes on every machine. What each
sequence holds, against what every sequence without that attribute keeps to (all measured in
tests/test_synthetic.py from what is rendered):

    FM   mean motion of the centroid > 20 px/frame               else < 15
    MB   shutter open all the frame: steps inside < 0.5 of sharp  else shut: no blur
    OCC  seen share of the silhouette falls below 0.25            else > 0.9
    SV   smallest / largest area < 0.35                           else > 0.95
    DEF  flow left by the best similarity > 3 px/frame (rms)      else < 0.0001
    CS   ground's motion strays > 8 px/frame from its mean        else < 2 (a slow pan)
    AC   mean colour changes by > 100 grey levels                 else < 10
    OV   unseen for >= 10 frames, then back                       else never at the border
    LR   box / image area < 0.01                                  else >= 0.1
    IO   two objects within 2 px for >= 20 frames                 else > 10 px apart
    HO   spread of an object's colours > 60 grey levels           else < 50
    BC   histogram shared with the surroundings > 0.7             else < 0.4
    DB   spread of the ground's motion > 4 px/frame               else < 2
    SC   perimeter^2 / (4 pi area) > 30, four holes or more       else < 4, no hole
    EA   colour across the outline differs < 12 grey levels       else > 15
    ROT  turns by > 200 degrees                                   else < 5

`plain` has none; `fast-blur`, `crowd` and `shake-scale-clutter` combine; in `late-object`, a
second object is prompted at the first frame that shows it whole, and is no object before.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from vosbench.errors import UsageError, did_you_mean
from vosbench.protocols import DAVIS2017, PROMPTED, UNITED
from vosbench.types import DatasetCard, Frame, Mask, Sequence

from .scene import ExactFlow, Scene, Stage
from .scenes import SCENES, recoloured

SOURCE = "vosbench; attributes of Perazzi et al., CVPR 2016"

_SPLITS = {
    "val": {scene.name: scene for scene in SCENES},
    "train": {f"train-{scene.name}": recoloured(scene) for scene in SCENES},
}

CARD = DatasetCard(
    name="synthetic",
    title="vosbench synthetic",
    url="",
    licence="MIT, as vosbench itself",
    citation="",
    folder="",
    splits={split: tuple(scenes) for split, scenes in _SPLITS.items()},
    protocols=(PROMPTED, DAVIS2017, UNITED),
    frames={name: scene.length for scenes in _SPLITS.values() for name, scene in scenes.items()},
    attributes={
        name: scene.attributes for scenes in _SPLITS.values() for name, scene in scenes.items()
    },
)


class Frames(abc.Sequence[Frame]):
    """The frames of one sequence, each rendered when it is asked for."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __len__(self) -> int:
        return self.stage.scene.length

    @overload
    def __getitem__(self, index: int) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> list[Frame]: ...
    def __getitem__(self, index: int | slice) -> Frame | list[Frame]:
        """One frame (h, w, 3), or a list of them."""
        chosen = range(len(self))[index]
        if isinstance(chosen, range):
            return [self.stage.frame(t) for t in chosen]
        return self.stage.frame(chosen)


class Truth(abc.Mapping[int, Mask]):
    """Frame index -> exact mask of one sequence, each rendered when it is asked for."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __getitem__(self, index: int) -> Mask:
        if index not in range(len(self)):
            raise KeyError(index)
        return self.stage.truth(index)

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return self.stage.scene.length


@dataclass(frozen=True)
class Synthetic:
    """One split: `val`, or `train`, the same scenes in other colours and other noise."""

    card: DatasetCard
    split: str
    names: tuple[str, ...]

    def sequence(self, name: str) -> Sequence:
        """One sequence; frames and truth are rendered when asked for."""
        stage = self.stage(name)
        length = stage.scene.length
        return Sequence(
            name=name,
            frames=Frames(stage),
            frame_names=tuple(f"{t:05d}" for t in range(length)),
            prompts=stage.prompts(),
            truth=Truth(stage),
            attributes=stage.scene.attributes,
        )

    def flow(self, name: str, t: int) -> ExactFlow:
        """Exact flow (h, w, 2), pixels x then y, of each pixel of frame t back to frame t - 1.

        For many frames keep the `stage(name)` and ask it: each call here makes the textures anew.

        Raises:
            UsageError: the name is unknown, or t has no frame before it.
        """
        stage = self.stage(name)
        if not 1 <= t < stage.scene.length:
            raise UsageError(
                f"synthetic/{name}: backward flow exists for frames 1 to "
                f"{stage.scene.length - 1}, not {t}"
            )
        return stage.flow(t)

    def stage(self, name: str) -> Stage:
        """The renderer of one sequence; UsageError for an unknown name."""
        if name not in self.names:
            raise UsageError(
                f"unknown sequence {name!r} of synthetic {self.split}; "
                f"{did_you_mean(name, self.names)}"
            )
        scene: Scene = _SPLITS[self.split][name]
        return Stage(scene, (2020, tuple(_SPLITS).index(self.split), self.names.index(name)))


def load(root: Path | None = None, *, split: str = "val", resolution: str = "") -> Synthetic:
    """Open a split; nothing is read from disk.

    Raises:
        UsageError: the split is unknown, or a resolution is asked for: there is only one.
    """
    if split not in CARD.splits:
        raise UsageError(
            f"unknown split {split!r} of synthetic; {did_you_mean(split, CARD.splits)}"
        )
    if resolution:
        raise UsageError(f"synthetic has one resolution, 240x432; leave out {resolution!r}")
    return Synthetic(CARD, split, CARD.splits[split])
