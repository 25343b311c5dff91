"""Turn frames into tensors, in RGB or CIE Lab, at the sizes that networks need."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from vosbench.errors import DataError
from vosbench.types import Frame

Colours = Literal["lab", "grey", "rgb"]

# sRGB to XYZ under D65 (IEC 61966-2-1), rows divided by the white point
_XYZ = (
    (0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883),
)


def tensor_of(frame: Frame, device: str = "cpu") -> Tensor:
    """A frame (h, w, 3) uint8 as float32 (1, 3, h, w) RGB in 0..1."""
    whole = torch.from_numpy(frame.copy()).to(device).permute(2, 0, 1)[None]
    return whole.float().div_(255)


def lab(rgb: Tensor) -> Tensor:
    """Lab of RGB (..., 3, h, w) in 0..1, scaled to about -1..1: (L-50)/50, a/40, b/40.

    Always in float32 at least: a and b are small differences of large values, of which bfloat16
    would leave two digits.
    """
    with torch.autocast(rgb.device.type, enabled=False):
        rgb = rgb.float() if rgb.itemsize < 4 else rgb
        bright = rgb.clamp(min=0.04045).add_(0.055).div_(1.055).pow_(2.4)
        linear = torch.where(rgb > 0.04045, bright, rgb / 12.92)
        xyz = torch.einsum("kc,...chw->...khw", rgb.new_tensor(_XYZ), linear)
        # the cube root is cut below its knee, where its slope would be infinite
        root = xyz.clamp(min=0.008856).pow_(1 / 3)
        f = torch.where(xyz > 0.008856, root, (7.787 * xyz).add_(16 / 116))
        x, y, z = f.unbind(-3)
        return torch.stack(((116 * y - 66) / 50, (x - y) * 12.5, (y - z) * 5.0), dim=-3)


def scaled(rgb: Tensor, colours: Colours) -> Tensor:
    """RGB (..., 3, h, w) in 0..1 as the input of an encoder, about -1..1.

    Returns:
        Lab or RGB (..., 3, h, w), or grey: the lightness of Lab (..., 1, h, w).
    """
    if colours == "rgb":
        return 2 * rgb - 1
    return lab(rgb) if colours == "lab" else lab(rgb)[..., :1, :, :]


def rgb_of(scaled: Tensor) -> Tensor:
    """RGB in 0..1 from the result of `lab`, clipped to what a screen can show."""
    lightness, a, b = scaled.unbind(-3)
    y = (50 * lightness + 66) / 116
    f = torch.stack((y + a / 12.5, y, y - b / 5.0), dim=-3)
    xyz = torch.where(f > 0.206893, f**3, (f - 16 / 116) / 7.787)
    inverse = torch.linalg.inv(scaled.new_tensor(_XYZ, dtype=torch.float64)).to(scaled)
    linear = torch.einsum("kc,...chw->...khw", inverse, xyz).clamp(0, 1)
    return torch.where(
        linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, 12.92 * linear
    )


def shown_channels(draw: torch.Generator, drop: float) -> Tensor:
    """Which of three colour channels (3,) an encoder sees; with probability `drop` not all.

    One or two are then 0. After CorrFlow (Lai and Xie, BMVC 2019).
    """
    row = torch.ones(3)
    if torch.rand((), generator=draw).item() < drop:
        count = int(torch.randint(1, 3, (), generator=draw))
        row[torch.randperm(3, generator=draw)[:count]] = 0
    return row


def too_narrow(h: int, w: int, *, short_side: int) -> bool:
    """Whether frames are to be enlarged whose one side is over 32 times the other."""
    return short_side > min(h, w) and max(h, w) > 32 * min(h, w)


def fit(h: int, w: int, *, short_side: int, multiple: int = 4) -> tuple[int, int]:
    """The size nearest to (h, w) with that short side, both sides rounded to the multiple.

    short_side 0 keeps the frame's own size, rounded to the multiple.

    Raises:
        DataError: one side of frames to be enlarged is over 32 times the other: they become huge.
    """
    if too_narrow(h, w, short_side=short_side):
        raise DataError(
            f"frames of {h}x{w} (height x width) are too narrow to be enlarged to a short side of "
            f"{short_side} px; crop them, or give --set size=0, which keeps their size"
        )
    scale = short_side / min(h, w) if short_side else 1.0
    return tuple(max(multiple, round(side * scale / multiple) * multiple) for side in (h, w))  # type: ignore[return-value]


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (b, c, h, w) at another size (h, w): bilinear, antialiased where smaller."""
    if tuple(images.shape[-2:]) == tuple(size):
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
