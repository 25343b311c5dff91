"""One training step: the likelihood of the target's colours, given the references'."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.toolbox.methods.images import lab, rgb_of
from vosbench.types import Frame

from .network import Colorizer, attention

if TYPE_CHECKING:
    from .options import Options, Training


FLOOR = 1e-3  # weight of the even distribution in the mixture: a colour no reference has, log(0)


class Copied(NamedTuple):
    """Distributions over colour classes (b, n, k) of cells of the target, and the true classes."""

    made: Tensor
    still: Tensor  # from the same cell of the nearest reference alone
    mean: Tensor  # from every reference cell alike
    true: Tensor  # (b, n)


class Trainee(nn.Module):
    """Copies the references' colours to the target, whose colours the network does not see."""

    def __init__(self, options: Options, training: Training) -> None:
        super().__init__()
        self.network = Colorizer(options)
        self.options = options
        self.training_options = training

    def forward(self, frames: Tensor, seeds: Tensor, progress: float) -> dict[str, Tensor]:
        """Negative log-likelihood per cell in nats, of some cells drawn by each sample's seed."""
        images = lab(frames.float() / 255)
        if self.training:
            colours = self._cells(images).permute(0, 1, 3, 4, 2)
            self.network.palette.learn(colours.flatten(0, 3))
        copied = self._copy(images, _drawn(seeds, self._count(images)).to(images.device))
        weight = self._weights()[copied.true]
        loss = (weight * nll(copied.made, copied.true)).mean()
        correct = (copied.made.argmax(-1) == copied.true).float().mean()
        return {"loss": loss, "accuracy": correct}

    def _count(self, images: Tensor) -> tuple[int, int]:
        """How many cells of the target are asked for, and of how many."""
        cells = images[0, 0, 0].numel() // self.options.stride**2
        return min(cells, self.training_options.asked or cells), cells

    def _weights(self) -> Tensor:
        """The weight (k,) of each colour class, 1 on average over the cells seen."""
        shares = self.network.palette.shares()
        evened = torch.lerp(shares, torch.full_like(shares, 1 / len(shares)), 0.5)
        weights = evened**-self.training_options.balance
        return weights / (weights * shares).sum()

    def _cells(self, images: Tensor) -> Tensor:
        """The mean a and b (b, t, 2, h, w) of every cell."""
        b, t = images.shape[:2]
        means = F.avg_pool2d(images[:, :, 1:].flatten(0, 1), self.options.stride)
        return means.view(b, t, *means.shape[1:])

    def _copy(self, images: Tensor, at: Tensor | None = None) -> Copied:
        """What the cells `at` (b, n), or all, copy from scaled Lab images (b, t, 3, h, w)."""
        b, t = images.shape[:2]
        codes = self.network.encode(images[:, :, :1].flatten(0, 1))
        embedded = self.network.embed(codes.view(b, t, *codes.shape[1:]))
        classes = self.network.palette.classes(self._cells(images).permute(0, 1, 3, 4, 2))
        given = F.one_hot(classes[:, :-1], self.options.colours).to(images)  # (b, r, h, w, k)
        target, true = embedded[:, -1].flatten(2), classes[:, -1].flatten(1)
        still = given[:, -1].flatten(1, 2)
        if at is not None:
            target = target.gather(2, at[:, None].expand(-1, target.shape[1], -1))
            true = true.gather(1, at)
            still = still.gather(1, at[..., None].expand(-1, -1, still.shape[2]))
        shares = attention(
            target, embedded[:, :-1], temperature=self.training_options.train_temperature
        )
        mean = given.mean((1, 2, 3))[:, None].expand(-1, true.shape[1], -1)
        return Copied(shares @ given.flatten(1, 3), still, mean, true)

    @torch.no_grad()
    def diagnose(self, frames: Tensor, seeds: Tensor) -> dict[str, float]:
        """Likelihood against an even copy, and colours hit against copying in place.

        nll, uniform_nll: with the attention, and copying from all reference cells alike; in nats.
        accuracy, still_accuracy: classes hit, and those that the same cell of the last reference
        hits. ratio: nll / uniform_nll, 1 where the embedding says nothing.
        """
        copied = self._copy(lab(frames.float() / 255))
        learnt, even = (nll(each, copied.true).mean().item() for each in (copied.made, copied.mean))
        hit, still = (
            (each.argmax(-1) == copied.true).float().mean().item()
            for each in (copied.made, copied.still)
        )
        return {
            "nll": learnt, "uniform_nll": even, "ratio": learnt / max(even, 1e-9),
            "accuracy": hit, "still_accuracy": still,
        }  # fmt: skip

    def complaints(self, diagnostics: Mapping[str, float]) -> list[str]:
        """Whether the attention is still even."""
        if diagnostics["ratio"] < 0.95:
            return []
        return [
            f"colours are copied no better than from all cells alike (likelihood ratio "
            f"{diagnostics['ratio']:.2f}): the embedding has not learned to match"
        ]

    @torch.no_grad()
    def picture(self, frames: Tensor, seeds: Tensor) -> list[tuple[str, Frame]]:
        """The last reference, the target, and the target's lightness with the copied colours."""
        images = lab(frames[:1].float() / 255)
        made = self._copy(images).made[0] @ self.network.palette.centres  # (h*w, 2)
        h, w = images.shape[-2:]
        stride = self.options.stride
        colours = made.T.reshape(1, 2, h // stride, w // stride)
        colours = F.interpolate(colours, size=(h, w), mode="bilinear", align_corners=False)
        coloured = rgb_of(torch.cat((images[:, -1, :1], colours), dim=1))[0]
        pictures = {"reference": frames[0, -2], "target": frames[0, -1]}
        pictures["colourised target"] = (coloured * 255).round().byte()
        return [(name, x.permute(1, 2, 0).cpu().numpy()) for name, x in pictures.items()]


def nll(distributions: Tensor, true: Tensor) -> Tensor:
    """-log of what distributions (..., k) over classes give to the true ones (...,), in nats."""
    chance = distributions.gather(-1, true[..., None])[..., 0].clamp(max=1)  # rounding
    return -torch.log((1 - FLOOR) * chance + FLOOR / distributions.shape[-1])


def _drawn(seeds: Tensor, count: tuple[int, int]) -> Tensor:
    """Which cells (b, n) each sample is asked for: n of all, drawn by its seed."""
    asked, cells = count
    generators = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
    return torch.stack([torch.randperm(cells, generator=g)[:asked] for g in generators])
