"""Say which of many values are the largest.

On a CPU by numpy's partition: torch's topk, which compares pairs one by one, took half as long
there as all similarities. A long column is cut into bunches first: its largest values lie in those
bunches whose own largest are the largest. For float32 and float64, without gradients.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

BUNCH = 8  # of 680 values 85 bunches are compared, then the 88 values of the best 11


@lru_cache(maxsize=64)  # made anew for each tile of a frame they would cost milliseconds
def numbers(count: int, device: torch.device) -> Tensor:
    """The numbers from 0 on (count,); many share them, so nobody may write into them."""
    return torch.arange(count, device=device)


def largest(values: Tensor, count: int) -> Tensor:
    """The places (q, count) of the largest of values (q, m): first the smallest of these.

    The others stand in any order.
    """
    assert count <= values.shape[1], "more than there are"
    if values.device.type != "cpu":
        return values.topk(count, dim=1).indices.flip(1)
    first = values.shape[1] - count
    return torch.from_numpy(np.argpartition(values.numpy(), first, axis=1)[:, first:])


def largest_of_columns(values: Tensor, count: int) -> Tensor:
    """The places (q, count) of the largest of each column of values (m, q), as in `largest`."""
    m, q = values.shape
    whole = m - m % BUNCH
    if values.device.type != "cpu" or whole < 2 * count * BUNCH:
        return largest(values.T, count)
    bunches = largest(values[:whole].view(-1, BUNCH, q).amax(1).T, count)
    places = numbers(m, values.device)
    rows = (bunches[..., None] * BUNCH + places[:BUNCH]).flatten(1)
    rows = torch.cat((rows, places[whole:].expand(q, -1)), 1)
    inside = values[rows, numbers(q, values.device)[:, None]]
    return rows.gather(1, largest(inside, count))
