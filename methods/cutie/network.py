"""The network and its configuration: rf-cutie's own files, read without hydra; weights of a file.

rf-cutie fills its ResNets with ImageNet weights, which it downloads, before any weights of Cutie
take their place. They are made empty here: a file of Cutie's weights fills them all.
"""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import resources
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from cutie.model.cutie import CUTIE
from cutie.model.utils import resnet
from vosbench.errors import DataError, UsageError
from vosbench.toolbox.methods.checkpoints import network_in

from .options import Options

STRIDE = 16  # pixels of a frame per cell of the memory
# a deprecated name of torch, which rf-cutie calls in every frame
warnings.filterwarnings("ignore", r"`torch\.cuda\.amp\.autocast", FutureWarning)


def configuration(options: Options) -> DictConfig:
    """What rf-cutie's own scripts would read from its files, with our options in it."""
    model, evaluation = _theirs("model/base.yaml"), _theirs("eval_config.yaml")
    if options.model == "small":
        model = _merged(model, _theirs("model/small.yaml"))
    ours = {
        "mem_every": options.mem_every, "max_mem_frames": options.max_mem_frames,
        "top_k": options.top_k, "use_long_term": options.long_term,
        "long_term": {"max_num_tokens": options.long_tokens}, "chunk_size": options.chunk_size,
        "max_internal_size": -1,  # frames are resized as eval_vos.py does, see method.py
        "flip_aug": False, "save_aux": False,
    }  # fmt: skip
    theirs = {name: evaluation[name] for name in ("long_term", "stagger_updates")}
    return _merged({"model": model}, theirs, ours)


def fitting(whole: DictConfig, *, cells: int) -> DictConfig:
    """The configuration for frames of so few cells that its figures are more than there are."""
    few = {
        "top_k": min(whole.top_k, cells),
        "long_term": {
            "num_prototypes": min(
                whole.long_term.num_prototypes,
                (whole.long_term.max_mem_frames - whole.long_term.min_mem_frames) * cells,
            )
        },
    }
    return _merged(whole, few)


def _theirs(name: str) -> DictConfig:
    """One of rf-cutie's files of configuration."""
    read = OmegaConf.create((resources.files("cutie") / "config" / name).read_text("utf-8"))
    assert isinstance(read, DictConfig), name
    read.pop("defaults", None)  # which files hydra would read first
    return read


def _merged(*parts: DictConfig | dict[str, Any]) -> DictConfig:
    """Configurations as one; later ones win."""
    merged = OmegaConf.merge(*parts)
    assert isinstance(merged, DictConfig)
    return merged


def network(options: Options, *, seed: int) -> nn.Module:
    """The network on CPU, filled from options.weights, or random.

    Raises:
        UsageError: no weights are given.
        DataError: they are missing, damaged, or of another network.
    """
    if options.weights is None:
        raise UsageError(
            "cutie needs weights: --set weights=cutie-base-mega.pth, from "
            "github.com/hkchengrex/Cutie/releases, or weights=random to try it without"
        )
    with torch.random.fork_rng(devices=[]), _empty_resnets():
        torch.manual_seed(seed)
        made: nn.Module = CUTIE(configuration(options)).eval().requires_grad_(False)
    if options.weights != "random":
        needed = {name: _like(held) for name, held in made.state_dict().items() if _used(name)}
        try:
            found = network_in(options.weights, needed)
        except DataError as error:
            if "not of this network" not in str(error):
                raise
            raise DataError(
                f"{error}; --set model= must be as the file is, base or small"
            ) from None
        made.load_state_dict(found.state, strict=False)
    return made


def _used(name: str) -> bool:
    """Whether a tensor takes part in inference; counters and auxiliary losses do not."""
    return not name.startswith("aux_computer.") and not name.endswith("num_batches_tracked")


def _like(held: Tensor) -> Callable[[Tensor], bool]:
    return lambda found: found.shape == held.shape


@contextlib.contextmanager
def _empty_resnets() -> Iterator[None]:
    """Let rf-cutie make ResNets without the ImageNet weights that it would download."""
    makers: Mapping[str, Callable[..., Any]] = {
        name: getattr(resnet, name) for name in ("resnet18", "resnet50")
    }
    try:
        for name, make in makers.items():
            setattr(resnet, name, functools.partial(_unfilled, make))
        yield
    finally:
        for name, make in makers.items():
            setattr(resnet, name, make)


def _unfilled(make: Callable[..., Any], *, pretrained: bool = True, **others: Any) -> Any:
    return make(pretrained=False, **others)
