"""Compare tiles of cells with those cells of the context that lie in the window of one of them.

Cells that a window holds or leaves out together, those of one place in all frames of the context,
lie beside each other: they are copied as one, and whether they are outside is told once for all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vosbench.toolbox.methods.label_propagation.settings import Propagation, Window


class Reference(NamedTuple):
    """A frame of the context: features (h, w, c), labels (h, w, l), and if the window holds."""

    features: Tensor
    labels: Tensor
    windowed: bool


class Compared(NamedTuple):
    """Cells of the context in p groups of n, held against the q queries of a tile.

    similar: (p, n, q). It holds until the next tile is made.
    outside: (p, q), to be added: -inf for groups outside a query's own window, else 0.
    places, steps: cell n of group p is number places[p] + steps[n], counted through all frames.
    """

    similar: Tensor
    outside: Tensor
    places: Tensor
    steps: Tensor

    def whole(self, queries: Tensor | slice) -> tuple[Tensor, Tensor]:
        """All similarities (m, q) of some queries, and the cells (m,), in the context's order."""
        similar = self.similar[..., queries] + self.outside[:, None, queries]
        return similar.transpose(0, 1).flatten(0, 1), (self.steps[:, None] + self.places).flatten()


class Tile(NamedTuple):
    """The places (q,) of queries in their frame, and what they were compared with."""

    queries: Tensor
    compared: list[Compared]


class _Keys(NamedTuple):
    """Features (p, n, c) of the context's cells, and their numbers as in Compared."""

    features: Tensor
    places: Tensor
    steps: Tensor


class Tiles:
    """A frame's cells (h, w, c) and those of the context, compared tile by tile.

    context: the frames without a window come first.
    """

    def __init__(
        self, query: Tensor, context: Sequence[Reference], side: int, settings: Propagation
    ) -> None:
        self.query, self.side, self.settings = query, side, settings
        h, w, _ = query.shape
        far = [each.features for each in context if not each.windowed]
        near = [each.features.flatten(0, 1) for each in context if each.windowed]
        number = torch.arange(len(context) * h * w, device=query.device)
        begins = len(far) * h * w
        # where no window holds any groups will do: the columns of all frames
        self.far = far and _Keys(
            torch.cat(far).transpose(0, 1).contiguous(), number[:w], number[:begins:w]
        )
        self.near = near and _Keys(
            torch.stack(near, dim=1), number[: h * w], number[begins :: h * w]
        )
        # for a tile's similarities, and for what they are of: asked for anew they cost time, and
        # what is kept of the tiles would lie between them and hold their memory
        self.room, self.copy = query.new_empty(0), query.new_empty(0)

    def __iter__(self) -> Iterator[Tile]:
        h, w, _ = self.query.shape
        own = torch.arange(h * w, device=self.query.device).view(h, w)
        for top in range(0, h, self.side):
            for left in range(0, w, self.side):
                rows, columns = slice(top, top + self.side), slice(left, left + self.side)
                queries = self.query[rows, columns]
                yield Tile(own[rows, columns].flatten(), self._compare(queries, top, left))

    def _compare(self, queries: Tensor, top: int, left: int) -> list[Compared]:
        """Queries (y, x, c) from a row and column on, with all far cells and those in reach."""
        tile = queries.flatten(0, 1)
        parts: list[tuple[_Keys, Tensor]] = []
        if self.far:
            parts.append((self.far, tile.new_zeros(1, 1).expand(len(self.far.places), len(tile))))
        if self.near:
            places, outside = self._window(queries, top, left)
            features = self._copied(self.near.features, places)
            parts.append((_Keys(features, places, self.near.steps), outside))
        sizes = [keys.features[..., 0].numel() * len(tile) for keys, _ in parts]
        if len(self.room) < sum(sizes):
            self.room = tile.new_empty(sum(sizes))
        rooms = torch.split(self.room[: sum(sizes)], sizes)
        return [
            Compared(
                torch.mm(keys.features.flatten(0, 1), tile.T, out=room.view(-1, len(tile))).view(
                    len(keys.places), len(keys.steps), -1
                ),
                outside,
                keys.places,
                keys.steps,
            )
            for (keys, outside), room in zip(parts, rooms, strict=True)
        ]

    def _copied(self, features: Tensor, places: Tensor) -> Tensor:
        """Rows of features (p, n, c), which hold until the next tile is made."""
        shape = len(places), *features.shape[1:]
        if len(self.copy) < math.prod(shape):
            self.copy = features.new_empty(math.prod(shape))
        room = self.copy[: math.prod(shape)].view(shape)
        return torch.index_select(features, 0, places, out=room)

    def _window(self, queries: Tensor, top: int, left: int) -> tuple[Tensor, Tensor]:
        """The places (p,) within the window of any of a tile's queries, and (p, q) as `outside`."""
        h, w, _ = self.query.shape
        reach = math.floor(self.settings.radius)
        far_top, far_left = max(0, top - reach), max(0, left - reach)
        high, wide = queries.shape[:2]
        rows = (high, top - far_top, min(h, top + high + reach) - far_top)
        columns = (wide, left - far_left, min(w, left + wide + reach) - far_left)
        places, outside = _outside(
            rows, columns, w, self.settings.window, self.settings.radius, queries.device
        )
        return places + (far_top * w + far_left), outside


@lru_cache(maxsize=64)  # the tiles of two sizes of frame
def _outside(
    rows: tuple[int, int, int],
    columns: tuple[int, int, int],
    w: int,
    window: Window,
    radius: float,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """The places (p,) that a tile reaches, counted from the first, and (p, q) as in Compared.

    rows, columns: how many the tile has, which is its first within the box that its windows lie
    in, and how many the box has. Most tiles of a frame are alike in this.
    """
    down, right = (
        (torch.arange(box, device=device)[:, None] - torch.arange(size, device=device) - first)
        .abs()
        .float()
        for size, first, box in (rows, columns)
    )
    down, right = down[:, None, :, None], right[None, :, None]  # (ry, 1, y, 1), (1, rx, 1, x)
    if window == "square":
        beyond = torch.maximum(down, right) > radius
    elif window == "disk":
        beyond = down**2 + right**2 > radius**2
    else:
        beyond = down**2 + right**2 >= radius**2
    beyond = beyond.flatten(2)  # (ry, rx, q)
    y, x = beyond.all(2).logical_not().nonzero(as_tuple=True)
    outside = torch.zeros(len(y), beyond.shape[2], device=device)
    return y * w + x, outside.masked_fill_(beyond[y, x], -math.inf)
