"""The settings of published papers as named sets of options, each with its source.

`(code)` in a source: read in the authors' code. What neither the code nor the paper settles is our
choice and said so in `note`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from vosbench.toolbox.methods.label_propagation.settings import Propagation

Rounding = Literal["nearest", "down", "up"]
Colours = Literal["imagenet", "imagenet-228", "half"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A protocol: how frames are brought to the network, then how labels are propagated.

    size: `native`, a short side in px, or `<height>x<width>`.
    multiple: what the long side is rounded to, beside what the backbone needs; 1: nothing.
    stride: px per cell; 0: the backbone's own.
    colours: mean and deviation that a network's input is scaled by; `imagenet-228` has dino's .228
        in place of .229, `half` is -1..1.
    """

    source: str
    note: str = ""
    size: str = "native"
    multiple: int = 1
    rounding: Rounding = "nearest"
    stride: int = 8
    colours: Colours = "imagenet"
    settings: Propagation


_CRW = {
    "last": 20,
    "start": "repeat",
    "topk": 10,
    "window": "open-disk",
    "radius": 12,
    "window_first": False,
    "temperature": 0.05,
}

PRESETS: dict[str, Preset] = {
    "light": Preset(
        source="vosbench",
        note="fits two CPU cores; backbone=raw takes temperature .01",
        size="256",
        stride=4,
        settings=Propagation(),
    ),
    "crw": Preset(
        source="Jabri et al., NeurIPS 2020; github.com/ajabri/videowalk (code)",
        note="backbone of the paper: torchvision/resnet18:layer3; its masks are one-hot by colour",
        settings=Propagation(**_CRW),  # type: ignore[arg-type]
    ),
    "dul": Preset(
        source="Araslanov et al., NeurIPS 2021; github.com/visinf/dense-ulearn-vos (code)",
        note="as crw with align_corners; a later prompt had a context of its own there, here it "
        "joins the one context",
        settings=Propagation(**_CRW, down="bilinear-corners", up="bilinear-corners"),  # type: ignore[arg-type]
    ),
    "vfs": Preset(
        source="Xu and Wang, ICCV 2021; github.com/xvjiarui/VFS (code)",
        note="ResNet-18; for its ResNet-50 set radius=18; input size 480 is our choice; the first "
        "frame counts twice while it is among the last 20; labels down with PIL's nearest, which "
        "is nearest-exact",
        size="480",
        settings=Propagation(
            last=20,
            start="overlap",
            topk=10,
            window="open-disk",
            radius=12,
            temperature=0.07,
            down="nearest-exact",
            minmax=True,
        ),
    ),
    "dino": Preset(
        source="Caron et al., ICCV 2021; github.com/facebookresearch/dino (code)",
        note="labels down with PIL's nearest, which is nearest-exact",
        size="480",
        multiple=64,
        rounding="down",
        stride=0,
        colours="imagenet-228",
        settings=Propagation(
            topk=5,
            ties="keep",
            window="square",
            radius=12,
            temperature=0.1,
            down="nearest-exact",
            up_to="cells",
            minmax=True,
        ),
    ),
    "dinov3": Preset(
        source="Siméoni et al., 2025; tracking notebook of github.com/facebookresearch/dinov3",
        note="start of the context, ties at the k-th value and what is upsampled to are our choice",
        size="960",
        rounding="up",
        stride=0,
        settings=Propagation(
            topk=5,
            window="disk",
            radius=12,
            temperature=0.2,
            down="nearest-exact",
            up="nearest",
            minmax=True,
        ),
    ),
    "siammae": Preset(
        source="Gupta et al., NeurIPS 2023; CropMAE: Eymaël et al., ECCV 2024",
        note="also cropmae's; what is not named in their tables is as in crw; portrait video is "
        "stretched to the same size",
        size="480x880",
        stride=0,
        settings=Propagation(**_CRW | {"topk": 7, "radius": 20, "temperature": 0.7}),  # type: ignore[arg-type]
    ),
    "uvc": Preset(
        source="Li et al., NeurIPS 2019; github.com/Liusifei/UVC (code)",
        note="dot products, softmax over all cells of a frame, then the five strongest without "
        "making their weights sum to one; without its box tracking; input size, labels down and "
        "the temperature 1 are our choice",
        size="480",
        multiple=64,
        rounding="down",
        settings=Propagation(
            topk=5,
            ties="keep",
            window="none",
            similarity="dot",
            temperature=1,
            softmax="all",
            affinity="per-frame",
            down="nearest-exact",
            up_to="cells",
            minmax=True,
        ),
    ),
    "mast": Preset(
        source="Lai et al., CVPR 2020; github.com/zlai0/MAST (code)",
        note="dot products; of its two-step memory only the window: no dilated search in "
        "references more than 15 frames old",
        stride=4,
        settings=Propagation(
            references="0,5,-1,-3,-5",
            topk=0,
            window="square",
            radius=12,
            similarity="dot",
            temperature=1,
            labels="hard",
            down="stride",
        ),
    ),
    "corrflow": Preset(
        source="Lai and Xie, BMVC 2019; github.com/zlai0/CorrFlow (code)",
        note="dot products; labels down by stride, as in mast: its code blends the ids of four "
        "pixels, which we do not inherit",
        stride=4,
        settings=Propagation(
            last=1,
            first=False,
            topk=0,
            window="square",
            radius=6,
            similarity="dot",
            temperature=1,
            labels="hard",
            down="stride",
        ),
    ),
}


def values(name: str) -> dict[str, object]:
    """The options that a preset stands for, by name."""
    preset = PRESETS[name]
    frame = ("size", "multiple", "rounding", "stride", "colours")
    return {key: getattr(preset, key) for key in frame} | {
        field.name: getattr(preset.settings, field.name) for field in fields(Propagation)
    }
