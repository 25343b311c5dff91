"""The colour classes: k-means clusters of the Lab colours a and b that training sees."""

from __future__ import annotations

import math

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

ENOUGH = 2**19  # cells after which the clusters stay as they are


class Palette(nn.Module):
    """The clusters' centres (k, 2), a and b as images.lab scales them, kept with the weights.

    Mini-batch k-means (Sculley, WWW 2010) from fixed centres, so that the result depends on the
    cells seen and on nothing else. seen: the cells that each centre is the mean of.
    """

    centres: Tensor
    seen: Tensor

    def __init__(self, colours: int) -> None:
        super().__init__()
        part = torch.arange(colours) / max(1, colours - 1)
        turn = torch.arange(colours) * math.pi * (3 - math.sqrt(5))
        # a sunflower from grey to strong colours, denser near grey, where most cells are
        spiral = 1.5 * part[:, None] ** 1.5 * torch.stack((turn.cos(), turn.sin()), dim=1)
        self.register_buffer("centres", spiral)
        self.register_buffer("seen", torch.zeros(colours, dtype=torch.int64))

    @torch.no_grad()
    def learn(self, colours: Tensor) -> None:
        """Move the centres towards cells (n, 2), those of all processes together."""
        if self.seen.sum() >= ENOUGH:
            return
        near = F.one_hot(self.classes(colours), len(self.centres))  # (n, k)
        count, total = near.sum(0), near.to(colours).T @ colours
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(count)
            distributed.all_reduce(total)
        self.seen += count
        self.centres += (total - count[:, None] * self.centres) / self.seen.clamp(min=1)[:, None]

    def classes(self, colours: Tensor) -> Tensor:
        """The nearest centre (...,) of each colour (..., 2)."""
        return torch.cdist(colours.flatten(0, -2), self.centres).argmin(-1).view(colours.shape[:-1])

    def shares(self) -> Tensor:
        """How much of what was seen each centre stands for, (k,); equal before anything was."""
        seen = self.seen.float()
        return seen / seen.sum() if seen.any() else torch.full_like(seen, 1 / len(seen))
