"""Let the most similar cells within a window vote on the label of each cell.

The whole affinity of a frame (at 480p, stride 8 and 21 frames of context: 3.5 GB) never exists.
Queries go in square tiles; a tile is compared with the cells that its windows can reach, and only
the strongest are kept before the next tile is looked at. Then all cells take their votes at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.toolbox.methods.label_propagation.largest import largest, largest_of_columns, numbers
from vosbench.toolbox.methods.label_propagation.tiles import Compared, Reference, Tile, Tiles

if TYPE_CHECKING:
    from vosbench.toolbox.methods.label_propagation.settings import Propagation

__all__ = ["Reference", "attend", "candidates"]


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
    if settings.window == "none":
        context = [each._replace(windowed=False) for each in context]
    context = sorted(context, key=lambda each: each.windowed)
    labels = torch.cat([each.labels.reshape(h * w, -1) for each in context])  # (n*h*w, l)
    found = _Found(query, labels, settings)
    side = 8 if query.device.type == "cpu" else 32  # what fits a core's cache; fewer, larger calls
    for tile in Tiles(query, context, side, settings):
        found.add(tile)
    return found.votes().view(h, w, -1)


class _Found:
    """What the queries of a frame have chosen so far.

    chosen: of each tile its queries (q,), the k strongest similarities and the places of these
    cells (q, k), and the log of what the softmax over them divides by (q, 1), if it is over more.
    decided: queries (q,) whose votes are known at once, and these (q, l).
    """

    def __init__(self, query: Tensor, labels: Tensor, settings: Propagation) -> None:
        self.labels, self.settings = labels, settings
        self.given = query.new_empty(query.shape[0] * query.shape[1], labels.shape[1])
        self.chosen: list[tuple[Tensor, ...]] = []
        self.decided: list[tuple[Tensor, Tensor]] = []

    def add(self, tile: Tile) -> None:
        """Choose for the queries of a tile."""
        queries, compared = tile
        k, settings = self.settings.topk, self.settings
        every = slice(None)
        if not 0 < k < sum(each.similar[..., 0].numel() for each in compared):
            similar, cells = _whole(compared, every)
            weights = _weights(similar, _total(similar, settings), settings)
            # kept in a list, these small pieces would hold the memory of all that lay below them
            self.given[queries] = weights @ self.labels[cells]
            return
        # one more than asked for shows whether the k-th value is shared with a cell beyond it
        found = candidates(compared, k + 1)
        at = largest(found.similar, k + 1)
        beyond, values = found.similar.gather(1, at).tensor_split((1,), dim=1)
        last = values.amin(1, keepdim=True)
        self.chosen.append((queries, values, found.cells.gather(1, at[:, 1:])))
        if settings.softmax == "all":
            self.chosen[-1] += (_total(_whole(compared, every)[0], settings),)
        tied = last == beyond
        if tied.any():
            tied = (tied & (last > -math.inf)).nonzero()[:, 0]
            votes = self._tied(compared, found, tied, last[tied])
            self.decided.append((queries[tied], votes))

    def votes(self) -> Tensor:
        """The labels (h*w, l) that all queries take."""
        if self.chosen:
            queries, values, cells, *rest = (
                torch.cat(part) for part in zip(*self.chosen, strict=True)
            )
            total = rest[0] if rest else _total(values, self.settings)
            self.given[queries] = self._summed(_weights(values, total, self.settings), cells)
        for queries, own in self.decided:
            self.given[queries] = own
        return self.given

    def _tied(
        self, compared: Sequence[Compared], found: Candidates, tied: Tensor, last: Tensor
    ) -> Tensor:
        """The votes (q, l) of tied queries (q,), whose k-th value (q, 1) is shared beyond it."""
        settings = self.settings
        if settings.softmax == "all" or (found.others[tied, None] >= last).any():
            similar, cells = _whole(compared, tied)
            cells = cells.expand(len(tied), -1)
        else:  # all that share it are among the candidates
            cells, order = found.cells[tied].sort(dim=1)  # in the context's order
            similar = found.similar[tied].gather(1, order)
        chosen = _with_ties(similar, last, settings)
        total = _total(similar if settings.softmax == "all" else chosen, settings)
        return self._summed(_weights(chosen, total, settings), cells)

    def _summed(self, weights: Tensor, cells: Tensor) -> Tensor:
        """The labels (q, l) of cells (q, k), times their weights."""
        return F.embedding_bag(cells, self.labels, per_sample_weights=weights, mode="sum")


class Candidates(NamedTuple):
    """Some similarities (q, m) of each query, the largest among them, and their cells (q, m).

    others: (q,), which no similarity that is left out exceeds.
    """

    similar: Tensor
    cells: Tensor
    others: Tensor


def candidates(compared: Sequence[Compared], count: int) -> Candidates:
    """A small part of what was compared, with the `count` largest similarities of each query.

    They lie in those groups whose own largest are the largest.
    """
    found = [_candidates(each, count) for each in compared]
    if len(found) == 1:
        return found[0]
    similar, cells, others = zip(*found, strict=True)
    return Candidates(torch.cat(similar, 1), torch.cat(cells, 1), torch.stack(others).amax(0))


def _candidates(compared: Compared, count: int) -> Candidates:
    similar, outside, places, steps = compared
    best = similar.amax(1).add_(outside)
    groups = largest_of_columns(best, min(count, len(places)))  # (q, g)
    queries = numbers(len(groups), groups.device)[:, None]
    best = best[groups, queries]
    inside = similar[groups, :, queries].masked_fill_((best == -math.inf)[..., None], -math.inf)
    cells = places[groups][..., None] + steps  # (q, g, n)
    return Candidates(inside.flatten(1), cells.flatten(1), best.amin(1))


def _whole(compared: Sequence[Compared], queries: Tensor | slice) -> tuple[Tensor, Tensor]:
    """All similarities (q, m) of some queries, and the cells (m,), in the context's order."""
    similar, cells = zip(*(each.whole(queries) for each in compared), strict=True)
    return torch.cat(similar).T, torch.cat(cells)


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
