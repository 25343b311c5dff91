"""Embeds each frame once and copies labels with the attention of label propagation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vosbench.toolbox.methods.backbones import encoder
from vosbench.toolbox.methods.images import fit, lab, resize, tensor_of
from vosbench.toolbox.methods.label_propagation.propagate import propagate
from vosbench.toolbox.methods.label_propagation.settings import Propagation
from vosbench.toolbox.methods.weights import load
from vosbench.types import Frame, Mask

from .network import embed
from .options import SHAPE, Options

if TYPE_CHECKING:
    from vosbench.toolbox.methods.backbones import Compact, FcnResNet


class ColourReconstruction:
    """The method: an encoder, trained or not, under our preset of label propagation."""

    def __init__(
        self, options: Options, files: Mapping[str, Path], *, device: str, seed: int
    ) -> None:
        torch.manual_seed(seed)
        self.options, self.device = options, device
        self.network: Compact | FcnResNet = encoder(options.backbone, dim=options.dim)
        if files:
            shape = {name: getattr(options, name) for name in SHAPE}
            load(self.network, files["weights"], shape, method="colour-reconstruction")
        self.network.eval().to(device)

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Mask]:
        """Copy labels from the first frame and the last ones."""
        settings = Propagation(
            last=self.options.memory,
            first=self.options.first,
            topk=self.options.topk,
            radius=self.options.radius,
            temperature=self.options.temperature,
        )
        return propagate(self.encode, frames, prompts, settings)

    @torch.inference_mode()
    def encode(self, frame: Frame) -> Tensor:
        """Embeddings (dim, h/4, w/4) of one frame at the input size."""
        h, w = fit(
            *frame.shape[:2],
            short_side=self.options.size,
            multiple=self.network.multiple,
        )
        image = resize(tensor_of(frame, self.device), (h, w))
        return embed(self.network, lab(image))[0]
