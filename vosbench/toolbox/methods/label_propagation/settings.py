"""Every option of label propagation, with its default and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vosbench.errors import UsageError
from vosbench.toolbox.methods.labels import Down

LONGEST = 1000  # frames of a context

Window = Literal["none", "square", "disk", "open-disk"]
Up = Literal["bilinear", "bilinear-corners", "nearest"]


@dataclass(frozen=True, kw_only=True)
class Propagation:
    """How labels are propagated; the defaults are our own preset, `light`."""

    last: int = 7  # frames of the context before the present one
    first: bool = True  # whether the prompts' frames stay in the context for good
    # what stands for frames before the first: copies of it, nothing (with `first`, the first is
    # then not among the last either), or nothing but with the first among the last as well
    start: Literal["repeat", "distinct", "overlap"] = "distinct"
    # in place of last and start: frames counted from the first prompt, or, below 0, from the
    # present frame, separated by commas: "0,5,-1,-3,-5"
    references: str = ""
    topk: int = 10  # cells that vote; 0: all
    ties: Literal["cut", "keep"] = "cut"  # at the k-th value: first in the context's order, or all
    window: Window = "disk"  # disk: Euclidean distance <= radius; open-disk: < radius
    radius: float = 12  # cells
    window_first: bool = True  # False: in the prompts' frames all cells are compared
    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = 0.05
    softmax: Literal["chosen", "all"] = "chosen"  # over the cells that vote; all: in the window
    affinity: Literal["joint", "per-frame"] = "joint"  # per-frame: each votes, then the mean
    labels: Literal["soft", "hard"] = "soft"  # what is carried on: votes, or the mask they gave
    down: Down = "bilinear"  # prompt to cells; stride: the first pixel of each cell
    up: Up = "bilinear"  # votes to pixels
    up_to: Literal["frame", "cells"] = "frame"  # cells: to cells x stride, the mask is resized then
    minmax: bool = False  # each object's votes in a frame are stretched to 0..1

    def __post_init__(self) -> None:
        if not 0 <= self.last <= LONGEST:
            raise UsageError(f"last={self.last} must be 0 to {LONGEST}")
        if self.topk < 0:
            raise UsageError(f"topk={self.topk} must be 0 (all) or more")
        if self.radius <= 0:
            raise UsageError(f"radius={self.radius} must be above 0")
        if self.temperature < 1e-6:  # else quotients grow beyond what float32 holds
            raise UsageError(f"temperature={self.temperature} must be at least 1e-6")
        if not (self.first or self.last or self.references):
            raise UsageError("first=false and last=0 leave no frame to propagate from")
        self.frames()

    def frames(self) -> tuple[int, ...]:
        """The references as numbers; UsageError where they are none, or can be without a frame."""
        try:
            named = tuple(int(part) for part in self.references.split(",") if part.strip())
        except ValueError:
            raise UsageError(
                f"references={self.references!r}: expected whole numbers separated by commas, "
                "such as 0,5,-1,-3,-5"
            ) from None
        if named and not self.first and -1 not in named:
            raise UsageError(
                f"references={self.references} must hold -1 (the frame before) where first=false, "
                "else the frame after a prompt has nothing to propagate from"
            )
        return named
