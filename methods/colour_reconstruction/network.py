"""The attention that copies colours in training, and one step of that training."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def embed(network: nn.Module, images: Tensor) -> Tensor:
    """Embeddings of unit length (b, dim, h/4, w/4) of scaled Lab images (b, 3, h, w)."""
    return F.normalize(network(images), dim=1)


def near(h: int, w: int, radius: float, device: torch.device) -> Tensor:
    """Which cells (h*w, h*w) of a grid lie within a Euclidean radius of each other."""
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    at = torch.stack((y, x), dim=-1).reshape(-1, 2).float()
    return (torch.cdist(at, at) <= radius).to(device)


def copy(
    target: Tensor, references: Tensor, colours: Tensor, *, radius: float, temperature: float
) -> Tensor:
    """Colours (b, h*w, k) that each target cell copies from the reference cells it resembles.

    Args:
        target: embeddings (b, c, h, w).
        references: embeddings (b, r, c, h, w).
        colours: of the references, (b, r, k, h, w).
        radius: only cells this near are looked at, in cells.
        temperature: of the softmax over all references together.
    """
    b, r, c, h, w = references.shape
    k = colours.shape[2]
    keys = references.permute(0, 1, 3, 4, 2).reshape(b, r * h * w, c)
    values = colours.permute(0, 1, 3, 4, 2).reshape(b, r * h * w, k)
    bias = torch.zeros(h * w, r * h * w, device=target.device)
    bias.masked_fill_(~near(h, w, radius, target.device).repeat(1, r), float("-inf"))
    return F.scaled_dot_product_attention(
        target.flatten(2).transpose(1, 2), keys, values, attn_mask=bias, scale=1 / temperature
    )
