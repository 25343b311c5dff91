"""The options of Cutie; defaults are those of its cutie/config/eval_config.yaml for d17-val."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vosbench.errors import UsageError


@dataclass(frozen=True)
class Options:
    """Which network, and what it remembers."""

    weights: Literal["random"] | Path | None = None  # only the user knows; nothing is downloaded
    model: Literal["base", "small"] = "base"  # that of the paper's main results
    size: int | None = 480  # px: DAVIS, YouTube-VOS, MOSE and LVOS there; at 600 BURST
    mem_every: int = 5  # all there but BURST, 10
    max_mem_frames: int = 5
    top_k: int = 30
    long_term: bool = False  # true there for LVOS, BURST and own videos
    long_tokens: int = 10_000
    chunk_size: int = -1  # all at once, the fastest
    amp: bool = False  # the same masks on every machine

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 16:
            raise UsageError(f"size={self.size}: expected 16 px or more, or none for all pixels")
        for name, least in (("mem_every", 1), ("max_mem_frames", 2), ("top_k", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name}={getattr(self, name)}: expected {least} or more")
        if self.long_tokens < 2500:  # of which 2,000 are let go at once, 128 are added
            raise UsageError(f"long_tokens={self.long_tokens}: expected 2500 or more")
        if self.chunk_size < 1 and self.chunk_size != -1:
            raise UsageError(f"chunk_size={self.chunk_size}: expected 1 or more, or -1 for all")
