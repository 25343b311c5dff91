"""A method that learns to predict the target from the frame before it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.types import Frame, Mask, Trainee

if TYPE_CHECKING:
    from torch import Tensor

    from vosbench.toolbox.methods.encoder_card import EncoderCard


SOURCE = "tests"
SHAPE = ("width",)


@dataclass(frozen=True)
class Options:
    """`width`: channels of the encoder, which a convolution reads."""

    width: int = 4
    weights: Path | None = None


@dataclass(frozen=True)
class Training:
    """`noise` is added to the input; TINY_FAULT=SIGKILL:0.5 ends it halfway, nan:0.5 spoils it."""

    noise: float = 0.01


RECIPES: Mapping[str, Mapping[str, object]] = {
    "quick": {"steps": 12, "batch": 4, "frames": 2, "crop": 16, "short_side": 24, "noise": 0.02,
              "warmup": 2, "skip_static": 0.5, "log_every": 2, "diagnosed": 4},
    "long": {"steps": 0, "epochs": 10, "schedule": "poly"},
}  # fmt: skip


class Hold:
    """Holds the first mask."""

    def __init__(self, options: Options, *, device: str, seed: int) -> None:
        self.options = options

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield the first prompt for every frame."""
        return (prompts[0] for _ in frames)


build = Hold


def _refuse(gradient: Tensor) -> None:
    raise AssertionError("gradients of a loss that is not finite are asked for")


def files(options: Options) -> Mapping[str, Path]:
    """Its weights, though it reads none."""
    from vosbench.toolbox.methods import weights

    small, large = weights.homes("tiny")
    return {"weights": options.weights or (large if large.is_file() else small)}


def encoder(options: Options) -> EncoderCard:
    """The first part of the network."""
    from vosbench.toolbox.methods.encoder_card import EncoderCard

    return EncoderCard(prefix="0.", backbone="compact", dim=options.width)


def trainee(options: Options, training: Training, *, seed: int) -> Trainee:
    """An encoder, a convolution and what they are trained for."""
    import torch
    from torch import nn

    from vosbench.toolbox.methods import backbones

    class Tiny(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Sequential(
                backbones.encoder("compact", dim=options.width),
                nn.Conv2d(options.width, 3 * 16, 1),
                nn.PixelShuffle(4),  # cells of 4x4 px as pixels
            )

        def forward(self, frames: Tensor, seeds: Tensor, progress: float) -> dict[str, Tensor]:
            x = frames.float() / 255
            noise = [
                torch.randn(x[0, 0].shape, generator=torch.Generator().manual_seed(int(seed)))
                for seed in seeds
            ]
            error = self.network(x[:, -2] + training.noise * torch.stack(noise)) - x[:, -1]
            loss = error.square().mean()
            fault, _, at = os.environ.get("TINY_FAULT", "none:0").partition(":")
            if fault != "none" and abs(progress - float(at)) < 1e-9:
                if fault == "nan":
                    loss = loss / 0
                    loss.register_hook(_refuse)
                else:
                    os.kill(os.getpid(), getattr(signal, fault))
            return {"loss": loss, "worst": error.abs().amax((1, 2, 3)).mean()}

        def diagnose(self, frames: Tensor, seeds: Tensor) -> dict[str, float]:
            return {"ratio": float(self(frames, seeds, 0.0)["loss"]) + 2.0}

        def complaints(self, diagnostics: Mapping[str, float]) -> list[str]:
            return ["collapsed to grey"] if diagnostics["ratio"] > 1 else []

        def picture(self, frames: Tensor, seeds: Tensor) -> list[tuple[str, Frame]]:
            pictures: list[tuple[str, Any]] = [
                (caption, frames[0, index].permute(1, 2, 0).cpu().numpy())
                for caption, index in (("reference", -2), ("target", -1))
            ]
            return pictures

    torch.manual_seed(seed)
    return Tiny()
