"""A method that breaks its contract in the way it is told to, for tests of the runner."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vosbench.types import Frame, Mask

SOURCE = "tests"


@dataclass(frozen=True)
class Options:
    """`how` it goes wrong; `marker`: a file that says that it went wrong before.

    hangs: in the second sequence, where the environment holds MISBEHAVING_HANGS.
    """

    how: Literal[
        "not", "too-few", "too-many", "raises", "wrong-size", "wrong-type", "unknown-id",
        "hangs", "die-once", "exits",
    ] = "not"  # fmt: skip
    marker: Path | None = None


class Misbehaving:
    """Holds the first mask, or goes wrong at the third frame."""

    def __init__(self, options: Options, *, device: str, seed: int) -> None:
        self.options = options
        self.begun = 0

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield the first prompt for every frame, but for what `how` says."""
        how = self.options.how
        self.begun += 1
        for index, _ in enumerate(frames):
            mask = prompts[0].copy()
            if (
                how == "hangs"
                and (self.begun, index) == (2, 5)
                and "MISBEHAVING_HANGS" in os.environ
            ):
                time.sleep(600)
            if index == 2:
                if how == "too-few":
                    return
                if how == "exits":
                    raise SystemExit(0)
                if how == "raises":
                    raise RuntimeError("the method fell over")
                if how == "wrong-size":
                    mask = mask[1:]
                if how == "wrong-type":
                    mask = mask.astype(np.int64)
                if how == "unknown-id":
                    mask[0, 0] = 99
                if how == "die-once" and self.options.marker and not self.options.marker.exists():
                    self.options.marker.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            yield mask
        if how == "too-many":
            yield prompts[0]


build = Misbehaving
