"""Say which of many values are the largest.

On a CPU by numpy's partition: torch's topk, which compares pairs one by one, costs as much there as
all similarities do. What is compared is halved and halved again first: the largest of a column lie
in those bunches of it whose own largest are the largest.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

BUNCH = 8  # of some hundred values a tenth are left, which are about as many again


@lru_cache(maxsize=16)  # a call for each of a frame's tiles costs more than what it makes
def numbers(count: int, device: torch.device) -> Tensor:
    """0, 1, ... (count,)."""
    return torch.arange(count, device=device)


def largest(values: Tensor, count: int) -> Tensor:
    """The places (q, count) of the largest of values (q, m), the smallest of them first."""
    if values.device.type != "cpu":
        return values.topk(count, dim=1).indices.flip(1)
    first = values.shape[1] - count
    return torch.from_numpy(np.argpartition(values.numpy(), first, axis=1)[:, first:])


def largest_of_columns(values: Tensor, count: int) -> Tensor:
    """The places (q, count) of the largest of each column of values (m, q)."""
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
