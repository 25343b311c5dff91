"""The options of colour reconstruction and its settings of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vosbench.errors import UsageError
from vosbench.toolbox.methods.weights import Release

SHAPE = ("backbone", "dim")  # what weights are bound to
RECIPES: Mapping[str, Mapping[str, object]] = {
    "compact": {
        "steps": 2500,
        "batch": 8,
        "frames": 3,
        "gap_min": 1,
        "gap_max": 4,
        "short_side": 192,
        "crop": 112,
        "optimizer": "adam",
        "lr": 1e-3,
        "schedule": "cosine",
        "clip_norm": 1.0,
        "warmup": 100,
    },
}


@dataclass(frozen=True)
class Options:
    """The encoder, and how labels are copied with it."""

    backbone: Literal[
        "compact", "resnet18", "resnet34", "resnet50", "resnet18-quarter", "resnet34-quarter"
    ] = "compact"
    dim: int = 64
    size: int = 256  # short side in px at which frames are embedded; 0: the frames' own
    memory: int = 7  # frames before the current one that labels are copied from
    first: bool = True  # whether the prompt's frame stays in the memory
    topk: int = 10  # of all cells of the memory together
    radius: float = 12.0  # cells of 4 px
    temperature: float = 0.05
    weights: Literal["default", "none"] | Release | Path = "default"  # a release: 2026-11

    def __post_init__(self) -> None:
        if self.size and not 32 <= self.size <= 4096:
            raise UsageError(f"size={self.size} must be 0 (the frames' own) or 32 to 4096 px")
        for name in ("dim", "memory", "topk", "radius"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name}={getattr(self, name)} must be above 0")
        if self.temperature < 1e-6:  # else quotients grow beyond what float32 holds
            raise UsageError(f"temperature={self.temperature} must be at least 1e-6")


@dataclass(frozen=True)
class Training:
    """What is dropped and how colours are copied in training."""

    drop: float = 0.75  # share of samples that lose one or two Lab channels, the same in all frames
    train_radius: float = 8.0  # cells of 4 px
    train_temperature: float = 0.07
    beta: float = 0.1  # of the smooth-L1 loss, in scaled Lab

    def __post_init__(self) -> None:
        if not 0 <= self.drop <= 1:
            raise UsageError(f"drop={self.drop} must lie between 0 and 1")
        for name in ("train_radius", "train_temperature", "beta"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name}={getattr(self, name)} must be above 0")
