"""The `encoder` entry of a weights' card: which tensors are the encoder, how to build it.

A method that is trained gives it (`encoder(options)` beside its `trainee`), the training writes it
into the card, and label propagation builds the encoder from it, whoever trained it:

    "encoder": {"prefix": "encoder.", "builder": "encoder", "backbone": "compact", "dim": 32,
                "norm": "batch", "stride": 4, "colours": "lab"}

A card names one of the builders of backbones.py, never code of its own: it is data, as the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from torch import nn

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.toolbox.methods.backbones import STRIDE, Norm, encoder, strided
from vosbench.toolbox.methods.images import Colours

Builder = Literal["encoder", "strided"]


@dataclass(frozen=True, kw_only=True)
class EncoderCard:
    """An encoder as a weights file holds it; UsageError for values that no encoder has.

    prefix: before the names of its tensors; what has another name is not the encoder's.
    builder: the function of backbones.py that makes it. backbone, dim, norm: its arguments.
    stride: pixels of the image per cell. colours: what it is shown, see images.scaled.
    """

    prefix: str = ""
    builder: Builder = "encoder"
    backbone: str
    dim: int
    norm: Norm = "group"
    stride: int = STRIDE
    colours: Colours = "lab"

    def __post_init__(self) -> None:
        for name, kind in (("builder", Builder), ("norm", Norm), ("colours", Colours)):
            value = getattr(self, name)
            if value not in get_args(kind):
                raise UsageError(f"{name}={value!r}: {did_you_mean(str(value), get_args(kind))}")
        for name in ("prefix", "backbone"):
            if not isinstance(getattr(self, name), str):
                raise UsageError(f"{name}={getattr(self, name)!r}: expected text")
        strides = (STRIDE,) if self.builder == "encoder" else (4, 8, 16)
        if self.stride not in strides:
            known = ", ".join(map(str, strides))
            raise UsageError(f"stride={self.stride!r}: builder {self.builder} has {known}")
        if type(self.dim) is not int or self.dim < 1:
            raise UsageError(f"dim={self.dim!r}: expected a number of channels, 1 or more")

    def build(self) -> nn.Module:
        """The encoder with random weights: (b, 3, h, w) -> (b, dim, h/stride, w/stride)."""
        if self.builder == "strided":
            return strided(self.backbone, dim=self.dim, stride=self.stride, norm=self.norm)
        return encoder(self.backbone, dim=self.dim, norm=self.norm)


def encoder_card(card: Mapping[str, Any], path: Path) -> EncoderCard:
    """The entry `encoder` of the card of the weights `path`.

    Raises:
        DataError: there is no card or no such entry, or it describes no encoder.
    """
    others = "networks of others are torchvision/NAME:LAYER, timm/NAME or MODULE:FUNCTION"
    where = path.with_suffix(".json")
    if not card:
        raise DataError(
            f"weights {path} have no card beside them: copy {where.name} there too, it says how "
            f"to build their encoder; {others}"
        )
    if "encoder" not in card:
        raise DataError(
            f"card {where} of weights says nothing of an encoder: where {card.get('method')} has "
            "one, its `vosbench train` command with --resume writes the finished training's card "
            f"anew; {others}"
        )
    entry = card["encoder"]
    try:
        if not isinstance(entry, Mapping):
            raise UsageError(f"it is {entry!r}, not an object")
        for field in fields(EncoderCard):
            if field.default is MISSING and field.name not in entry:
                raise UsageError(f"it lacks {field.name!r}")
        known = {field.name for field in fields(EncoderCard)}
        if unknown := sorted(entry.keys() - known):
            raise UsageError(f"{unknown[0]!r} is none of {', '.join(sorted(known))}")
        return EncoderCard(**entry)
    except UsageError as error:
        raise DataError(f"the entry `encoder` of card {where} is damaged: {error}") from None
