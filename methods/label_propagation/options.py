"""The options of label propagation: a backbone, a preset, and what differs from it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from vosbench.errors import UsageError, did_you_mean
from vosbench.toolbox.methods.label_propagation.settings import Propagation, Up, Window
from vosbench.toolbox.methods.labels import Down
from vosbench.toolbox.methods.weights import Release, names, shipped

from .presets import PRESETS, Colours, Rounding, values

LARGEST = 256  # px: a cell, or what sides are made a multiple of
RAW_TEMPERATURE = 0.01  # of preset light: the cosines of lifted patches lie closer together


@dataclass(frozen=True)
class Options:
    """The backbone, the preset, and each option of the preset; None stands for the preset's value.

    An instance holds the values themselves, so that run.json does. The options from `last` on are
    Propagation's of toolbox/methods/label_propagation/; presets.py explains those before.
    """

    preset: str = "light"
    backbone: str = "raw"
    # None, or default: shipped ones (2026-11: those of that release), or none are needed
    weights: Literal["random", "default"] | Release | Path | None = None
    key: str = ""  # which network of a checkpoint that holds several, such as teacher
    size: str | None = None
    multiple: int | None = None
    rounding: Rounding | None = None
    stride: int | None = None
    colours: Colours | None = None
    last: int | None = None
    first: bool | None = None
    start: Literal["repeat", "distinct", "overlap"] | None = None
    references: str | None = None
    topk: int | None = None
    ties: Literal["cut", "keep"] | None = None
    window: Window | None = None
    radius: float | None = None
    window_first: bool | None = None
    similarity: Literal["cosine", "dot"] | None = None
    temperature: float | None = None
    softmax: Literal["chosen", "all"] | None = None
    affinity: Literal["joint", "per-frame"] | None = None
    labels: Literal["soft", "hard"] | None = None
    down: Down | None = None
    up: Up | None = None
    up_to: Literal["frame", "cells"] | None = None
    minmax: bool | None = None

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise UsageError(
                f"unknown preset {self.preset!r}; {did_you_mean(self.preset, PRESETS)}"
            )
        standing = values(self.preset)
        if self.preset == "light" and self.backbone == "raw":
            standing["temperature"] = RAW_TEMPERATURE
        for name, value in standing.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        if self.weights == "default":
            object.__setattr__(self, "weights", None)
        if self.backbone.startswith("torchvision/") and ":" not in self.backbone:
            object.__setattr__(self, "backbone", f"{self.backbone}:layer3")  # as crw, dul and vfs
        self._check_input()
        self._check_weights()
        self.settings()

    def settings(self) -> Propagation:
        """The part that the propagation reads; UsageError for values that do not fit together."""
        return Propagation(**{f.name: getattr(self, f.name) for f in fields(Propagation)})

    def _check_input(self) -> None:
        parts = [] if self.size == "native" else str(self.size).split("x")
        if len(parts) > 2 or not all(p.isdecimal() and 16 <= int(p) <= 4096 for p in parts):
            raise UsageError(
                f"size={self.size} must be native, a short side of 16 to 4096 px (256), or height "
                "x width (480x880)"
            )
        if not 1 <= (self.multiple or 0) <= LARGEST:
            raise UsageError(f"multiple={self.multiple} must be 1 to {LARGEST}")
        if not 0 <= (self.stride or 0) <= LARGEST:
            raise UsageError(
                f"stride={self.stride} must be 0 (the backbone's own) or up to {LARGEST}"
            )

    def _check_weights(self) -> None:
        if self.backbone in ("raw", "random") and self.weights is not None:
            raise UsageError(f"backbone={self.backbone} has no weights, but weights={self.weights}")
        if self.key and (not isinstance(self.weights, Path) or is_trained_here(self.backbone)):
            raise UsageError(
                f"key={self.key} says which network of a checkpoint is meant: it needs --set "
                "weights=PATH, and a backbone torchvision/NAME, timm/NAME or MODULE:FUNCTION"
            )
        if is_of_a_library(self.backbone) and self.weights is None:
            raise UsageError(
                f"backbone={self.backbone} needs weights, and nothing is downloaded: give --set "
                "weights=PATH (.safetensors, or a state dict as .pth), or --set weights=random for "
                "an untrained control"
            )
        if isinstance(self.weights, Release) and not is_trained_here(self.backbone):
            raise UsageError(
                f"weights={self.weights} is a release of the encoders that vosbench trains, and "
                f"backbone={self.backbone} is none of them; give weights=PATH"
            )
        if is_trained_here(self.backbone) and not isinstance(self.weights, Path):
            shipped_encoder(self.backbone, self.weights)
            if self.weights == "random":
                raise UsageError(
                    f"backbone={self.backbone} is an encoder with trained weights; its untrained "
                    "control is backbone=random, without weights"
                )


def is_of_a_library(backbone: str) -> bool:
    """Whether it is a network of torchvision or timm."""
    return backbone.startswith(("torchvision/", "timm/"))


def is_trained_here(backbone: str) -> bool:
    """Whether it is an encoder that this project trains, or no backbone at all."""
    return (
        backbone not in ("raw", "random") and not is_of_a_library(backbone) and ":" not in backbone
    )


def shipped_encoder(backbone: str, asked: str | None = None) -> Path:
    """The shipped weights of that name; UsageError with the backbone that was probably meant.

    asked: the option `weights`: a release, or what is none.
    """
    known = list(names())
    if backbone in known:
        release = f"@{asked}" if isinstance(asked, Release) else ""
        return shipped(f"{backbone}{release}")
    from .networks import in_libraries

    meant = in_libraries(backbone)
    of_it = sorted(name for name in known if name.startswith(f"{backbone}-"))
    if of_it:
        raise UsageError(
            f"backbone={backbone} needs --set weights=PATH; shipped encoders of it are "
            f"{', '.join(of_it)}"
        )
    known += ["raw", "random", "torchvision/NAME:LAYER", "timm/NAME", "MODULE:FUNCTION"]
    if meant:
        raise UsageError(f"unknown backbone {backbone!r}; did you mean {meant!r}?")
    raise UsageError(f"unknown backbone {backbone!r}; {did_you_mean(backbone, known)}")
