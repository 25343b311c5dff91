"""The options of optical flow, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vosbench.errors import UsageError


@dataclass(frozen=True)
class Options:
    """How flow is found and how labels follow it."""

    # Figures: J on ten sequences of DAVIS-2016, DIS, where chained and hard give .360.
    flow: Literal["dis", "farneback", "raft", "file"] = "dis"  # five times faster than Farnebäck
    mode: Literal["chained", "direct"] = "chained"  # as RPM-Net carries masks; direct .415
    label: Literal["soft", "hard"] = "hard"  # RPM-Net's Eq. 10 read literally; soft .365
    threshold: float = 0.5  # an object alone needs more than half of a pixel
    size: int = 0  # short side in px at which flow is estimated; 0: the frames' own
    weights: Path | None = None  # flow=raft: .safetensors or .pth of torchvision's RAFT
    folder: Path | None = None  # flow=file: where the .flo files lie

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold={self.threshold} must lie between 0 and 1, both excluded")
        if self.size != 0 and self.size < 16:
            raise UsageError(f"size={self.size} must be 0 (the frames' own) or at least 16 px")
        if self.weights is not None and self.flow != "raft":
            raise UsageError(f"weights are for flow=raft, but flow={self.flow}")
        if self.folder is not None and self.flow != "file":
            raise UsageError(f"folder is for flow=file, but flow={self.flow}")
        if self.flow == "file":
            self._check_file()

    def _check_file(self) -> None:
        if self.mode == "direct":
            raise UsageError("flow=file holds flow to the frame before: it needs mode=chained")
        if self.size:
            raise UsageError("flow=file is used at its own size: size must stay 0")
