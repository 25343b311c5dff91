"""The largest of many values, and of columns of them, against torch's topk."""

from __future__ import annotations

import pytest
import torch

from vosbench.toolbox.methods.label_propagation.largest import largest, largest_of_columns


@pytest.mark.parametrize("m", [11, 40, 176, 177, 683])
@pytest.mark.parametrize("values", ["any", "few", "outside"])
def test_the_largest_are_found(m: int, values: str) -> None:
    given = torch.randn(m, 30, generator=torch.Generator().manual_seed(m))
    if values == "few":  # many equals
        given = given.round()
    if values == "outside":
        given[3:, 4:8] = -torch.inf
    expected = given.topk(11, dim=0).values.T
    for places in (largest_of_columns(given, 11), largest(given.T, 11)):
        found = given.T.gather(1, places)
        assert torch.equal(found.sort(dim=1, descending=True).values, expected)
        assert torch.equal(found[:, 0], expected[:, -1])  # the smallest of them first
        assert all(len(set(row)) == 11 for row in places.tolist())
