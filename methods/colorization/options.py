"""The options of colorization and its settings of training, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vosbench.errors import UsageError
from vosbench.toolbox.methods.weights import Release

SHAPE = (
    "backbone",
    "norm",
    "stride",
    "width",
    "shortcuts",
    "dim",
    "colours",
)  # what weights are bound to
RECIPES: Mapping[str, Mapping[str, object]] = {
    "compact": {
        "balance": 1.0,
        "steps": 1500,
        "batch": 6,
        "frames": 4,
        "gap_min": 1,
        "gap_max": 4,
        "short_side": 192,
        # Whole frames on the grid of the test: what was trained on crops of 16x16 cells gave J .02
        # on 32x32 cells and .10 on 16x16, as the wide dilations had only ever met the border.
        "crop": 0,
        "resize": 128,
        "optimizer": "adam",
        "lr": 2e-3,
        "schedule": "cosine",
        "warmup": 50,
        "clip_norm": 1.0,
    },
    # Adam at 1e-3, then 1e-4: the loop's nearest fall is the cosine. Steps, batch and the gap (6
    # frames of a video a second, 4 to 5 of ours) are as remembered, not checked against the paper.
    "paper": {
        "balance": 0.0,
        "asked": 0,
        "steps": 400_000,
        "batch": 32,
        "frames": 4,
        "gap_min": 4,
        "gap_max": 5,
        "short_side": 256,
        "crop": 0,
        "resize": 256,
        "flip": False,
        "reverse": False,
        "skip_static": 0.0,
        "optimizer": "adam",
        "lr": 1e-3,
        "schedule": "cosine",
        "warmup": 0,
    },
}


@dataclass(frozen=True)
class Options:
    """The network, and how labels are copied with it.

    [paper]: the paper's own value, as reimplementations agree on it.
    """

    backbone: Literal["compact", "resnet18", "resnet34", "resnet50"] = "compact"
    norm: Literal["group", "batch"] = "group"  # [paper] batch; small batches disturb it
    size: int = 128  # side in px of the square that frames are squashed to; [paper] 256
    stride: Literal[4, 8, 16] = 4  # px a cell; [paper] 8: both give 32x32 cells
    width: int = 64  # channels of a frame's code and of the 3D blocks; [paper] 256
    # Around 3D blocks but the first; [paper] none. After 300 steps, with and without: likelihood
    # .40 and .61 nats a cell, colours hit .87 and .80, where copying in place hits .85.
    shortcuts: bool = True
    dim: int = 64  # of the embedding [paper]
    colours: int = 16  # clusters of a and b of Lab [paper]
    references: int = 3  # frames that are copied from [paper]
    # Of the softmax in test; [paper] 0.5. In a trial of 500 steps, J of the first 24 frames of ten
    # sequences: .263 at 0.5, .347 at 0.2, .361 at 0.1, copying in place .354.
    temperature: float = 0.2
    propagate: Literal["soft", "hard"] = "soft"  # what is copied on: soft masks [paper], or argmax
    weights: Literal["default", "none"] | Release | Path = "default"  # a release: 2026-11

    def __post_init__(self) -> None:
        if self.size < 32 or self.size % 16:
            raise UsageError(f"size={self.size} must be a multiple of 16 and at least 32 px")
        if self.size // self.stride > 128:  # all cells are compared with all: 3 GB at 128 by 128
            raise UsageError(
                f"size={self.size} at stride={self.stride} makes more than 128x128 cells; set a "
                f"size of at most {128 * self.stride} px or a larger stride"
            )
        for name in ("width", "dim", "references"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name}={getattr(self, name)} must be above 0")
        if self.temperature < 1e-6:  # else quotients grow beyond what float32 holds
            raise UsageError(f"temperature={self.temperature} must be at least 1e-6")
        if self.colours < 2:
            raise UsageError(f"colours={self.colours}: there must be 2 or more to tell apart")


@dataclass(frozen=True)
class Training:
    """How the likelihood is taken."""

    train_temperature: float = 1.0  # of the softmax [paper]
    # How much more rare colours count: 0 all cells alike [paper]; 1 by the inverse of the class's
    # share, half evened out (Zhang et al., ECCV 2016, section 2.2).
    balance: float = 1.0
    # The target's cells that a step asks for: a quarter of them takes a quarter of the attention's
    # time, and neighbours say much the same. 0: all [paper].
    asked: int = 256

    def __post_init__(self) -> None:
        if self.train_temperature <= 0 or min(self.balance, self.asked) < 0:
            raise UsageError(
                f"train_temperature={self.train_temperature} must be above 0, "
                f"balance={self.balance} and asked={self.asked} 0 or more"
            )


def shape_of(options: Options) -> dict[str, object]:
    """The options that shape the network."""
    return {name: getattr(options, name) for name in SHAPE}
