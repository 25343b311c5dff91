"""The three networks as transformers calls them, and what their sizes must fit."""

from __future__ import annotations

import importlib
import math
from typing import Any, NamedTuple

from vosbench.errors import UsageError

from .pictures import Colours

IMAGENET = Colours((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = Colours((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Family(NamedTuple):
    """One network of transformers.

    package: its folder there. name: what the names of its classes begin with.
    types: the `model_type` that config.json may have; the folder may hold more than the tracker.
    colours: those of the frames, where the folder names none. get: what `hf download` takes.
    needs: the libraries that it runs by.
    """

    package: str
    name: str
    types: tuple[str, ...]
    colours: Colours
    get: str
    needs: tuple[str, ...] = ("transformers",)

    def kind(self, end: str) -> Any:
        """Its class of that end: Model, Config, InferenceSession."""
        part = "configuration" if end == "Config" else "modeling"
        place = f"transformers.models.{self.package}.{part}_{self.package}"
        module = importlib.import_module(place)
        return getattr(module, self.name + end)


FAMILIES = {
    "sam2": Family(
        "sam2_video", "Sam2Video", ("sam2_video",), IMAGENET, "facebook/sam2.1-hiera-tiny"
    ),
    "sam3-tracker": Family(
        "sam3_tracker_video",
        "Sam3TrackerVideo",
        ("sam3_tracker_video", "sam3_video"),
        HALF,
        "facebook/sam3",
    ),
    "edgetam": Family(
        "edgetam_video",
        "EdgeTamVideo",
        ("edgetam_video",),
        IMAGENET,
        "yonigozlan/EdgeTAM-hf",
        ("transformers", "timm"),
    ),
}


def at_size(config: Any, size: int) -> Any:
    """The configuration of a network that sees frames of size x size pixels.

    Raises:
        UsageError: the network's cells do not fit such frames.
    """
    own = int(config.image_size)
    if size == own:
        return config
    step = _step(config)
    if size % step:
        lower = max(step, size // step * step)
        raise UsageError(
            f"size={size} must be a multiple of {step} px for this network, such as {lower} or "
            f"{lower + step}; its own is {own}"
        )
    if not isinstance(getattr(type(config), "image_size", None), property):
        sizes = [[side * size // own for side in two] for two in _grids(config)]
        config.vision_config.backbone_feature_sizes = sizes
        config.memory_attention_rope_feat_sizes = sizes[-1]
        config.prompt_encoder_config.image_size = size
    config.image_size = size  # SAM 3 sets all of this itself
    return config


def _grids(config: Any) -> list[list[int]]:
    """The feature maps' sizes (h, w), the finest first."""
    grids: list[list[int]] = config.vision_config.backbone_feature_sizes
    return grids


def _step(config: Any) -> int:
    """What the side of frames must be a multiple of, in pixels."""
    cell = int(config.image_size) // _grids(config)[-1][0]
    latents = getattr(config, "perceiver_resampler_num_latents_2d", 0)
    if latents:  # EdgeTAM cuts its map into as many windows
        return cell * math.isqrt(latents)
    return cell if hasattr(config.vision_config.backbone_config, "patch_size") else 2 * cell
