"""Copies labels from similar cells of earlier frames, with any frozen backbone.

Frames, prompts -> masks. A backbone turns each frame into features once; a preset says how labels
follow them (presets.py has all of them with their sources). `--set preset=dino --set topk=7` takes
a preset with one option changed. The propagation itself is toolbox/methods/label_propagation/.

Backbones (`--set backbone=`):
    raw                      5x5 Lab patches, no network: the control for everything learned
    random                   a small encoder with random weights, drawn from the run's seed
    colour-reconstruction    the encoder of shipped weights, by their name (rpmnet-conv-3,
                             colorization, ...); with `--set weights=PATH`, that of weights which
                             `vosbench train` made, by the method that was trained: any whose
                             weights' card has an entry `encoder` (toolbox/methods/encoder_card.py)
    torchvision/NAME:LAYER   e.g. torchvision/resnet18:layer3, with its stride reduced as asked
    timm/NAME or :LAYER      e.g. timm/vit_small_patch16_224.dino (needs the extra `timm`)
    MODULE:FUNCTION          your own: a function without arguments that returns a torch.nn.Module
                             or another callable, RGB scaled by `colours` (1, 3, h, w) ->
                             (1, c, h', w'); MODULE must be on PYTHONPATH
Networks of torchvision and timm need `--set weights=PATH`, or `weights=random` as a control;
nothing is downloaded. Of a checkpoint that holds several, `--set key=teacher` takes one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.toolbox.methods.label_propagation.propagate import propagate
from vosbench.types import Frame, Mask

from .options import Options, is_of_a_library, is_trained_here, shipped_encoder
from .presets import PRESETS

if TYPE_CHECKING:
    from torch import Tensor

    from .encoders import Encoder


__all__ = ["PRESETS", "SOURCE", "Options", "build", "files"]

SOURCE = (
    "Jabri et al., Space-Time Correspondence as a Contrastive Random Walk, NeurIPS 2020, and the "
    "source of each preset"
)


class LabelPropagation:
    """The method: one frozen encoder, one protocol."""

    def __init__(self, options: Options, encoder: Encoder) -> None:
        self.options, self.encoder = options, encoder
        self.remarks = encoder.remarks
        self.looked_at: set[tuple[int, ...]] = set()  # shapes of features whose cost is known

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Yield one mask (h, w) per frame; each frame is embedded once."""
        from . import cost

        settings = self.options.settings()

        def encode(frame: Frame) -> Tensor:
            features = self.encoder(frame)
            channels, h, w = shape = tuple(features.shape)
            if shape not in self.looked_at:
                cost.check(channels, h, w, settings, device=self.encoder.device)
                self.looked_at.add(shape)
            return features

        return propagate(encode, frames, prompts, settings, stride=self.encoder.stride)


def files(options: Options) -> dict[str, Path]:
    """What `build` reads where no option names it: shipped weights, or the file of your module."""
    if is_trained_here(options.backbone) and not isinstance(options.weights, Path):
        return {"weights": shipped_encoder(options.backbone, options.weights)}
    if ":" in options.backbone and not is_of_a_library(options.backbone):
        try:
            spec = importlib.util.find_spec(options.backbone.partition(":")[0])
        except Exception:  # of the user's code; `build` says what is wrong
            spec = None
        if spec and spec.origin and Path(spec.origin).is_file():
            return {"backbone": Path(spec.origin)}
    return {}


def build(options: Options, *, device: str, seed: int) -> LabelPropagation:
    """Make the method; the seed draws random weights.

    Raises:
        UsageError: the backbone is unknown, or cannot have the stride that is asked for.
        DataError: its weights are missing, damaged or of another network.
    """
    from .encoders import make

    return LabelPropagation(options, make(options, files(options), device=device, seed=seed))
