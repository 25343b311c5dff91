"""One training step: copy the colours of a frame from earlier frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.toolbox.methods.backbones import STRIDE, encoder
from vosbench.toolbox.methods.images import lab, rgb_of, shown_channels
from vosbench.types import Frame

from .network import copy, embed

if TYPE_CHECKING:
    from .options import Options, Training


class Trainee(nn.Module):
    """Reconstructs the Lab channels that the encoder was not shown from earlier frames."""

    def __init__(self, options: Options, training: Training) -> None:
        super().__init__()
        self.network = encoder(options.backbone, dim=options.dim)
        self.settings = training

    def forward(self, frames: Tensor, seeds: Tensor, progress: float) -> dict[str, Tensor]:
        """Smooth-L1 loss on the dropped channels; see types.Trainee for the arguments."""
        images = lab(frames.float() / 255)
        shown = _shown(seeds, self.settings.drop).to(images)
        made, true = self._reconstruct(images, shown)
        hidden = 1 - shown[:, :, None, None]
        hidden = torch.where(hidden.sum(1, keepdim=True) > 0, hidden, torch.ones_like(hidden))
        share = hidden / hidden.sum(1, keepdim=True)
        beta = self.settings.beta
        loss = (F.smooth_l1_loss(made, true, reduction="none", beta=beta) * share).sum(1).mean()
        return {"loss": loss}

    def _reconstruct(self, images: Tensor, shown: Tensor) -> tuple[Tensor, Tensor]:
        """The target's Lab made from the references', and the true one, (b, 3, h/4, w/4)."""
        b, t, _, h, w = images.shape
        seen = (
            images * shown[:, None, :, None, None] * (3 / shown.sum(1))[:, None, None, None, None]
        )
        grid = (h // STRIDE, w // STRIDE)
        features = embed(self.network, seen.flatten(0, 1)).reshape(b, t, -1, *grid)
        colours = F.avg_pool2d(images.flatten(0, 1), STRIDE).reshape(b, t, 3, *grid)
        made = copy(
            features[:, -1],
            features[:, :-1],
            colours[:, :-1],
            radius=self.settings.train_radius,
            temperature=self.settings.train_temperature,
        )
        return made.transpose(1, 2).reshape(b, 3, *grid), colours[:, -1]

    @torch.no_grad()
    def diagnose(self, frames: Tensor, seeds: Tensor) -> dict[str, float]:
        """How much better than the nearest reference's colours in place (1: no better)."""
        images = lab(frames.float() / 255)
        made, true = self._reconstruct(images, torch.ones(len(images), 3).to(images))
        still = F.avg_pool2d(images[:, -2], STRIDE)
        error, identity = ((x - true).abs().mean().item() for x in (made, still))
        return {"error": error, "identity_error": identity, "ratio": error / max(identity, 1e-9)}

    def complaints(self, diagnostics: Mapping[str, float]) -> list[str]:
        """Whether the reconstruction is no better than copying in place."""
        if diagnostics["ratio"] < 0.95:
            return []
        return [
            f"no better than copying colours in place (error / identity error "
            f"{diagnostics['ratio']:.2f}): the embedding has not learned to match"
        ]

    @torch.no_grad()
    def picture(self, frames: Tensor, seeds: Tensor) -> list[tuple[str, Frame]]:
        """Reference, target and the target made from the references."""
        images = lab(frames[:1].float() / 255)
        made, _ = self._reconstruct(images, torch.ones(1, 3).to(images))
        large = F.interpolate(rgb_of(made), scale_factor=float(STRIDE), mode="nearest")[0]
        pictures = {"reference": frames[0, -2], "target": frames[0, -1]}
        pictures["reconstruction"] = (large * 255).round().byte()
        return [(name, x.permute(1, 2, 0).cpu().numpy()) for name, x in pictures.items()]


def _shown(seeds: Tensor, drop: float) -> Tensor:
    """Which Lab channels (b, 3) each sample's encoder sees: with probability `drop` one or two."""
    draws = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
    return torch.stack([shown_channels(draw, drop) for draw in draws])
