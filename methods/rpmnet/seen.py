"""A frame as it is matched, and a frame that is looked for in others; what is made once is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from .network import Network


@dataclass(frozen=True, eq=False)
class Seen:
    """A frame's embedding (b, c, h, w), and its colours (b, 3, h, w) on the same cells.

    The colours are empty where one reference is read, as nothing asks for them. What is made of
    both is kept: a frame is looked for once, and read many times.
    """

    embedding: Tensor
    colours: Tensor
    _means: dict[int, Tensor] = field(default_factory=dict, init=False, repr=False)

    def of_squares(self, cells: int) -> Tensor:
        """The embedding's means over squares of cells; see `coarser`."""
        if cells not in self._means:
            self._means[cells] = coarser(self.embedding, cells)
        return self._means[cells]

    @cached_property
    def unit(self) -> Tensor:
        """The embedding, of length 1 at each cell."""
        return F.normalize(self.embedding, dim=1)

    @cached_property
    def whole(self) -> Tensor:
        """Embedding and colours (b, c + 3, h, w)."""
        both = torch.cat((self.embedding, self.colours), 1)
        return both.contiguous(memory_format=torch.channels_last)  # as rows.py reads it


@dataclass(frozen=True)
class Way:
    """How a target is matched with a reference; the paper's is one time.

    coarsest: cells on a side that a matching takes together at most, a power of two: the last
    takes 1, and each before it twice as many as the next. search: how far away something more
    alike is looked for, in cells, before one more matching; 0: there is none.
    """

    times: int = 1
    coarsest: int = 1
    search: float = 0.0


@dataclass(frozen=True, eq=False)
class Sought:
    """A target, and the network and the way that it is looked for with in one reference or many."""

    network: Network
    seen: Seen
    way: Way = Way()
    _matchings: dict[int, Callable[[Tensor], Tensor]] = field(
        default_factory=dict, init=False, repr=False
    )

    def offsets(self, reference: Tensor, cells: int = 1) -> Tensor:
        """Where squares of cells lie in a reference, in squares: what the network says at once.

        What the target adds to the network's first layer is made once, where it is asked again.
        """
        target = self.seen.of_squares(cells)
        if self.way == Way():
            found: Tensor = self.network(reference, target)
            return found
        if cells not in self._matchings:
            self._matchings[cells] = self.network.towards(target)
        return self._matchings[cells](reference)


def coarser(maps: Tensor, cells: int) -> Tensor:
    """The means (b, c, ceil(h/cells), ceil(w/cells)) of squares of cells of maps (b, c, h, w).

    What is missing of the last squares is what the edge holds.
    """
    if cells == 1:
        return maps
    h, w = maps.shape[-2:]
    return F.avg_pool2d(F.pad(maps, (0, -w % cells, 0, -h % cells), mode="replicate"), cells)
