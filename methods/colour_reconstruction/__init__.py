"""Copies labels with an attention that learned to copy colours (as CorrFlow and MAST).

Training: the encoder sees earlier frames and the target without one or two Lab channels, and
attention between them must reconstruct what was dropped. Test: the same attention copies labels
from the first frame and the last ones. Own and small; no row of CorrFlow or MAST is claimed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.types import Method

from .options import RECIPES, SHAPE, Options, Training

if TYPE_CHECKING:
    from vosbench.toolbox.methods.encoder_card import EncoderCard

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

SOURCE = (
    "after CorrFlow (Lai and Xie, Self-supervised Learning for Video Correspondence Flow, BMVC "
    "2019) and MAST (Lai et al., MAST: A Memory-Augmented Self-Supervised Tracker, CVPR 2020)"
)
VARIANTS = {"colour-reconstruction-previous": {"memory": 1, "first": False, "radius": 8.0}}


def files(options: Options) -> dict[str, Path]:
    """The weights that `build` reads, if any."""
    from vosbench.toolbox.methods.weights import chosen

    return chosen(options.weights, _shipped_as(options))


def build(options: Options, *, device: str, seed: int) -> Method:
    """Make the method; DataError where its weights are missing or do not fit."""
    from .method import ColourReconstruction

    return ColourReconstruction(options, files(options), device=device, seed=seed)


def encoder(options: Options) -> EncoderCard:
    """The encoder, which is all that the weights hold."""
    from vosbench.toolbox.methods.encoder_card import EncoderCard

    return EncoderCard(backbone=options.backbone, dim=options.dim)


def trainee(options: Options, training: Training, *, seed: int) -> Trainee:
    """What the training loop trains, from random weights unless options.weights names others."""
    import torch

    from vosbench.toolbox.methods.weights import begun_from, load

    from .training import Trainee

    torch.manual_seed(seed)
    made = Trainee(options, training)
    shape = {name: getattr(options, name) for name in SHAPE}
    for path in begun_from(options.weights, _shipped_as(options)).values():
        load(made.network, path, shape, method="colour-reconstruction")
    return made


def _shipped_as(options: Options) -> str:
    """The name of the shipped weights."""
    backbone = "" if options.backbone == "compact" else f"-{options.backbone}"
    return f"colour-reconstruction{backbone}"
