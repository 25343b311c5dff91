"""RPM-Net (WACV 2020): moves masks along offsets that a matching module predicts.

Training: D4 samples the reference's colours at the offsets and must give the target's. Test: D4
samples the previous frame's masks. `matching` names the paper's modules; rpmnet-correlation is our
own variant, not the paper's. rpmnet-paper is the paper's network; rpmnet itself is small.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.errors import UsageError

from .options import RECIPES, SHAPE, Options, Training

if TYPE_CHECKING:
    from vosbench.toolbox.methods.encoder_card import EncoderCard

    from .method import RpmNet
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
    "Kim et al., RPM-Net: Robust Pixel-Level Matching Networks for Self-Supervised Video Object "
    "Segmentation, WACV 2020"
)
_ITERATED: Mapping[str, object] = {"iterations": 3, "coarsest": 4, "search": 4.0}
_MEMORY: Mapping[str, object] = {**_ITERATED, "memory": (1, 2, 4, 8), "first": "both"}
VARIANTS: Mapping[str, Mapping[str, object]] = {
    "rpmnet-conv-1": {"matching": "conv-1"},
    "rpmnet-conv-3": {"matching": "conv-3"},
    "rpmnet-conv-5": {"matching": "conv-5"},
    "rpmnet-dilation-3": {"matching": "dilation-3"},
    "rpmnet-dilation-6": {"matching": "dilation-6"},
    "rpmnet-dilation-9": {"matching": "dilation-9"},
    "rpmnet-correlation": {"matching": "correlation", "embed_dim": 128, "size": 384},
    # ours, beyond the paper
    "rpmnet-iterated": {**_ITERATED},
    "rpmnet-conv-3-iterated": {"matching": "conv-3", **_ITERATED},
    "rpmnet-conv-5-iterated": {"matching": "conv-5", **_ITERATED},
    "rpmnet-dilation-3-iterated": {"matching": "dilation-3", **_ITERATED},
    "rpmnet-dilation-6-iterated": {"matching": "dilation-6", **_ITERATED},
    "rpmnet-dilation-9-iterated": {"matching": "dilation-9", **_ITERATED},
    "rpmnet-memory": {**_MEMORY},
    "rpmnet-conv-3-memory": {"matching": "conv-3", **_MEMORY},
    "rpmnet-conv-5-memory": {"matching": "conv-5", **_MEMORY},
    "rpmnet-r": {"refine": "crf"},
    "rpmnet-paper": {
        "backbone": "resnet101",
        "size": 512,
        "shape": "square",
        "colour": "rgb",
        "init": "gaussian",
        "propagate": "hard",
    },
}


def files(options: Options) -> dict[str, Path]:
    """The weights that `build` reads, if any; UsageError where none are shipped for them."""
    from vosbench.toolbox.methods.weights import Release, chosen, names

    name, release = options.shipped_as, options.weights
    known = names(release if isinstance(release, Release) else "")
    if options.coarsest > 1 and f"{name}-iterated" in known:  # by the recipe of that name
        name = f"{name}-iterated"
    return chosen(release, name)


def _remarks(options: Options, read: Mapping[str, Path]) -> tuple[str, ...]:
    """A sentence where shipped weights are used otherwise than they were trained for."""
    from vosbench.toolbox.methods.weights import ELSEWHERE, card_of

    if options.coarsest == 1 or not read or isinstance(options.weights, Path):
        return ()
    name = read["weights"].stem
    training = card_of(read["weights"]).get("training")
    if not isinstance(training, dict):  # nobody tells
        return ()
    if training.get("teacher", "none") != "none":  # see unrolled.py
        if options.iterations > 1:
            return ()
        return (f"weights {name} were trained for several iterations, of which iterations=1 "
                "makes one",)  # fmt: skip
    where = "at hand for this network"
    if options.weights != "default":
        where = f"in release {options.weights}"
    elif options.backbone.endswith("-quarter"):
        where += f" ({ELSEWHERE})"
    return (
        f"weights {name} were trained for one iteration at one scale, not for "
        f"coarsest={options.coarsest}; none of recipe iterated are {where}",
    )


def build(options: Options, *, device: str, seed: int) -> RpmNet:
    """Make the method; DataError where its weights are missing or do not fit."""
    from .method import RpmNet
    from .network import make

    read = files(options)
    network = make(options, read, seed=seed)
    return RpmNet(options, network, device=device, remarks=_remarks(options, read))


def encoder(options: Options) -> EncoderCard:
    """E, as the weights hold it; `embed_dim` counts the channels of both frames together."""
    from vosbench.toolbox.methods.encoder_card import EncoderCard

    return EncoderCard(
        prefix="encoder.",
        backbone=options.backbone,
        dim=options.embed_dim // 2,
        norm=options.norm,
        colours=options.colour,
    )


def trainee(options: Options, training: Training, *, seed: int) -> Trainee:
    """What the training loop trains."""
    from vosbench.toolbox.methods.weights import begun_from

    from .network import make
    from .training import Trainee, start

    files = begun_from(options.weights, options.shipped_as)
    if training.learn == "matching" and not files and training.start == "none":
        raise UsageError("learn=matching keeps the encoder as it starts: give start=NAME or PATH")
    network = make(options, files, seed=seed)
    named = training.files()
    start(network, named)
    if "teacher" in named:
        from .unrolled import Unrolled

        return Unrolled(network, options, training, named["teacher"])
    return Trainee(network, options, training)
