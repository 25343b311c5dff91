"""Measure a frame's masks against its truth: J and F of each object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.metrics.boundary import boundary_f, tolerance
from vosbench.metrics.crop import around
from vosbench.metrics.region import region_similarity

if TYPE_CHECKING:
    from vosbench.scoring.pairs import Pair, Task
    from vosbench.types import Mask


class Score(NamedTuple):
    """One row of scores.csv; its field names are the header."""

    sequence: str
    object: int
    frame: str
    J: float
    F: float


def measure(task: Task, pair: Pair, mask: Mask) -> Iterator[Score]:
    """J and F of each object that is scored in a frame, computed in the box around all masks."""
    name = task.sequence.frame_names[pair.frame]
    radius = tolerance(*pair.truth.shape)
    box = around(mask | pair.truth)
    for number, since in task.since.items():
        if pair.frame > since:
            prediction, truth = _pixels(mask[box], number), _pixels(pair.truth[box], number)
            j = region_similarity(prediction, truth)
            f = boundary_f(prediction, truth, radius=radius)
            yield Score(task.sequence.name, number or 1, name, j, f)


def _pixels(mask: Mask, number: int | None) -> npt.NDArray[np.bool_]:
    """Where the object with this id is; for None, where any object is."""
    pixels: npt.NDArray[np.bool_] = mask > 0 if number is None else mask == number
    return pixels
