"""Build the encoder that turns a frame into features of its cells, by a backbone's name."""

from __future__ import annotations

import importlib
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vosbench.errors import UsageError
from vosbench.toolbox.methods import images, weights
from vosbench.toolbox.methods.encoder_card import EncoderCard
from vosbench.toolbox.methods.frame_encoder import FrameEncoder, encoder_of
from vosbench.types import Frame

from . import networks
from .raw_lab import raw_lab

if TYPE_CHECKING:
    from .options import Options


COLOURS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "imagenet-228": ((0.485, 0.456, 0.406), (0.228, 0.224, 0.225)),  # as written in dino's script
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
}
RANDOM_DIM = 64  # as the shipped encoder of colour-reconstruction has


class Encoder:
    """Frames to features (c, h, w), at one input size and stride.

    stride: pixels of the input per cell. remarks: what a reader must know of its weights.
    """

    def __init__(
        self,
        embed: Callable[[Tensor], Tensor],
        options: Options,
        *,
        stride: int,
        own: int,
        device: str,
        remarks: Sequence[str] = (),
    ) -> None:
        self.embed, self.options, self.device = embed, options, device
        self.stride, self.own, self.remarks = stride, own, tuple(remarks)

    def __call__(self, frame: Frame) -> Tensor:
        """The features (c, h, w) of a frame; nothing is cropped, sizes are brought to fit."""
        size = input_size(*frame.shape[:2], options=self.options, own=self.own)
        return self.embed(images.resize(images.tensor_of(frame, self.device), size))[0]


def input_size(h: int, w: int, *, options: Options, own: int) -> tuple[int, int]:
    """The size (h, w) at which a frame is embedded.

    Both sides become multiples of what the backbone needs (`own`), the long side also of the
    option `multiple`; the picture is stretched by this much rather than cropped or padded.
    """
    size = str(options.size)
    if "x" in size:
        high, wide = (float(side) for side in size.split("x"))
    else:
        scale = 1.0 if size == "native" else int(size) / min(h, w)
        high, wide = h * scale, w * scale
    long = math.lcm(own, options.multiple or 1)
    steps = (own, long) if high <= wide else (long, own)
    # rounding as floor(x + shift); 1e-6: 479.9999999 px are 480
    shift = {"nearest": 0.5, "down": 1e-6, "up": 1 - 1e-6}[str(options.rounding)]
    sides = (
        max(1, math.floor(side / step + shift))
        for side, step in zip((high, wide), steps, strict=True)
    )
    h_in, w_in = (count * step for count, step in zip(sides, steps, strict=True))
    return h_in, w_in


def make(options: Options, files: Mapping[str, Path], *, device: str, seed: int) -> Encoder:
    """The encoder that the options name."""
    name = options.backbone
    if name == "raw":
        return _raw(options, device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name.startswith(("torchvision/", "timm/")):
            return _network(options, networks.library_model(name), device)
        if ":" in name:
            return _own_code(options, device)
        return _frame_encoder(options, files, device)


def _raw(options: Options, device: str) -> Encoder:
    stride = options.stride or 4
    if stride % 2:
        raise UsageError(f"backbone=raw samples two patches a cell: stride={stride} must be even")
    return Encoder(
        lambda rgb: raw_lab(rgb, stride=stride), options, stride=stride, own=stride, device=device
    )


def _frame_encoder(options: Options, files: Mapping[str, Path], device: str) -> Encoder:
    """`random`, or an encoder that `vosbench train` made."""
    path = files.get("weights") or options.weights
    if isinstance(path, Path):
        _check_name(options.backbone, path)
        network = encoder_of(path)
    else:
        network = FrameEncoder(EncoderCard(backbone="compact", dim=RANDOM_DIM))
    network.eval().to(device)
    stride = options.stride or network.stride
    pool = _pooled(network, network.stride, stride, options.backbone)
    own = math.lcm(network.multiple, stride)
    return Encoder(pool, options, stride=stride, own=own, device=device)


def _check_name(backbone: str, path: Path) -> None:
    """UsageError where a file's weights are not of the method that the backbone names."""
    method, _ = weights.header_of(path)
    if method and backbone != method:
        if (
            backbone in weights.names()
            and weights.header_of(weights.shipped(backbone))[0] == method
        ):
            return
        raise UsageError(
            f"backbone={backbone}, but weights {path} were trained by {method}: use --set "
            f"backbone={method}; for networks of others name torchvision/NAME:LAYER, timm/NAME or "
            "MODULE:FUNCTION"
        )


def _network(options: Options, network: networks.Tapped, device: str) -> Encoder:
    """A network of a library, its stride reduced to what is asked for."""
    found = networks.reduce_stride(network, options.stride or 0, options.backbone)
    remarks = []
    if isinstance(options.weights, Path):
        remarks = networks.load(network, options.weights, found.used, key=options.key)
    network.eval().to(device)
    stride = options.stride or found.stride
    embed = _pooled(_scaled(network, options, device), found.stride, stride, options.backbone)
    return Encoder(embed, options, stride=stride, own=found.patch, device=device, remarks=remarks)


def _own_code(options: Options, device: str) -> Encoder:
    """The user's function: called once, without arguments, for a network."""
    module, _, function = options.backbone.partition(":")
    try:
        network = getattr(importlib.import_module(module), function)()
        if not callable(network):
            raise AttributeError(f"{function}() gives a {type(network).__name__}, not a network")
    except Exception as error:  # whatever the user's code raises
        meant = networks.in_libraries(options.backbone)
        hint = f"did you mean {meant}? " if meant else ""
        raise UsageError(
            f"backbone={options.backbone}: {_said(error)}; {hint}expected MODULE:FUNCTION, with "
            "the folder of MODULE on PYTHONPATH"
        ) from error
    if options.weights == "random":
        raise UsageError(
            f"weights=random is for networks of torchvision and timm; {options.backbone} is as its "
            "function gives it"
        )
    remarks = []
    if isinstance(network, nn.Module):
        if isinstance(options.weights, Path):
            whole = [network, *network.modules()]
            remarks = networks.load(network, options.weights, whole, key=options.key)
        network.eval().to(device)
    elif options.weights is not None:
        raise UsageError(
            f"weights={options.weights} cannot be loaded: {options.backbone} gives no "
            "torch.nn.Module"
        )
    embed = _scaled(network, options, device)
    found = _stride_of(embed, options.backbone, device)
    stride = options.stride or found
    pooled = _pooled(embed, found, stride, options.backbone)
    return Encoder(pooled, options, stride=stride, own=stride, device=device, remarks=remarks)


def _said(error: Exception) -> str:
    """What was raised, in one line, and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(each.filename).name}:{each.lineno})" for each in last)
    return f"{type(error).__name__}: {error}".partition("\n")[0] + where


def _stride_of(embed: Callable[[Tensor], Tensor], name: str, device: str) -> int:
    """The pixels per cell of the user's network; UsageError where it gives no map of cells."""
    try:
        with torch.inference_mode():
            given = embed(torch.zeros(1, 3, *networks.PROBE, device=device))
    except Exception as error:  # whatever the user's code raises
        raise UsageError(
            f"backbone={name} fails on images (1, 3, {networks.PROBE[0]}, {networks.PROBE[1]}): "
            f"{_said(error)}"
        ) from error
    shape = tuple(given.shape) if isinstance(given, Tensor) else ()
    if len(shape) == 4 and shape[0] == 1 and all(shape):
        # rounded, as a network may lose or add a cell at its borders
        down, across = (
            round(side / cells) for side, cells in zip(networks.PROBE, shape[2:], strict=True)
        )
        if down == across and down > 0:
            return down
    what = f"a tensor of shape {shape}" if shape else f"a {type(given).__name__}"
    raise UsageError(
        f"backbone={name} gives {what} for images (1, 3, {networks.PROBE[0]}, "
        f"{networks.PROBE[1]}); expected the features of cells (1, c, h, w), alike down and across"
    )


def _scaled(
    network: Callable[[Tensor], Tensor], options: Options, device: str
) -> Callable[[Tensor], Tensor]:
    """The network behind the scaling of colours that it was trained with."""
    mean, deviation = (
        torch.tensor(values, device=device).view(3, 1, 1)
        for values in COLOURS[str(options.colours)]
    )
    return lambda rgb: network((rgb - mean) / deviation)


def _pooled(
    embed: Callable[[Tensor], Tensor], stride: int, wanted: int, name: str
) -> Callable[[Tensor], Tensor]:
    """Features averaged over cells where a coarser stride is asked for than the network has."""
    if wanted == stride:
        return embed
    if wanted % stride:
        raise UsageError(
            f"backbone={name} has stride {stride} and cannot have stride {wanted}; use --set "
            f"stride={stride}, a multiple of it, or 0 for the backbone's own"
        )
    return lambda rgb: F.avg_pool2d(embed(rgb), wanted // stride, ceil_mode=True)
