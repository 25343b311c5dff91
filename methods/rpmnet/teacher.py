"""Where a frozen encoder's embeddings match best: the unlabelled teacher of the recipe `iterated`.

The encoder is any whose weights' card describes one of stride 4, such as colour-reconstruction's:
no label has been seen. Its matches are noisy by half a cell, but it tells object from background
where the background comes into sight, which colours alone teach a network badly.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.errors import UsageError
from vosbench.toolbox.methods.backbones import STRIDE
from vosbench.toolbox.methods.frame_encoder import encoder_of
from vosbench.toolbox.methods.images import scaled

from .deformable import positions

RADIUS = 12  # cells: a square of cells in which a match is looked for
NEAR = 5.0  # cells: deviation of the Gaussian by which a near match is preferred to a far one
KERNEL = 1.5  # cells: deviation of the Gaussian around the best match, of which the mean is taken
TEMPERATURE = 0.07
CERTAIN = 1.5  # cells: a match is certain if the way back ends this near


class Matches(NamedTuple):
    """What the teacher says of pairs.

    offsets: (b, 2, h, w), in cells. best: (b, h*w), the reference cell that is most alike, counted
    row by row. certain: (b, 1, h, w), 1 where the way back leads to where it started, else 0.
    reference: embeddings of unit length (b, c, h*w).
    """

    offsets: Tensor
    best: Tensor
    certain: Tensor
    reference: Tensor


class Teacher(nn.Module):
    """A frozen encoder and its matches; errors as of `encoder_of`, UsageError for other cells."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        found = encoder_of(path)
        if found.stride != STRIDE:
            raise UsageError(
                f"teacher={path.name} has cells of {found.stride} px; rpmnet's have {STRIDE}: give "
                "teacher=colour-reconstruction, or weights of the same kind"
            )
        self.colours, self.encoder = found.colours, found.network
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Teacher:
        """Stay as it is: its normalisation and weights are those of its own training."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, reference: Tensor, target: Tensor) -> Matches:
        """The matches of RGB images (b, 3, h, w) in 0..1."""
        both = scaled(torch.cat((reference, target)), self.colours).expand(-1, 3, -1, -1)
        embedded = self.encoder(both.contiguous(memory_format=torch.channels_last)).float()
        with torch.autocast(embedded.device.type, enabled=False):  # offsets need all their digits
            return _matches(*F.normalize(embedded, dim=1).chunk(2))


def _matches(reference: Tensor, target: Tensor) -> Matches:
    """The matches of embeddings (b, c, h, w) of unit length."""
    h, w = target.shape[-2:]
    known, asked = reference.flatten(2), target.flatten(2)  # (b, c, h*w)
    at = positions(h, w, like=known).flatten(1).T  # (h*w, 2)
    apart = torch.cdist(at, at).square()
    near = (apart / (-2 * NEAR**2)).masked_fill(beyond(h, w, known), float("-inf"))
    like = torch.baddbmm(near, asked.transpose(1, 2), known, alpha=1 / TEMPERATURE)
    best, back = like.argmax(2), like.argmax(1)  # like: (b, target, reference)
    home = (at[back.gather(1, best)] - at).norm(dim=-1)
    share = like.sub_((apart / (2 * KERNEL**2))[best]).softmax(-1)
    offsets = (share @ at - at).transpose(1, 2).reshape(-1, 2, h, w)
    certain = (home < CERTAIN).to(offsets).reshape(-1, 1, h, w)
    return Matches(offsets, best, certain, known)


def beyond(h: int, w: int, like: Tensor) -> Tensor:
    """Which pairs of cells (h*w, h*w) are too far apart to match."""
    at = positions(h, w, like=like).flatten(1).T
    return (at[:, None] - at).abs().amax(-1) > RADIUS
