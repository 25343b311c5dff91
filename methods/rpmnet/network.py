"""RPM-Net's network: embed two images and predict where each target cell looks.

E embeds each frame on cells of 4x4 px; D1 to D3 turn the two embeddings, concatenated, into one
offset (dy, dx) per cell, in cells (WACV 2020, Table 1). D4, which samples colours in training and
masks in test at these offsets, is `warp` of deformable.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.toolbox.methods import weights
from vosbench.toolbox.methods.backbones import encoder, group_norm
from vosbench.toolbox.methods.images import scaled

from . import rows
from .deformable import DeformableConv, composed, positions, towards, warp
from .options import SHAPE

if TYPE_CHECKING:
    from .options import Options


Norm = Callable[[int], nn.Module]

_TILE = 16  # cells


class Network(nn.Module):
    """The encoder E and the matching module D1 to D3."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.colour = options.colour
        half = options.embed_dim // 2  # the 64 channels of the paper are both frames' together
        self.encoder = encoder(options.backbone, dim=half, norm=options.norm)
        self.matching: Stack | Correlation = _matching(options)
        if options.init == "gaussian":
            _gaussian(self)

    @property
    def multiple(self) -> int:
        """What the sides of images must be a multiple of, in pixels."""
        return self.encoder.multiple

    def colours(self, rgb: Tensor) -> Tensor:
        """What the encoder sees and D4 samples in training: RGB of 0..1 scaled to -1..1, or Lab."""
        return scaled(rgb, self.colour)

    def embed(self, colours: Tensor) -> Tensor:
        """(b, 3, h, w) -> (b, embed_dim / 2, h/4, w/4)."""
        embedded: Tensor = self.encoder(colours.contiguous(memory_format=torch.channels_last))
        return embedded

    def forward(self, reference: Tensor, target: Tensor) -> Tensor:
        """The offsets (b, 2, h, w), y then x, in cells, of two embeddings (b, c, h, w)."""
        offsets: Tensor = self.matching(reference, target)
        return offsets

    def towards(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """`forward` with this target (b, c, h, w); what a single one adds is made once."""
        if len(target) == 1 and isinstance(self.matching, Stack) and rows.serve(target, target):
            return self.matching.towards(target)
        return lambda reference: self(reference, target)


def make(options: Options, files: dict[str, Path], *, seed: int) -> Network:
    """The network with the weights of `files`, or seeded random ones where it names none.

    Raises:
        DataError: the weights are missing, damaged, or of another network.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Network(options)
    if "weights" in files:
        shape = {name: getattr(options, name) for name in SHAPE}
        weights.load(network, files["weights"], shape, method="rpmnet")
    return network


class Stack(nn.Module):
    """3x3 convolutions, plain, dilated or deformable, over the concatenated embeddings.

    All but the last are followed by normalisation and ReLU; the last is bare, as offsets have
    either sign, and starts near zero: at first every cell looks at its own place.
    """

    def __init__(self, widths: tuple[int, ...], kind: str, dilation: int, norm: Norm) -> None:
        super().__init__()
        self.kind, self.dilation = kind, dilation
        self.layers = nn.ModuleList()
        for inside, outside in pairwise(widths[:-1]):
            conv = self._conv(inside, outside, bias=False)
            self.layers.append(nn.Sequential(conv, norm(outside), nn.ReLU(inplace=True)))
        last = self._conv(widths[-2], widths[-1], bias=True)
        self.layers.append(nn.Sequential(last))
        _near_zero(last.conv if isinstance(last, DeformableConv) else last)

    def _conv(self, inside: int, outside: int, *, bias: bool) -> nn.Conv2d | DeformableConv:
        step = self.dilation
        if self.kind == "deformable":
            return DeformableConv(inside, outside, dilation=step, bias=bias)
        return nn.Conv2d(inside, outside, 3, padding=step, dilation=step, bias=bias)

    def forward(self, reference: Tensor, target: Tensor) -> Tensor:
        """Embeddings (b, c, h, w) -> offsets (b, 2, h, w)."""
        return self._on(self.layers, torch.cat((reference, target), 1))

    def towards(self, target: Tensor) -> Callable[[Tensor], Tensor]:
        """`forward` with one target for many references, where `rows.serve` says so."""
        conv, *others = self.layers[0].children()
        first = towards(conv, target)  # type: ignore[arg-type]
        rest = (*others, *self.layers[1:])
        return lambda reference: self._on(rest, first(reference))

    @staticmethod
    def _on(layers: Iterable[nn.Module], features: Tensor) -> Tensor:
        for layer in layers:
            features = layer(features)
        return features

    def samples(self, reference: Tensor, target: Tensor, cells: Tensor) -> Tensor:
        """The positions (p, n, 2) that are compared for target cells (p, 2)."""
        if self.kind != "deformable":
            return window(cells, len(self.layers), self.dilation)
        features, fields = torch.cat((reference, target), 1), []
        for layer in self.layers:
            fields.append(layer[0].offset(features)[0])  # type: ignore[index]
            features = layer(features)
        return composed(fields, cells, self.dilation)


class Correlation(nn.Module):
    """Our own matching module, not the paper's: attention to near cells, then convolutions.

    Embeddings of unit length are compared with all reference cells within `radius` (a square). The
    mean position of the softmax around the most similar one is a first offset; of the softmax over
    all cells it would lie between two candidates, where neither is (kernel soft-argmax: SFNet, CVPR
    2019). Convolutions move it by up to a cell, from the 3x3 correlations around it, both
    embeddings, the offset and its spread.
    """

    radius = 12
    kernel = 1.5  # cells: deviation of the Gaussian around the most similar cell

    def __init__(self, half: int, norm: Norm) -> None:
        super().__init__()
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.07)))
        self.residual = nn.Sequential(
            nn.Conv2d(2 * half + 9 + 3, 64, 3, padding=1, bias=False),
            norm(64),
            nn.ReLU(inplace=True),
            nn.Conv2d(64, 32, 3, padding=1, bias=False),
            norm(32),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 2, 3, padding=1),
        )
        _near_zero(self.residual[-1])  # type: ignore[arg-type]

    def forward(self, reference: Tensor, target: Tensor) -> Tensor:
        """Embeddings (b, c, h, w) -> offsets (b, 2, h, w)."""
        reference, target = F.normalize(reference, dim=1), F.normalize(target, dim=1)
        with torch.autocast(target.device.type, enabled=False):  # positions need all their digits
            coarse, spread = self._soft_argmax(reference.float(), target.float())
        found = warp(reference, coarse, "edge")
        h, w = target.shape[-2:]
        padded = F.pad(found, (1, 1, 1, 1))
        near = torch.stack(
            [
                (padded[..., y : y + h, x : x + w] * target).sum(1)
                for y in range(3)
                for x in range(3)
            ],
            dim=1,
        )
        seen = torch.cat((near, found, target, coarse / self.radius, spread / self.radius), 1)
        offsets: Tensor = coarse + torch.tanh(self.residual(seen))
        return offsets

    def _soft_argmax(self, reference: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (b, 2, h, w) and standard deviation (b, 1, h, w) of where each cell matches.

        Tile by tile, each against the reference cells that its own can reach: dense products are
        fast, and little of them is thrown away.
        """
        h, w = target.shape[-2:]
        target = target * torch.exp(-self.log_temperature)
        rows = [
            torch.cat([self._tile(reference, target, top, left) for left in range(0, w, _TILE)], 3)
            for top in range(0, h, _TILE)
        ]
        moments = torch.cat(rows, 2)
        mean = moments[:, :2]
        variance = moments[:, 2:] - mean.square().sum(1, keepdim=True)
        return mean, variance.clamp(min=1e-2).sqrt()

    def _tile(self, reference: Tensor, target: Tensor, top: int, left: int) -> Tensor:
        """Mean offset and mean squared length (b, 3, <=16, <=16) of a tile's matches."""
        queries = target[:, :, top : top + _TILE, left : left + _TILE]
        high, low = max(0, top - self.radius), max(0, left - self.radius)
        part = (slice(high, top + _TILE + self.radius), slice(low, left + _TILE + self.radius))
        keys = reference[:, :, *part]
        size = queries.shape[-2:]
        corner = target.new_tensor((top - high, left - low))[:, None]
        own = (positions(*size, like=target).flatten(1) + corner).T  # (q, 2)
        at = positions(*keys.shape[-2:], like=target).flatten(1).T  # (k, 2)
        far = (at - own[:, None]).abs().amax(-1) > self.radius
        like = queries.flatten(2).transpose(1, 2) @ keys.flatten(2)  # (b, q, k)
        like = like.masked_fill(far, float("-inf"))
        peak = at[like.argmax(-1)]  # (b, q, 2)
        off = at.square().sum(1) - 2 * peak @ at.T + peak.square().sum(-1, keepdim=True)
        share = (like - off / (2 * self.kernel**2)).softmax(-1)
        mean = share @ at - own
        square = share @ at.square().sum(1, keepdim=True)
        square = square - (2 * mean * own + own.square()).sum(-1, keepdim=True)  # about `own`
        return torch.cat((mean, square), 2).transpose(1, 2).reshape(-1, 3, *size)

    def samples(self, reference: Tensor, target: Tensor, cells: Tensor) -> Tensor:
        """The positions (p, n, 2) that are compared for target cells (p, 2)."""
        return window(cells, self.radius, 1)


def window(cells: Tensor, reach: int, step: int) -> Tensor:
    """The square lattice (p, (2*reach+1)**2, 2) of a step around cells (p, 2)."""
    side = 2 * reach + 1
    around = (positions(side, side, like=cells).flatten(1).T - reach) * step
    return cells[:, None] + around


def _matching(options: Options) -> Stack | Correlation:
    """The matching module by name; a plain stack of k layers has a field of 2k+1 cells."""
    norm: Norm = nn.BatchNorm2d if options.norm == "batch" else group_norm
    kind, _, number = options.matching.partition("-")
    e = options.embed_dim
    if kind == "correlation":
        return Correlation(e // 2, norm)
    widths: tuple[int, ...] = (e, e // 2, e // 4, 2)
    if options.matching == "conv-1":
        widths = (e, 2)
    if options.matching == "conv-5":
        widths = (e, e // 2, e // 2, e // 4, e // 4, 2)
    return Stack(widths, kind, int(number) if kind == "dilation" else 1, norm)


def _near_zero(last: nn.Conv2d) -> None:
    nn.init.normal_(last.weight, std=1e-3)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]


def _gaussian(network: nn.Module) -> None:
    """Every convolution from N(0, 0.01), Caffe's usual deviation: the paper gives none."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, std=0.01)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
