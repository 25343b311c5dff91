"""Measure every object on every frame of the truth: size, speed, appearance.

They come from the annotations, never from prompts or predictions, so that they are the same for
every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.analysis.groups import dataset_of
from vosbench.masks import ids, label_map, one_object, pixels
from vosbench.types import Layers

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.types import Frame, Mask, Sequence

ROWS = 480  # speeds are in pixels of a frame of so many rows
LEVELS = 8  # of each colour in a histogram
EVERY = 5  # frames between two looks at the colours: decoding is what takes time


class Fact(NamedTuple):
    """One object on one annotated frame; None is undefined.

    area: share of the image, 0-1. speed: distance of its centroid to that on the annotated frame
    before, a frame, in pixels at 480 rows; None unless both show it. change: 1 less what its
    colour histogram (8x8x8, RGB) shares with that of its first frame, 0-1; None where it is unseen
    or the frame was not looked at.
    """

    area: float
    speed: float | None
    change: float | None


Facts = Mapping[tuple[str, int], Mapping[str, Fact]]


def facts(run: Result, *, root: Path | None = None, colours: bool = True) -> Facts:
    """Sequence and object -> frame name -> fact, for the sequences that a run was scored on.

    root: where the data lie, if not where the run found them. colours: whether `change` is wanted,
    for which every fifth frame is decoded.

    Raises:
        UsageError: it is not known where the data lie. DataError: they are not what they should be.
    """
    summary = run.summary
    dataset = dataset_of(run, root=root)
    united = summary["protocol"]["objects"] == "united"
    found: dict[tuple[str, int], Mapping[str, Fact]] = {}
    for row in summary["sequences"]:
        sequence = dataset.sequence(row["sequence"])
        for number, of_object in _of_sequence(sequence, united, colours).items():
            found[sequence.name, number] = of_object
    return found


class _Seen(NamedTuple):
    """Where an object was last annotated."""

    frame: int
    centre: npt.NDArray[np.float64] | None


def _of_sequence(sequence: Sequence, united: bool, colours: bool) -> dict[int, dict[str, Fact]]:
    found: dict[int, dict[str, Fact]] = {}
    seen: dict[int, _Seen] = {}
    first: dict[int, npt.NDArray[np.float64]] = {}
    for index in sorted(sequence.truth):
        truth = sequence.truth[index]
        if united:
            truth = one_object(label_map(truth))
        numbers = [n for n in ids(truth) if not isinstance(truth, Layers) or pixels(truth, n).any()]
        wanted = index % EVERY == 0 or any(number not in first for number in numbers)
        frame = sequence.frames[index] if colours and wanted and numbers else None
        for number in sorted({*seen, *numbers}):
            where = pixels(truth, number)
            centre = centroid(where) if number in numbers else None
            speed = change = None
            if number in seen and centre is not None:
                then, old = seen[number]
                if old is not None:
                    moved = float(np.hypot(*(centre - old)))
                    speed = moved / (index - then) * ROWS / truth.shape[0]
            if frame is not None and centre is not None:
                histogram = colour_histogram(frame, where)
                start = first.setdefault(number, histogram)
                change = float(1 - np.minimum(histogram, start).sum())
            area = float(where.mean())
            seen[number] = _Seen(index, centre)
            name = sequence.frame_names[index]
            found.setdefault(number, {})[name] = Fact(area, speed, change)
    return found


def centroid(pixels: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The mean place of the true pixels, y then x."""
    across, down = pixels.sum(0), pixels.sum(1)
    total = down.sum()
    y = (down * np.arange(len(down))).sum() / total
    x = (across * np.arange(len(across))).sum() / total
    return np.array((y, x), np.float64)


def colour_histogram(frame: Frame, pixels: npt.NDArray[np.bool_] | Mask) -> npt.NDArray[np.float64]:
    """Shares of the object's pixels in 8x8x8 cells of RGB, (512,), sum 1."""
    levels = frame[pixels.astype(bool)].astype(np.intp) // (256 // LEVELS)  # (n, 3)
    cells = (levels[:, 0] * LEVELS + levels[:, 1]) * LEVELS + levels[:, 2]
    counts = np.bincount(cells, minlength=LEVELS**3)
    shares: npt.NDArray[np.float64] = counts / max(1, counts.sum())
    return shares
