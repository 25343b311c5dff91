"""The options of video-sam: which network, from where, and how it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vosbench.errors import UsageError

LARGEST = 4096  # px


class Hub(str):
    """Weights on huggingface.co: `hub:OWNER/NAME`, or `hub:OWNER/NAME@REVISION`."""

    __slots__ = ()

    def __new__(cls, text: str) -> Hub:
        """Take the text as it is; ValueError where it does not begin with `hub:`."""
        if not text.startswith("hub:"):
            raise ValueError("expected hub:OWNER/NAME")
        return super().__new__(cls, text)

    @property
    def repository(self) -> str:
        """OWNER/NAME."""
        return self.removeprefix("hub:").partition("@")[0]

    @property
    def revision(self) -> str | None:
        """A commit, branch or tag; None for the newest."""
        return self.partition("@")[2] or None


@dataclass(frozen=True)
class Options:
    """The network, its weights, and how it is run."""

    model: Literal["sam2", "sam3-tracker", "edgetam"] = "sam2"  # the one most papers compare with
    weights: Literal["random"] | Hub | Path | None = None  # only the user knows
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"  # the same on every machine
    size: int | None = None  # the network's own: it was trained at that
    memory: int | None = None  # what the network was made for
    overlap: Literal["auto", "largest-logit", "keep"] = "auto"  # as SAM 2's own script

    def __post_init__(self) -> None:
        if isinstance(self.weights, Hub) and not re.fullmatch(
            r"hub:[\w.-]+/[\w.-]+(@[\w./-]+)?", self.weights
        ):
            raise UsageError(
                f"weights={self.weights} must be hub:OWNER/NAME or hub:OWNER/NAME@REVISION, such "
                "as hub:facebook/sam2.1-hiera-tiny"
            )
        if self.size is not None and not 16 <= self.size <= LARGEST:
            raise UsageError(f"size={self.size} must be 16 to {LARGEST} px, or none")
        if self.memory is not None and self.memory < 0:
            raise UsageError(f"memory={self.memory} must be 0 or more frames, or none")
