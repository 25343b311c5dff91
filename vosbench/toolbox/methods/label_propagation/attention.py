"""Let the most similar cells within a window vote on the label of each cell.

The whole affinity of a frame (at 480p, stride 8 and 21 frames of context: 3.5 GB) never exists.
Queries go in square tiles; a tile is compared with the cells that its windows can reach, and only
the strongest are kept before the next tile is looked at. Then all cells take their votes at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vosbench.toolbox.methods.label_propagation.tiles import Reference, Tile, Tiles

if TYPE_CHECKING:
    from vosbench.toolbox.methods.label_propagation.settings import Propagation

__all__ = ["Reference", "attend", "strongest"]

GROUP = 16  # columns of which the largest value is looked at first


def attend(query: Tensor, context: Sequence[Reference], settings: Propagation) -> Tensor:
    """The labels (h, w, l) that the context gives to the cells of a frame (h, w, c).

    softmax(similarity / temperature) over the chosen cells, times their labels. A cell whose
    windows hold fewer than k cells is decided by those.
    """
    if settings.affinity == "per-frame":
        return torch.stack([_attend(query, [each], settings) for each in context]).mean(0)
    return _attend(query, context, settings)


def _attend(query: Tensor, context: Sequence[Reference], settings: Propagation) -> Tensor:
    h, w, _ = query.shape
    labels = torch.cat([each.labels.reshape(h * w, -1) for each in context])  # (n*h*w, l)
    found = _Found(query, labels, settings)
    side = 8 if query.device.type == "cpu" else 32  # what fits a core's cache; fewer, larger calls
    for tile in Tiles(query, context, side, settings):
        found.add(tile)
    return found.votes().view(h, w, -1)


class _Found:
    """What the queries of a frame have chosen so far.

    chosen: of each tile its queries (q,), the k strongest similarities, the places of these cells
    (q, k), and the log of what the softmax over them divides by (q, 1).
    decided: queries (q,) whose votes are known at once, and these (q, l).
    """

    def __init__(self, query: Tensor, labels: Tensor, settings: Propagation) -> None:
        self.labels, self.settings = labels, settings
        self.given = query.new_empty(query.shape[0] * query.shape[1], labels.shape[1])
        self.chosen: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self.decided: list[tuple[Tensor, Tensor]] = []

    def add(self, tile: Tile) -> None:
        """Choose for the queries of a tile."""
        queries, similar, cells = tile
        k, settings = self.settings.topk, self.settings
        if not 0 < k < len(cells):
            weights = _weights(similar, _total(similar, settings), settings)
            # kept in a list, these small pieces would hold the memory of all that lay below them
            self.given[queries] = weights @ self.labels[cells]
            return
        # one more than asked for shows whether the k-th value is shared with a cell beyond it
        values, places = strongest(similar, k + 1)
        last, beyond = values[:, k - 1], values[:, k]
        total = _total(similar if settings.softmax == "all" else values[:, :k], settings)
        self.chosen.append((queries, values[:, :k], cells[places[:, :k]], total))
        tied = ((last == beyond) & (last > -math.inf)).nonzero()[:, 0]
        if len(tied):
            order = cells.argsort()  # the context's
            votes = self._tied(similar[tied][:, order], last[tied, None], cells[order])
            self.decided.append((queries[tied], votes))

    def votes(self) -> Tensor:
        """The labels (h*w, l) that all queries take."""
        if self.chosen:
            queries, values, cells, total = (
                torch.cat(part) for part in zip(*self.chosen, strict=True)
            )
            weights = _weights(values, total, self.settings)
            self.given[queries] = torch.einsum("qk,qkl->ql", weights, self.labels[cells])
        for queries, own in self.decided:
            self.given[queries] = own
        return self.given

    def _tied(self, similar: Tensor, last: Tensor, cells: Tensor) -> Tensor:
        """The votes (q, l) of queries (q, m) whose k-th value (q, 1) is shared with cells beyond.

        cells: (m,), in the context's order.
        """
        wide = 8 * self.settings.topk
        if wide < len(cells):
            values, places = similar.topk(wide, dim=1)
            if (values[:, -1:] < last).all():  # all that share it are among these
                places = places.sort(dim=1).values  # in the context's order
                chosen = _with_ties(similar.gather(1, places), last, self.settings)
                total = _total(self._compared(similar, chosen), self.settings)
                weights = _weights(chosen, total, self.settings)
                return torch.einsum("qk,qkl->ql", weights, self.labels[cells[places]])
        chosen = _with_ties(similar, last, self.settings)
        total = _total(self._compared(similar, chosen), self.settings)
        return _weights(chosen, total, self.settings) @ self.labels[cells]

    def _compared(self, similar: Tensor, chosen: Tensor) -> Tensor:
        """What the softmax is over."""
        return similar if self.settings.softmax == "all" else chosen


def strongest(similar: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The values and places of `similar.topk(count, dim=1)`, of (q, m), in any order of equals.

    The largest values lie in the groups of columns whose own largest are the largest: what is left
    to sort is a small part. Of equal values at the end, others than topk's may be taken.
    """
    q, m = similar.shape
    groups = m // GROUP
    if groups < 4 * count:
        return similar.topk(count, dim=1)
    whole = groups * GROUP
    grouped = similar[:, :whole].view(q, GROUP, groups)
    chosen = grouped.amax(1).topk(count, dim=1, sorted=False).indices  # (q, count)
    inside = torch.arange(0, whole, groups, device=similar.device)[:, None]
    places = (chosen[:, None] + inside).flatten(1)  # (q, GROUP * count)
    if whole < m:
        rest = torch.arange(whole, m, device=similar.device).expand(q, -1)
        places = torch.cat((places, rest), dim=1)
    values, at = similar.gather(1, places).topk(count, dim=1)
    return values, places.gather(1, at)


def _with_ties(similar: Tensor, last: Tensor, settings: Propagation) -> Tensor:
    """Similarities (q, m) of what is chosen when cells share the k-th value (q, 1); else -inf."""
    above, equal = similar > last, similar == last
    if settings.ties == "cut":
        room = settings.topk - above.sum(1, keepdim=True)
        equal &= equal.cumsum(1) <= room
    return similar.masked_fill(~(above | equal), -math.inf)


def _total(compared: Tensor, settings: Propagation) -> Tensor:
    """The log of what the softmax over similarities (q, m) divides by: (q, 1)."""
    return (compared / settings.temperature).logsumexp(1, keepdim=True)


def _weights(chosen: Tensor, total: Tensor, settings: Propagation) -> Tensor:
    """The weights (q, k) of the chosen similarities."""
    return (chosen / settings.temperature - total).exp()
