"""Copies labels with an attention that learned to colour grey frames (Vondrick, ECCV 2018).

Training: three reference frames and a target, all in grey; attention over the references' cells
copies their colour classes, and the true ones must become likely. Test: the same attention copies
the soft masks predicted for the last three frames. `colorization` is small enough for a CPU;
colorization-paper is the paper's network.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .options import RECIPES, SHAPE, Options, Training, shape_of

if TYPE_CHECKING:
    from vosbench.toolbox.methods.encoder_card import EncoderCard

    from .method import Colorization
    from .training import Trainee


__all__ = [
    "RECIPES",
    "SHAPE",
    "SOURCE",
    "VARIANTS",
    "Options",
    "Training",
    "build",
    "encoder",
    "files",
    "trainee",
]

SOURCE = "Vondrick et al., Tracking Emerges by Colorizing Videos, ECCV 2018"
VARIANTS = {
    "colorization-paper": {
        "backbone": "resnet18", "norm": "batch", "size": 256, "stride": 8, "width": 256,
        "shortcuts": False, "temperature": 0.5,
    },
}  # fmt: skip


def files(options: Options) -> dict[str, Path]:
    """The weights that `build` reads, if any."""
    from vosbench.toolbox.methods.weights import chosen

    return chosen(options.weights, _shipped_as(options))


def build(options: Options, *, device: str, seed: int) -> Colorization:
    """Make the method.

    Raises:
        UsageError: no weights are shipped for these options.
        DataError: weights are missing or do not fit.
    """
    from .method import Colorization

    return Colorization(options, files(options), device=device, seed=seed)


def encoder(options: Options) -> EncoderCard:
    """The 2D network, which sees each frame by itself in grey.

    Not the 3D blocks behind it: they need the references too, and know the grid they were trained
    on. The first 16 frames of blackswan, car-shadow and camel under label propagation's preset
    light: J .83 so, with the 3D blocks .79 on the frame alone and .76 on four copies of it.
    """
    from vosbench.toolbox.methods.encoder_card import EncoderCard

    return EncoderCard(
        prefix="trunk.",
        builder="strided",
        backbone=options.backbone,
        dim=options.width,
        norm=options.norm,
        stride=options.stride,
        colours="grey",
    )


def trainee(options: Options, training: Training, *, seed: int) -> Trainee:
    """What the training loop trains, from random weights unless options.weights names others."""
    import torch

    from vosbench.toolbox.methods.weights import begun_from, load

    from .training import Trainee

    torch.manual_seed(seed)
    made = Trainee(options, training)
    for path in begun_from(options.weights, _shipped_as(options)).values():
        load(made.network, path, shape_of(options), method="colorization")
    return made


def _shipped_as(options: Options) -> str:
    """The name of the shipped weights."""
    return "colorization" if options.backbone == "compact" else f"colorization-{options.backbone}"
