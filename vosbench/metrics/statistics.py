"""Mean, recall and decay of one object's scores over its frames, as DAVIS defines them."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

RECALL_THRESHOLD = 0.5
BINS = 4


class Statistics(NamedTuple):
    """What DAVIS reports for J and for F. Better: a higher mean and recall, a lower decay.

    None is undefined.
    """

    mean: float | None
    recall: float | None
    decay: float | None


def over_frames(values: Sequence[float]) -> Statistics:
    """Mean, recall and decay of one object's scores in frame order; NaN without a frame.

    mean: over the frames. recall: the share of frames strictly above 0.5. decay: the mean of the
    first quarter of the frames minus that of the last; neighbouring quarters share the frame at
    their edge. With fewer than five frames quarters overlap further, and one frame alone has
    decay 0. The official tool counts frames in a uint8, so that its decay is wrong or NaN from 256
    frames on; here it is right.
    Source: db_statistics of davis2017-evaluation.

    >>> over_frames([1.0, 0.75, 0.5, 0.25, 0.0])
    Statistics(mean=0.5, recall=0.4, decay=0.75)
    """
    n = len(values)
    if not n:
        return Statistics(math.nan, math.nan, math.nan)
    edges = _edges(n)
    decay = mean(values[: edges[1] + 1]) - mean(values[edges[-2] : edges[-1] + 1])
    recall = sum(value > RECALL_THRESHOLD for value in values) / n
    return Statistics(mean(values), recall, decay)


@functools.lru_cache(maxsize=4096)
def _edges(n: int) -> list[int]:
    """The frames at the edges of the quarters of n frames."""
    # 1e-10 makes halves round up, where numpy would round them to even
    edges: list[int] = (np.round(np.linspace(1, n, BINS + 1) + 1e-10) - 1).astype(int).tolist()
    return edges


def average(units: Iterable[Statistics]) -> Statistics:
    """The mean of each figure over objects, sequences or groups; None where one is undefined."""
    columns = list(zip(*units, strict=True)) or [(None,)] * len(Statistics._fields)
    return Statistics(*(None if None in column else mean(column) for column in columns))


def mean(values: Sequence[float]) -> float:
    """The exactly rounded mean, the same in every order."""
    return math.fsum(values) / len(values)
