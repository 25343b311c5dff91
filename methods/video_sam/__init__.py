"""Tracks objects with SAM 2.1, SAM 3's tracker or EdgeTAM, as the library transformers has them.

Frames, prompts -> masks. A network of yours is read from a folder; nothing is downloaded unless you
say so. Get one in three commands:

    pip install "vosbench[sam]"
    hf download facebook/sam2.1-hiera-tiny --local-dir sam2.1-tiny
    vosbench run --method video-sam --set weights=sam2.1-tiny --dataset synthetic

Options:
    model     sam2 (SAM 2 and 2.1), sam3-tracker (the tracker in facebook/sam3, a gated download) or
              edgetam (yonigozlan/EdgeTAM-hf)
    weights   FOLDER, with config.json and *.safetensors, as `hf download` or `save_pretrained` make
              it; or hub:OWNER/NAME, also hub:OWNER/NAME@REVISION, which downloads it once; or
              random, a tiny network to try things with, whose scores mean nothing
    dtype     float32; bfloat16 or float16 run under autocast, as SAM 2's own script does
    size      the side in pixels at which frames are seen; none is the network's own, which it was
              trained at: 1024, of SAM 3 1008
    memory    how many of the frames before are remembered beside those with prompts; none is what
              the network was made for: 15, the masks of the last 6
    overlap   auto: where the prompts are one mask an object, objects may overlap, else the largest
              logit wins, which is what SAM 2's own script does; largest-logit and keep always do

It takes masks, boxes and points, at any frame: an object that starts late joins, and each one is
tracked as if it were alone. On the frame of a prompt it shows the network's own mask, not the given
one, as SAM 2's script does: a given mask comes back at a quarter of the network's resolution.

What differs from the authors' code: before its prompt an object is not tracked, and frames are
resized bilinearly, where SAM 2's script has bicubic; docs/methods.md has the rest, with figures.
Holes are not filled and specks stay, as in the authors' evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.errors import needing

from .options import Options

if TYPE_CHECKING:
    from .method import VideoSam

__all__ = ["SOURCE", "Options", "build", "files"]

SOURCE = (
    "SAM 2: Ravi et al. 2024 (Apache-2.0); SAM 3: Carion et al. 2025 (SAM License); EdgeTAM: Zhou "
    "et al. 2025 (Apache-2.0); their port in transformers (Apache-2.0)"
)


def files(options: Options) -> Mapping[str, Path]:
    """What `build` reads of the folder of weights; `hub:` is downloaded now if it is not here.

    Raises:
        DataError: the folder holds no such network, or the download fails.
        MissingExtraError: transformers or torch is not installed.
    """
    with needing("method 'video-sam'", extra="sam"):  # which brings torch, too
        from . import weights

    return weights.read_files(options)


def build(options: Options, *, device: str, seed: int) -> VideoSam:
    """Make the method; the seed draws random weights.

    Raises:
        UsageError: no weights are given, or the options do not fit the network.
        DataError: the weights are damaged, or of another network.
        MissingExtraError: transformers or torch is not installed.
    """
    with needing("method 'video-sam'", extra="sam"):
        from . import weights
        from .method import VideoSam

    return VideoSam(weights.network(options, device=device, seed=seed), options)
