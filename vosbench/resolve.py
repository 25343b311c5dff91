"""Turn names into what they mean: a dataset, a method, sequences, a device."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vosbench import registry
from vosbench.errors import UsageError, did_you_mean, nearest, needing
from vosbench.options import as_typed, default_of, filled
from vosbench.types import Dataset, DatasetCard, Method, ReadsFiles, check_name


def check_device(device: str) -> None:
    """Raise UsageError unless this machine can put a tensor on the device."""
    if device == "cpu":
        return
    with needing(f"--device {device}"):
        import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--device {device} cannot be used here: {reason}; use cpu") from None


def method_options(name: str, values: Mapping[str, Any]) -> Any:
    """The method's Options from `values` (strings are converted by each field's type).

    Raises:
        UsageError: an unknown option (all valid ones are listed) or a value of the wrong type.
    """
    plugin, module = registry.find("methods", name), registry.load_method(name)
    known = {f.name: f for f in dataclasses.fields(module.Options)}
    merged = {**plugin.defaults, **values}
    for key in merged:
        if key not in known:
            defaults = {k: plugin.defaults.get(k, default_of(f)) for k, f in known.items()}
            valid = (
                ", ".join(f"{k}={as_typed(default)}" for k, default in defaults.items()) or "none"
            )
            hint = nearest(key, known)
            raise UsageError(f"{name} has no option {key!r}; {hint}valid options: {valid}")
    return filled(module.Options, merged, what=f"{name} option")


def card_of(dataset: str) -> DatasetCard:
    """The card of a registered dataset."""
    return registry.load_dataset(dataset).CARD


def resolve_root(card: DatasetCard, root: Path | None) -> Path | None:
    """The dataset's folder: `root`, or <card.folder> in it, else VOSBENCH_DATA/<card.folder>.

    Raises:
        UsageError: the dataset needs a folder, and neither is given.
    """
    if root is not None:
        inside = root / card.folder
        return inside if inside.is_dir() else root
    if not card.folder:
        return None
    data = os.environ.get("VOSBENCH_DATA")
    if data:
        return Path(data) / card.folder
    raise UsageError(
        f"where is {card.name}? give --root DIR, or set VOSBENCH_DATA to the folder that holds "
        f"{card.folder}/"
    )


def open_dataset(
    name: str, *, root: Path | None = None, split: str = "", resolution: str = ""
) -> Dataset:
    """Open a registered dataset; "" stands for the card's default split and resolution.

    Raises:
        DataError: among others, a name of a sequence that no file of ours may have.
    """
    module = registry.load_dataset(name)
    card = module.CARD
    root = resolve_root(card, root)
    opened = module.load(
        root,
        split=split or card.default_split,
        resolution=resolution or (card.resolutions[0] if card.resolutions else ""),
    )
    where = f"dataset {card.name}" + (f" at {root}" if root else "")
    for sequence in opened.names:
        check_name(sequence, "sequence", where)
    return opened


def build_method(name: str, values: Mapping[str, Any], *, device: str, seed: int) -> Method:
    """Build a registered method from its options, device and seed."""
    options = method_options(name, values)
    with needing(f"method {name!r}"):
        return registry.load_method(name).build(options, device=device, seed=seed)


def files_of(name: str, options: object) -> Mapping[str, Path]:
    """What a method with these options reads though no option names its path; often nothing."""
    plugin = registry.load_method(name)
    with needing(f"method {name!r}"):
        return plugin.files(options) if isinstance(plugin, ReadsFiles) else {}


def choose_sequences(names: tuple[str, ...], chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The chosen sequences in the dataset's order, all of them for (); UsageError if unknown."""
    for name in chosen:
        if name not in names:
            raise UsageError(f"unknown sequence {name!r}; {did_you_mean(name, names)}")
    return tuple(name for name in names if not chosen or name in chosen)
