"""One training step of RPM-Net: pairs of frames or synthetic warps, and a loss on offsets.

The paper's loss: colours sampled from the reference at the offsets must give the target's. Alone
it captures one or two cells of motion and mostly ends at the identity, so the compact recipe
starts from known offsets and compares colours at several blurs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.errors import DataError
from vosbench.toolbox.methods import weights
from vosbench.toolbox.methods.backbones import STRIDE, check_sides
from vosbench.toolbox.methods.images import rgb_of, shown_channels
from vosbench.types import Frame

from .cutouts import pasted
from .deformable import positions, warp
from .network import Network
from .warps import warped

if TYPE_CHECKING:
    from .options import Options, Training


STILL = 0.25  # cells; below, a mask carried in whole cells does not move
MOVING = 2.0  # mean absolute difference of grey levels (of 255) from which a pair has motion


def start(network: Network, files: Mapping[str, Path]) -> None:
    """Fill the network from the weights `start`, if any: an RPM-Net as far as it fits, else its E.

    Raises:
        DataError: the file is missing, of a method whose encoder is another, or nothing in it fits.
    """
    if "start" not in files:
        return
    path = files["start"]
    method, _ = weights.header_of(path)
    if weights.is_of(method, "rpmnet"):
        _forget_norms(network, weights.start_from(network, path))
    elif not method or weights.is_of(method, "colour-reconstruction"):
        weights.start_from(network.encoder, path)
    else:
        raise DataError(
            f"start={path.name}: these weights were trained by {method}; rpmnet can start from "
            "those of rpmnet or of colour-reconstruction, or with start=none"
        )


def _forget_norms(network: Network, filled: Sequence[str]) -> None:
    """Reset normalisation that was filled where its convolution was not: it is of another one.

    conv-3's layers have norms as deformable's, under the same names.
    """
    layers = getattr(network.matching, "layers", ())
    for number, (conv, *others) in enumerate(layer.children() for layer in layers):
        own = [f"matching.layers.{number}.0.{name}" for name, _ in conv.named_parameters()]
        if not set(own) & set(filled):
            for norm in others[:1]:
                norm.reset_parameters()


class Batch(NamedTuple):
    """Pairs as colours (b, 3, h, w): what D4 samples and compares, and what the encoder sees.

    share: 1 for samples that are synthetic warps, with known offsets where valid, else 0; (b,).
    images: reference and target as RGB in 0..1 (b, 2, 3, h, w).
    masks: of a cut-out in both, (b, 2, h/4, w/4), 0 where a sample has none.
    """

    reference: Tensor
    target: Tensor
    shown: Tensor
    share: Tensor
    offsets: Tensor
    valid: Tensor
    images: Tensor
    masks: Tensor


class Trainee(nn.Module):
    """Learns offsets from synthetic warps and from colours alone."""

    def __init__(self, network: Network, options: Options, settings: Training) -> None:
        super().__init__()
        self.network = network
        self.border = options.border
        self.settings = settings
        if settings.learn == "matching":
            network.encoder.requires_grad_(False)

    def forward(self, frames: Tensor, seeds: Tensor, progress: float) -> dict[str, Tensor]:
        """The loss of the target and the frame before it; see types.Trainee for the arguments.

        `epe` and `photometric` are of the samples of that kind, NaN where there can be none.
        """
        settings = self.settings
        share = 1.0 if progress < settings.warps else settings.mix
        batch = self._pairs(frames, seeds, share=share)
        offsets = self._offsets(batch)
        epe = mean_of_valid(
            (offsets - batch.offsets).square().sum(1, keepdim=True).add(1e-4).sqrt(), batch
        )
        photometric = self._photometric(batch, offsets)
        rough = settings.smoothness * _roughness(offsets, batch.target)
        loss = batch.share * epe + (1 - batch.share) * (photometric + rough)
        with torch.no_grad():
            still = (offsets.norm(dim=1) < STILL).float().mean()
        return {
            "loss": loss.mean(),
            "epe": mean_of_share(epe, batch.share, share),
            "photometric": mean_of_share(photometric, 1 - batch.share, 1 - share),
            "still": still,
        }

    def _pairs(self, frames: Tensor, seeds: Tensor, *, share: float) -> Batch:
        """Reference and target of each sample; a share of them are synthetic warps."""
        check_sides(frames)  # before the warps, which would lose what is no whole cell
        images = frames[:, -2:].float() / 255
        draws = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]
        chosen = torch.tensor([torch.rand((), generator=d).item() < share for d in draws])
        chosen = chosen.to(images)
        reference, target = images.unbind(1)
        b, _, h, w = target.shape
        offsets = images.new_zeros(b, 2, h // STRIDE, w // STRIDE)
        valid = images.new_zeros(b, 1, h // STRIDE, w // STRIDE)
        masks = images.new_zeros(b, 2, h // STRIDE, w // STRIDE)
        if chosen.any():
            picked = chosen.bool()
            reach, own = self.settings.reach, seeds[picked.to(seeds.device)]
            made = warped(reference[picked], own, reach=reach)
            if self.settings.cutouts:
                reference = reference.clone()
                reference[picked], made, masks[picked] = pasted(
                    reference[picked], made, own, reach=reach, share=self.settings.cutouts
                )
            target = target.clone()
            target[picked], offsets[picked], valid[picked] = made
        shown = torch.stack([shown_channels(d, self.settings.drop) for d in draws]).to(images)
        shown = shown * 3 / shown.sum(1, keepdim=True)  # louder where there are fewer
        images = torch.stack((reference, target), 1)
        reference, target = self.network.colours(reference), self.network.colours(target)
        return Batch(
            reference, target, shown[:, :, None, None], chosen, offsets, valid, images, masks
        )

    def _offsets(self, batch: Batch) -> Tensor:
        """The predicted offsets (b, 2, h/4, w/4); both frames lose the same channels."""
        both = torch.cat((batch.reference * batch.shown, batch.target * batch.shown))
        reference, target = self.network.embed(both).chunk(2)
        return self._found(reference, target)

    def _found(self, reference: Tensor, target: Tensor) -> Tensor:
        """The offsets (b, 2, h, w) that embeddings (b, c, h, w) end with."""
        offsets: Tensor = self.network(reference, target)
        return offsets

    def _photometric(self, batch: Batch, offsets: Tensor) -> Tensor:
        """Per sample (b,): how far the colours that D4 samples are from the target's."""
        reference, target = (F.avg_pool2d(x, STRIDE) for x in (batch.reference, batch.target))
        losses = []
        for deviation in self.settings.blurs:
            # With border=zeros D4 reads 0 outside the frame: background for a mask in test, but
            # a middle grey for colours that are scaled to -1..1.
            made = warp(blurred(reference, deviation), offsets, self.border)
            losses.append(self._distance(made, blurred(target, deviation)))
        return torch.stack(losses).mean(0)

    def _distance(self, made: Tensor, true: Tensor) -> Tensor:
        if self.settings.loss == "l2":
            return (made - true).square().sum(1).mean((1, 2))
        return F.smooth_l1_loss(made, true, reduction="none", beta=0.1).sum(1).mean((1, 2))

    @torch.no_grad()
    def diagnose(self, frames: Tensor, seeds: Tensor) -> dict[str, float]:
        """How the network does on real pairs, against the identity, and on synthetic warps.

        Returns:
            ratio: photometric loss / that of zero offsets. motion: mean absolute difference of the
            pair, grey levels of 255. offset: mean length, cells. still: share below 0.25 cell.
            outside: share that leaves the frame. forward_backward: mean distance, in cells, from
            where one comes back to after going there and back. epe, epe_ratio: mean error on
            synthetic warps, in cells, and over that of zero offsets.
        """
        batch = self._pairs(frames, seeds, share=0.0)
        batch = batch._replace(shown=torch.ones_like(batch.shown))
        offsets = self._offsets(batch)
        back = self._offsets(batch._replace(reference=batch.target, target=batch.reference))
        photometric = self._photometric(batch, offsets).mean().item()
        identity = self._photometric(batch, torch.zeros_like(offsets)).mean().item()
        at = positions(*offsets.shape[-2:], like=offsets) + offsets
        last = at.new_tensor(at.shape[-2:])[:, None, None] - 0.5
        known = self._pairs(frames, seeds, share=1.0)
        known = known._replace(shown=torch.ones_like(known.shown))
        epe = mean_of_valid((self._offsets(known) - known.offsets).norm(dim=1, keepdim=True), known)
        zero = mean_of_valid(known.offsets.norm(dim=1, keepdim=True), known)
        pair = frames[:, -2:].float()
        return {
            "photometric": photometric,
            "ratio": photometric / max(identity, 1e-9),
            "motion": (pair[:, 1] - pair[:, 0]).abs().mean().item(),
            "offset": offsets.norm(dim=1).mean().item(),
            "still": (offsets.norm(dim=1) < STILL).float().mean().item(),
            "outside": ((at < -0.5) | (at > last)).any(1).float().mean().item(),
            "forward_backward": (offsets + warp(back, offsets, "edge")).norm(dim=1).mean().item(),
            "epe": epe.mean().item(),
            "epe_ratio": (epe.mean() / zero.mean().clamp(min=1e-9)).item(),
        }

    def complaints(self, diagnostics: Mapping[str, float]) -> list[str]:
        """The degenerate solutions that these figures show."""
        found = []
        if diagnostics["motion"] >= MOVING and diagnostics["still"] > 0.95:
            found.append(
                "no motion found: collapsed to the identity, "
                f"{diagnostics['still']:.0%} of the offsets are below {STILL} cell although the "
                "frames move; masks stay where they are"
            )
        elif diagnostics["epe_ratio"] > 0.95:
            found.append(
                "no motion found: on synthetic warps the error is "
                f"{diagnostics['epe_ratio']:.2f} of that of zero offsets"
            )
        if diagnostics["outside"] > 0.1:
            found.append(f"{diagnostics['outside']:.0%} of the offsets leave the frame")
        if diagnostics["ratio"] >= 1:
            found.append(
                f"no better than the identity: photometric / identity {diagnostics['ratio']:.2f}"
            )
        return found

    @torch.no_grad()
    def picture(self, frames: Tensor, seeds: Tensor) -> list[tuple[str, Frame]]:
        """Reference, target, the target made from the reference, and the offsets as colours."""
        batch = self._pairs(frames[:1], seeds[:1], share=0.0)
        offsets = self._offsets(batch._replace(shown=torch.ones_like(batch.shown)))
        made = warp(F.avg_pool2d(batch.reference, STRIDE), offsets, self.border)
        rgb = rgb_of(made) if self.network.colour == "lab" else (made + 1) / 2
        largest = offsets.norm(dim=1).max().item()
        pictures = {
            "reference": frames[0, -2].float() / 255,
            "target": frames[0, -1].float() / 255,
            "reconstruction": _enlarged(rgb)[0],
            f"offsets, up to {largest:.1f} cells": _enlarged(wheel(offsets))[0],
        }
        return [
            (name, (x * 255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy())
            for name, x in pictures.items()
        ]


def blurred(colours: Tensor, deviation: float) -> Tensor:
    """Colours (b, c, h, w) under a Gaussian of this deviation in cells; their edges are held."""
    if not deviation:
        return colours
    reach = math.ceil(2.5 * deviation)
    at = torch.arange(-reach, reach + 1).to(colours)
    kernel = torch.softmax(-(at**2) / (2 * deviation**2), 0)
    padded = F.pad(colours, (reach,) * 4, mode="replicate").flatten(0, 1)[:, None]
    smooth = F.conv2d(F.conv2d(padded, kernel[None, None, None]), kernel[None, None, :, None])
    return smooth.reshape(colours.shape)


def wheel(offsets: Tensor) -> Tensor:
    """Offsets (b, 2, h, w) as RGB of 0..1: the hue is the direction, white is none."""
    length = offsets.norm(dim=1, keepdim=True)
    strength = length / length.amax((2, 3), keepdim=True).clamp(min=1e-6)
    angle = torch.atan2(offsets[:, :1], offsets[:, 1:])
    thirds = angle.new_tensor((0, 2 * math.pi / 3, 4 * math.pi / 3))[:, None, None]
    colours: Tensor = 1 - strength * (0.5 - 0.5 * torch.cos(angle - thirds))
    return colours


def _roughness(offsets: Tensor, target: Tensor) -> Tensor:
    """Per sample (b,): the offsets' gradient where the target's colours have none."""
    colours = F.avg_pool2d(target, STRIDE)
    found = []
    for axis in (2, 3):
        edge = colours.diff(dim=axis).abs().sum(1, keepdim=True)
        found.append((offsets.diff(dim=axis).abs() * torch.exp(-5 * edge)).mean((1, 2, 3)))
    return found[0] + found[1]


def mean_of_valid(error: Tensor, batch: Batch) -> Tensor:
    """Per sample (b,): the mean of (b, 1, h, w) over valid cells."""
    valid = batch.valid
    mean: Tensor = (error * valid).sum((1, 2, 3)) / valid.sum((1, 2, 3)).clamp(min=1)
    return mean


def mean_of_share(values: Tensor, chosen: Tensor, share: float) -> Tensor:
    """The mean over chosen samples by their expected number, so that means of means are right."""
    return (values * chosen).mean().detach() / share if share else values.new_tensor(math.nan)


def _enlarged(cells: Tensor) -> Tensor:
    return F.interpolate(cells, scale_factor=float(STRIDE), mode="nearest")
