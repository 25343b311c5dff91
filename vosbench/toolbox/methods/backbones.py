"""Encoders with stride 4 that are trained here: `compact`, and fully convolutional ResNets.

Every encoder turns (b, 3, h, w) with sides that are multiples of 4 into (b, dim, h/4, w/4); with
multiples of `multiple` the cells of all its layers lie evenly over the image. Residual networks:
He et al., CVPR 2016; fully convolutional with skips: Long et al., CVPR 2015, as RPM-Net (WACV 2020)
uses it; group normalisation: Wu and He, ECCV 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchvision.models import resnet

from vosbench.errors import UsageError, did_you_mean

Norm = Literal["batch", "group"]

STRIDE = 4
_RESNETS = {
    "resnet18": (resnet.BasicBlock, (2, 2, 2, 2), 1),
    "resnet34": (resnet.BasicBlock, (3, 4, 6, 3), 1),
    "resnet50": (resnet.Bottleneck, (3, 4, 6, 3), 1),
    "resnet101": (resnet.Bottleneck, (3, 4, 23, 3), 1),
    "resnet18-quarter": (resnet.BasicBlock, (2, 2, 2, 2), 4),
    "resnet34-quarter": (resnet.BasicBlock, (3, 4, 6, 3), 4),
}
BACKBONES = ("compact", *_RESNETS)


def encoder(name: str, *, dim: int, norm: Norm = "group") -> Compact | FcnResNet:
    """A new encoder by name, with random weights; `norm` is for the ResNets, compact has groups.

    Raises:
        UsageError: no such backbone.
    """
    if name == "compact":
        return Compact(dim).to(memory_format=torch.channels_last)  # three times faster on CPU
    if name not in _RESNETS:
        raise UsageError(f"unknown backbone {name!r}; {did_you_mean(name, BACKBONES)}")
    return FcnResNet(name, dim, norm).to(memory_format=torch.channels_last)


def strided(name: str, *, dim: int, stride: int, norm: Norm) -> nn.Sequential:
    """A new encoder (b, 3, h, w) -> (b, dim, h/stride, w/stride), stride 4, 8 or 16.

    `compact` with its cells averaged; a ResNet, as torchvision has it, up to its third layer, whose
    later strides are taken away to reach the one asked for.

    Raises:
        UsageError: no such backbone, or one with a quarter of the channels.
    """
    if name == "compact":
        return nn.Sequential(encoder("compact", dim=dim), nn.AvgPool2d(stride // STRIDE))
    known = ("compact", *(each for each, (*_, divisor) in _RESNETS.items() if divisor == 1))
    if name not in known:
        raise UsageError(f"unknown backbone {name!r}; {did_you_mean(name, known)}")
    whole = getattr(resnet, name)(norm_layer=_norm(norm))
    for layer, reached in ((whole.layer2, 8), (whole.layer3, 16)):
        for part in layer.modules():
            if isinstance(part, nn.Conv2d) and reached > stride:
                part.stride = (1, 1)
    channels = whole.fc.in_features // 2
    fitting = nn.Identity() if channels == dim else nn.Conv2d(channels, dim, 1)
    return nn.Sequential(
        whole.conv1, whole.bn1, whole.relu, whole.maxpool,
        whole.layer1, whole.layer2, whole.layer3, fitting,
    )  # fmt: skip


def _norm(norm: Norm) -> Callable[[int], nn.Module]:
    return nn.BatchNorm2d if norm == "batch" else group_norm


def group_norm(channels: int) -> nn.GroupNorm:
    """Group normalisation, eight channels a group where they divide so, else the next that do.

    Small batches do not disturb it.
    """
    groups = max(1, channels // 8)
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


def check_sides(images: Tensor) -> None:
    """UsageError where images (..., h, w) have no whole cells."""
    h, w = images.shape[-2:]
    if h % STRIDE or w % STRIDE:
        raise UsageError(
            f"images of {h}x{w} px have no whole cells of {STRIDE}x{STRIDE}: in a training, set "
            f"crop or resize to a multiple of {STRIDE}"
        )


class Compact(nn.Module):
    """Small enough to train on two CPU cores: a 5x5 convolution, then three residual blocks."""

    multiple = 4

    def __init__(self, dim: int, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width // 2, 5, stride=2, padding=2, bias=False),
            group_norm(width // 2),
            nn.ReLU(inplace=True),
        )
        self.blocks = nn.Sequential(
            _Block(width // 2, width, stride=2), _Block(width, width), _Block(width, width)
        )
        self.head = nn.Conv2d(width, dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(b, 3, h, w) -> (b, dim, h/4, w/4)."""
        check_sides(images)
        features: Tensor = self.head(self.blocks(self.stem(images)))
        return features


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inside: int, outside: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, outside, 3, stride=stride, padding=1, bias=False),
            group_norm(outside),
            nn.ReLU(inplace=True),
            nn.Conv2d(outside, outside, 3, padding=1, bias=False),
            group_norm(outside),
        )
        same = inside == outside and stride == 1
        self.shortcut = (
            nn.Identity() if same else nn.Conv2d(inside, outside, 1, stride=stride, bias=False)
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.relu(self.body(features) + self.shortcut(features))


class FcnResNet(nn.Module):
    """A ResNet whose coarsest features are brought back to stride 4 by learned up-convolutions.

    1x1 scores of `dim` channels of layers 4, 3, 2 and 1 (strides 32, 16, 8, 4) are summed along
    the way up; each step is a 4x4 up-convolution of stride 2. `-quarter`: every layer of the
    ResNet has a quarter of its channels.
    """

    multiple = 32

    def __init__(self, name: str, dim: int, norm: Norm) -> None:
        super().__init__()
        block, layers, divisor = _RESNETS[name]
        make = _norm(norm)
        trunk = _Narrow(block, list(layers), divisor, make)
        self.stem = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool)
        self.layers = nn.ModuleList((trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4))
        widths = [w // divisor * block.expansion for w in (64, 128, 256, 512)]
        self.scores = nn.ModuleList(nn.Conv2d(width, dim, 1) for width in widths)
        self.ups = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(dim, dim, 4, stride=2, padding=1, bias=False),
                make(dim),
                nn.ReLU(inplace=True),
            )
            for _ in range(3)
        )

    def forward(self, images: Tensor) -> Tensor:
        """(b, 3, h, w) -> (b, dim, h/4, w/4)."""
        check_sides(images)
        features, skips = self.stem(images), []
        for layer, score in zip(self.layers, self.scores, strict=True):
            features = layer(features)
            skips.append(score(features))
        up: Tensor = skips.pop()
        for step in self.ups:
            skip = skips.pop()
            up = step(up)[..., : skip.shape[-2], : skip.shape[-1]] + skip  # one less where odd
        return up


class _Narrow(resnet.ResNet):  # type: ignore[misc]
    """torchvision's ResNet with its layers' channels divided; its classifier is not used."""

    def __init__(self, block: Any, layers: list[int], divisor: int, norm: Any) -> None:
        self._divisor = divisor
        super().__init__(block, layers, norm_layer=norm)

    def _make_layer(self, block: Any, planes: int, *rest: Any, **more: Any) -> nn.Sequential:
        made: nn.Sequential = super()._make_layer(block, planes // self._divisor, *rest, **more)
        return made
