"""A frame as the network's input, an object's mask as its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from vosbench.types import Frame


class Colours(NamedTuple):
    """Mean and deviation of red, green and blue in 0..1, and how frames are resized."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    resample: Literal["bilinear", "bicubic"] = "bilinear"


class Input:
    """How the network sees a picture: at size x size pixels, stretched, and in its own colours."""

    def __init__(self, size: int, colours: Colours, *, device: str) -> None:
        self.size, self.device, self.resample = size, device, colours.resample
        self.mean = 255 * torch.tensor(colours.mean, device=device).view(3, 1, 1)
        self.deviation = 255 * torch.tensor(colours.deviation, device=device).view(3, 1, 1)

    def frame(self, frame: Frame) -> Tensor:
        """A frame (h, w, 3) as float32 (1, 3, size, size).

        It is resized in whole numbers, as transformers does it.
        """
        whole = torch.from_numpy(frame.copy()).permute(2, 0, 1)[None]  # (1, 3, h, w)
        small = F.interpolate(
            whole, (self.size, self.size), mode=self.resample, antialias=True, align_corners=False
        )
        return (small.to(self.device).float() - self.mean) / self.deviation

    def mask(self, pixels: npt.NDArray[np.bool_]) -> Tensor:
        """Where an object is, bool (h, w), as 0 and 1 in float32 (1, 1, size, size)."""
        whole = torch.from_numpy(pixels.copy()).to(self.device)[None, None].float()
        if pixels.shape != (self.size, self.size):
            whole = F.interpolate(
                whole, (self.size, self.size), mode="bilinear", antialias=True, align_corners=False
            )
        return (whole >= 0.5).float()

    def positions(self, xy: Tensor, shape: tuple[int, int]) -> Tensor:
        """Positions (k, 2), x then y, of a frame of shape (h, w) in pixels of the input."""
        h, w = shape
        return (xy.float() * torch.tensor([self.size / w, self.size / h])).to(self.device)
