"""RPM-Net's options and its settings of training, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vosbench.errors import UsageError
from vosbench.toolbox.methods.weights import Release

SHAPE = ("backbone", "matching", "embed_dim", "norm", "colour")  # what weights are bound to
RECIPES: Mapping[str, Mapping[str, object]] = {
    "compact": {
        "start": "colour-reconstruction",
        "warps": 0.6,
        "reach": 2.5,
        "steps": 2400,
        "batch": 10,
        "frames": 2,
        "gap_min": 1,
        "gap_max": 2,
        "short_side": 192,
        "crop": 96,
        "optimizer": "adam",
        "lr": 1e-3,
        "schedule": "cosine",
        "warmup": 100,
        "clip_norm": 1.0,
    },
    "iterated": {  # for networks that are used several times a frame; ours, beyond the paper
        "teacher": "colour-reconstruction",
        "warps": 0.0,
        "mix": 0.4,
        "cutouts": 0.7,
        "reach": 4.0,
        "live": 0.0,
        "blurs": (0.0, 1.0, 2.0),
        "photometric": 2.0,
        "smoothness": 0.0,
        "steps": 3000,
        "batch": 6,
        "frames": 2,
        "gap_min": 1,
        "gap_max": 2,
        "short_side": 256,
        "crop": 128,
        "optimizer": "adam",
        "lr": 7e-4,
        "schedule": "cosine",
        "warmup": 100,
        "clip_norm": 1.0,
    },
    "correlation": {  # for our own module; how the encoder compares is kept, see Training.learn
        "start": "colour-reconstruction",
        "learn": "matching",
        "warps": 0.0,
        "mix": 0.0,
        "blurs": (0.0,),
        "smoothness": 0.0,
        "steps": 300,
        "batch": 6,
        "frames": 2,
        "gap_min": 1,
        "gap_max": 4,
        "short_side": 192,
        "crop": 128,
        "optimizer": "adam",
        "lr": 1e-3,
        "schedule": "cosine",
        "warmup": 50,
        "clip_norm": 1.0,
    },
    "paper": {  # section 4.1: t-5 and t, whole frames, SGD, rate falling once an epoch
        "start": "none",
        "warps": 0.0,
        "mix": 0.0,
        "blurs": (0.0,),
        "loss": "l2",
        "smoothness": 0.0,
        "drop": 0.0,
        "steps": 0,
        "epochs": 100,
        "batch": 8,
        "frames": 2,
        "gap_min": 5,
        "gap_max": 5,
        "short_side": 0,
        "crop": 0,
        "resize": 512,
        "flip": False,
        "reverse": False,
        "skip_static": 0.0,
        "optimizer": "sgd",
        "lr": 1e-3,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "schedule": "poly",
        "power": 0.9,
        "warmup": 0,
    },
}
# for rpmnet-memory, whose network matches as rpmnet-iterated's does
RECIPES = {**RECIPES, "memory": RECIPES["iterated"]}


@dataclass(frozen=True)
class Options:
    """The network, and how masks are carried with it; cells are of 4x4 px."""

    backbone: Literal[
        "compact",
        "resnet18",
        "resnet34",
        "resnet50",
        "resnet101",
        "resnet18-quarter",
        "resnet34-quarter",
    ] = "compact"
    matching: Literal[
        "conv-1",
        "conv-3",
        "conv-5",
        "dilation-3",
        "dilation-6",
        "dilation-9",
        "deformable",
        "correlation",
    ] = "deformable"
    embed_dim: int = 64  # channels of both frames' embeddings together, as in the paper's Table 1
    # The paper's. Group normalisation takes its statistics within an image, and with them from the
    # matching module the size of a motion that is the same everywhere: it then hardly learns.
    norm: Literal["group", "batch"] = "batch"
    colour: Literal["lab", "rgb"] = "lab"
    size: int = 256  # short side in px of what the network sees; 0: the frames' own
    shape: Literal["keep", "square"] = "keep"  # square: both sides are `size`, as in the paper
    warp_res: Literal["quarter", "full"] = "quarter"  # where masks are sampled: cells, or pixels
    propagate: Literal["hard", "soft"] = "soft"  # hard is Eq. 10 read literally: whole cells only
    border: Literal["zeros", "edge"] = "zeros"  # what is read outside the frame
    iterations: int = 1  # how often offsets are predicted, each time from where they led; paper: 1
    coarsest: int = 1  # cells averaged over at most: 1 in the last iteration, 2 in that before ...
    search: float = 0.0  # cells: how far away something more alike is then looked for; 0: nowhere
    memory: tuple[int, ...] = (1,)  # which frames are read, in frames back; the paper's: the last
    first: Literal["none", "direct", "chained", "both"] = "none"  # whether prompts' frames are, too
    gate: Literal["likeness", "none"] = "likeness"  # of several frames: those alike, or the mean
    init: Literal["identity", "gaussian"] = "identity"  # before training; the paper's is gaussian
    refine: Literal["none", "crf"] = "none"  # RPM-Net_R: a dense CRF of two iterations
    # The paper gives none of its parameters: ours, chosen on pasted objects, or pydensecrf's own.
    crf: Literal["pasted", "pydensecrf"] = "pasted"
    crf_in_loop: bool = False  # whether refined masks are carried on, or only given out
    weights: Literal["default", "none"] | Release | Path = "default"  # a release: 2026-11

    def __post_init__(self) -> None:
        if not 4 <= self.embed_dim <= 4096 or self.embed_dim % 4:
            raise UsageError(f"embed_dim={self.embed_dim} must be a multiple of 4, from 4 to 4096")
        if self.size and not 32 <= self.size <= 4096:
            raise UsageError(f"size={self.size} must be 0 (the frames' own) or 32 to 4096 px")
        if self.shape == "square" and not self.size:
            raise UsageError("shape=square needs a size, such as --set size=512")
        if not 1 <= self.iterations <= 100:
            raise UsageError(f"iterations={self.iterations} must be 1 to 100")
        if self.coarsest not in (1, 2, 4, 8):
            raise UsageError(f"coarsest={self.coarsest} must be 1, 2, 4 or 8 cells")
        if not 0 <= self.search <= 32:
            raise UsageError(f"search={self.search} must be 0 to 32 cells")
        if not self.memory or self.memory[0] != 1 or list(self.memory) != sorted({*self.memory}):
            given = ",".join(map(str, self.memory))
            raise UsageError(
                f"memory={given} must begin with 1, the frame before, and ascend: memory=1,2,4,8"
            )
        if self.memory[-1] > 100:
            raise UsageError(f"memory={self.memory[-1]} frames back must be 100 at most")
        if self.refine == "none" and (self.crf_in_loop or self.crf != "pasted"):
            given = "crf_in_loop=true" if self.crf_in_loop else f"crf={self.crf}"
            raise UsageError(f"{given} needs refine=crf")

    @property
    def shipped_as(self) -> str:
        """The name of shipped weights: that of the matching module, and of a larger backbone."""
        backbone = "" if self.backbone == "compact" else f"-{self.backbone}"
        return f"rpmnet-{self.matching}{backbone}"


@dataclass(frozen=True)
class Training:
    """First synthetic warps, whose offsets are known, then the photometric loss.

    start: weights that the encoder starts from: a path, the name of shipped ones, or none.
    warps: part of the training in which every sample is a synthetic warp.
    mix: share of samples that are synthetic warps afterwards.
    reach: largest motion of synthetic warps, in cells.
    blurs: deviations in cells of the blurs at which colours are compared; 0 is none. Without
        blur the loss leads only over one or two cells of motion.
    loss: squared L2 distance of colours (the paper's), or smooth L1.
    smoothness: weight of the offsets' gradient where the target has no edge; not with a teacher.
    drop: share of samples whose encoder misses one or two colour channels, the same in both frames.
    learn: what is trained: all, or only the matching module on the encoder as it starts.
    teacher: weights of colour-reconstruction, by path or name, whose matches lead every iteration
        (see teacher.py), or none: then the network learns as the paper's, with one iteration.

    cutouts: share of synthetic warps on which a cut-out moves on its own (see cutouts.py).

    What follows is for trainings with a teacher.

    live: part of the training in which batch normalisation takes its statistics from the batch.
        The iterations share one module, and their statistics differ.
    slack: how far from the teacher's match an offset may be, in cells; what is finer, colours say.
    robust: exponent of errors in cells; below 1, a few wrong matches weigh little, and the small
        errors of slow motions, which add up from frame to frame, weigh more.
    fade: weight of each iteration's loss over that of the next.
    photometric, sides, likeness: weights of three losses: colours; whether each cell is led to the
        right side of a region's border; and how alike embeddings of matching cells are.
    """

    start: str = "none"
    warps: float = 0.5
    mix: float = 0.25
    reach: float = 6.0
    blurs: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0)
    loss: Literal["l2", "smooth-l1"] = "smooth-l1"
    smoothness: float = 0.05
    drop: float = 0.0
    learn: Literal["all", "matching"] = "all"
    teacher: str = "none"
    cutouts: float = 0.0
    live: float = 1.0
    slack: float = 0.7
    robust: float = 0.5
    fade: float = 0.8
    photometric: float = 1.0
    sides: float = 10.0
    likeness: float = 0.1

    def __post_init__(self) -> None:
        for name in ("warps", "mix", "drop", "cutouts", "live", "fade"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name}={getattr(self, name)} must lie between 0 and 1")
        if self.reach <= 0 or self.smoothness < 0:
            raise UsageError(
                f"reach={self.reach} must be above 0, smoothness={self.smoothness} 0 or more"
            )
        if not 0 < self.robust <= 1:
            raise UsageError(f"robust={self.robust} must be above 0, at most 1")
        for name in ("slack", "photometric", "sides", "likeness"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name}={getattr(self, name)} must be 0 or above")
        if not self.blurs or min(self.blurs) < 0:
            raise UsageError(f"blurs={self.blurs} must be one or more deviations, 0 or above")

    def files(self) -> dict[str, Path]:
        """The weights that the training reads, by setting; UsageError where none are shipped."""
        named = {"start": self.start, "teacher": self.teacher}
        return {key: _weights(name) for key, name in named.items() if name != "none"}


def _weights(name: str) -> Path:
    """A file by its path, or shipped weights by their name."""
    from vosbench.toolbox.methods.weights import shipped

    path = Path(name).expanduser()
    return path if path.suffix or path.name != name else shipped(name)
