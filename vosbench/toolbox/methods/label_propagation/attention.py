"""Let the most similar cells within a window vote on the label of each cell.

The whole affinity of a frame (at 480p, stride 8 and 21 frames of context: 3.5 GB) never exists.
Queries go in square tiles; a tile is compared with the cells that its windows can reach, and the
votes of the strongest are summed before the next tile is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    given = query.new_empty((h, w, labels.shape[1]))
    side = 8 if query.device.type == "cpu" else 32  # what fits a core's cache; fewer, larger calls
    for top in range(0, h, side):
        for left in range(0, w, side):
            rows, columns = slice(top, min(top + side, h)), slice(left, min(left + side, w))
            similar, cells = _compare(query, context, rows, columns, settings)
            given[rows, columns] = _vote(similar, labels, cells, settings).view(
                rows.stop - top, columns.stop - left, -1
            )
    return given


def _compare(
    query: Tensor, context: Sequence[Reference], rows: slice, columns: slice, settings: Propagation
) -> tuple[Tensor, Tensor]:
    """A tile's similarities (q, m) to the cells in reach, and the places (m,) of these cells.

    Places count through all cells of all frames of the context. What is in reach of the tile but
    outside a cell's own window is -inf.
    """
    h, w, c = query.shape
    reach_rows, reach_columns = _reach(rows, h, settings), _reach(columns, w, settings)
    outside = _outside(rows, columns, reach_rows, reach_columns, query, settings)
    near = torch.arange(h * w, device=query.device).view(h, w)[reach_rows, reach_columns].flatten()
    tile = query[rows, columns].reshape(-1, c)
    parts, cells = [], []
    for number, each in enumerate(context):
        if each.windowed and outside is not None:
            keys = each.features[reach_rows, reach_columns].reshape(-1, c)
            parts.append(torch.addmm(outside, tile, keys.T))
            cells.append(near + number * h * w)
        else:
            parts.append(tile @ each.features.reshape(-1, c).T)
            cells.append(torch.arange(number * h * w, (number + 1) * h * w, device=query.device))
    return torch.cat(parts, dim=1), torch.cat(cells)


def _reach(side: slice, size: int, settings: Propagation) -> slice:
    """The rows or columns that the windows of a tile's can reach."""
    if settings.window == "none":
        return slice(0, size)
    reach = math.floor(settings.radius)
    return slice(max(0, side.start - reach), min(size, side.stop + reach))


def _outside(
    rows: slice,
    columns: slice,
    to_rows: slice,
    to_columns: slice,
    like: Tensor,
    settings: Propagation,
) -> Tensor | None:
    """0 where a cell in reach (m,) lies in a query's (q,) window, -inf elsewhere: (q, m)."""
    if settings.window == "none":
        return None
    down, right = _distances(rows, to_rows, like), _distances(columns, to_columns, like)
    down, right = down[:, None, :, None], right[None, :, None, :]  # (y, 1, ry, 1), (1, x, 1, rx)
    if settings.window == "square":
        outside = torch.maximum(down, right) > settings.radius
    elif settings.window == "disk":
        outside = down**2 + right**2 > settings.radius**2
    else:
        outside = down**2 + right**2 >= settings.radius**2
    queries = (rows.stop - rows.start) * (columns.stop - columns.start)
    return like.new_zeros(outside.shape).masked_fill_(outside, -math.inf).view(queries, -1)


def _distances(side: slice, to: slice, like: Tensor) -> Tensor:
    """Distances (a, b) from each of a slice's places to each of another's, in cells."""
    here = torch.arange(side.start, side.stop, device=like.device, dtype=like.dtype)
    there = torch.arange(to.start, to.stop, device=like.device, dtype=like.dtype)
    return (here[:, None] - there[None]).abs()


def _vote(similar: Tensor, labels: Tensor, cells: Tensor, settings: Propagation) -> Tensor:
    """The labels (q, l) that similarities (q, m) to cells (m,) choose."""
    k = settings.topk
    if not 0 < k < len(cells):
        return _weigh(similar, similar, settings) @ labels[cells]
    # one more than asked for shows whether the k-th value is shared with a cell beyond it
    values, places = similar.topk(k + 1, dim=1)
    last, beyond = values[:, k - 1], values[:, k]
    weights = _weigh(values[:, :k], similar, settings)
    votes = torch.einsum("qk,qkl->ql", weights, labels[cells[places[:, :k]]])
    tied = ((last == beyond) & (last > -math.inf)).nonzero()[:, 0]
    if len(tied):
        votes[tied] = _vote_tied(similar[tied], last[tied, None], labels, cells, settings)
    return votes


def _vote_tied(
    similar: Tensor, last: Tensor, labels: Tensor, cells: Tensor, settings: Propagation
) -> Tensor:
    """As `_vote`, for queries (q,) whose k-th value (q, 1) is shared with cells beyond."""
    wide = 8 * settings.topk
    if wide < len(cells):
        values, places = similar.topk(wide, dim=1)
        if (values[:, -1:] < last).all():  # all that share it are among these
            places = places.sort(dim=1).values  # in the context's order
            chosen = _with_ties(similar.gather(1, places), last, settings)
            weights = _weigh(chosen, similar, settings)
            return torch.einsum("qk,qkl->ql", weights, labels[cells[places]])
    chosen = _with_ties(similar, last, settings)
    return _weigh(chosen, similar, settings) @ labels[cells]


def _with_ties(similar: Tensor, last: Tensor, settings: Propagation) -> Tensor:
    """Similarities (q, m) of what is chosen when cells share the k-th value (q, 1); else -inf."""
    above, equal = similar > last, similar == last
    if settings.ties == "cut":
        room = settings.topk - above.sum(1, keepdim=True)
        equal &= equal.cumsum(1) <= room
    return similar.masked_fill(~(above | equal), -math.inf)


def _weigh(chosen: Tensor, similar: Tensor, settings: Propagation) -> Tensor:
    """The weights (q, k) of the chosen similarities (q, k) among all (q, m)."""
    total = similar if settings.softmax == "all" else chosen
    logits = chosen / settings.temperature
    return (logits - (total / settings.temperature).logsumexp(1, keepdim=True)).exp()
