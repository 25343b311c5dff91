"""Compare tiles of cells with all cells of the context that their windows can reach.

Tiles of the same rows reach the same rows of the context. These are laid out once, column by
column, so that what a tile reaches goes into the product without being copied.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vosbench.toolbox.methods.label_propagation.settings import Propagation


class Reference(NamedTuple):
    """A frame of the context: features (h, w, c), labels (h, w, l), and if the window holds."""

    features: Tensor
    labels: Tensor
    windowed: bool


class Tile(NamedTuple):
    """Queries of a frame, and what they were compared with.

    queries: their places (q,) in the frame.
    similar: (q, m); -inf for what is in reach of the tile but outside a query's own window. It
        holds until the next tile is made.
    cells: the places (m,), counted through all cells of all frames of the context.
    """

    queries: Tensor
    similar: Tensor
    cells: Tensor


class Tiles:
    """A frame's cells (h, w, c) and those of the context, compared tile by tile."""

    def __init__(
        self, query: Tensor, context: Sequence[Reference], side: int, settings: Propagation
    ) -> None:
        self.query, self.side, self.settings = query, side, settings
        h, w, c = query.shape
        places = torch.arange(len(context) * h * w, device=query.device).view(-1, h, w)
        windowed = [each.windowed and settings.window != "none" for each in context]
        self.near = [each.features for each, near in zip(context, windowed, strict=True) if near]
        self.near_places = places[torch.tensor(windowed, device=query.device)]
        self.far = [
            each.features.reshape(-1, c)
            for each, near in zip(context, windowed, strict=True)
            if not near
        ]
        self.far_places = places[
            torch.tensor(windowed, device=query.device).logical_not()
        ].flatten()
        # for tiles that lie alike within what they reach, as most do
        self.outside: dict[tuple[int, ...], Tensor] = {}
        self.room = query.new_empty(0)  # for a tile's similarities; asked for anew it costs time

    def __iter__(self) -> Iterator[Tile]:
        h, w, _ = self.query.shape
        own = torch.arange(h * w, device=self.query.device).view(h, w)
        for top in range(0, h, self.side):
            rows = slice(top, min(top + self.side, h))
            reach = _reach(rows, h, self.settings)
            # column by column, so that what a tile reaches is one piece of memory
            keys = [features[reach].transpose(0, 1).contiguous() for features in self.near]
            places = self.near_places[:, reach].transpose(1, 2)
            for left in range(0, w, self.side):
                columns = slice(left, min(left + self.side, w))
                across = _reach(columns, w, self.settings)
                similar = self._compare(rows, columns, reach, across, keys)
                cells = torch.cat((self.far_places, places[:, across].flatten()))
                yield Tile(own[rows, columns].flatten(), similar, cells)

    def _compare(
        self, rows: slice, columns: slice, reach: slice, across: slice, keys: Sequence[Tensor]
    ) -> Tensor:
        """A tile's similarities (q, m): to all cells of far frames, then to those in reach."""
        tile = self.query[rows, columns].flatten(0, 1)
        near = (reach.stop - reach.start) * (across.stop - across.start)
        sizes = [len(each) for each in self.far] + [near] * len(keys)
        size = len(tile) * sum(sizes)
        if len(self.room) < size:
            self.room = tile.new_empty(size)
        similar = self.room[:size].view(len(tile), -1)
        parts = torch.split(similar, sizes, dim=1)
        for part, each in zip(parts, self.far, strict=False):
            torch.mm(tile, each.T, out=part)
        outside = self._outside(rows, columns, reach, across) if keys else tile
        for part, each in zip(parts[len(self.far) :], keys, strict=True):
            torch.addmm(outside, tile, each[across].flatten(0, 1).T, out=part)
        return similar

    def _outside(self, rows: slice, columns: slice, reach: slice, across: slice) -> Tensor:
        """0 where a cell in reach lies in a query's window, else -inf: (q, m), by columns."""
        sides = ((rows, reach), (columns, across))
        alike = tuple(
            number
            for own, far in sides
            for number in (own.stop - own.start, own.start - far.start, far.stop - far.start)
        )
        if alike not in self.outside:
            down, right = (_distances(own, far, self.query) for own, far in sides)
            down, right = down[:, None, None], right[None, :, :, None]  # (y,1,1,ry), (1,x,rx,1)
            if self.settings.window == "square":
                outside = torch.maximum(down, right) > self.settings.radius
            elif self.settings.window == "disk":
                outside = down**2 + right**2 > self.settings.radius**2
            else:
                outside = down**2 + right**2 >= self.settings.radius**2
            values = self.query.new_zeros(outside.shape).masked_fill_(outside, -math.inf)
            self.outside[alike] = values.flatten(0, 1).flatten(1)
        return self.outside[alike]


def _reach(side: slice, size: int, settings: Propagation) -> slice:
    """The rows or columns that the windows of a tile's can reach."""
    if settings.window == "none":
        return slice(0, size)
    reach = math.floor(settings.radius)
    return slice(max(0, side.start - reach), min(size, side.stop + reach))


def _distances(side: slice, to: slice, like: Tensor) -> Tensor:
    """Distances (a, b) from each of a slice's places to each of another's, in cells."""
    here = torch.arange(side.start, side.stop, device=like.device, dtype=like.dtype)
    there = torch.arange(to.start, to.stop, device=like.device, dtype=like.dtype)
    return (here[:, None] - there[None]).abs()
