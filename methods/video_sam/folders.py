"""A folder of weights, as `hf download` makes it, is looked at before anything is loaded."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from vosbench.errors import DataError
from vosbench.toolbox.methods.weights import header_of

from .families import FAMILIES, Family
from .pictures import Colours

PICKLES = (".bin", ".pt", ".pth", ".ckpt")
SETTINGS = ("video_preprocessor_config.json", "processor_config.json", "preprocessor_config.json")


class Folder(NamedTuple):
    """A folder of weights that was looked at: its files, and config.json's content."""

    path: Path
    tensors: tuple[Path, ...]
    config: Mapping[str, Any]


def look_at(path: Path, family: Family, model: str) -> Folder:
    """What a folder of weights holds.

    Raises:
        DataError: it is missing, or no such network, or one as a pickle only.
    """
    remedy = f"get one with `hf download {family.get} --local-dir {path.name or 'FOLDER'}`"
    if not path.is_dir():
        raise DataError(f"weights {path} {_no_folder(path, family)}")
    if not (path / "config.json").is_file():
        raise DataError(
            f"weights {path} has no config.json: expected a folder as `hf download` or "
            f"`save_pretrained` make it; {remedy}"
        )
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
        found = str(config["model_type"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise DataError(
            f"weights {path}: config.json is no JSON object with a model_type; {remedy}"
        ) from None
    if found not in family.types:
        other = [name for name, each in FAMILIES.items() if found in each.types]
        hint = f"use --set model={other[0]}" if other else remedy
        raise DataError(
            f"weights {path} hold a network of type {found!r}, but model={model} is "
            f"{' or '.join(map(repr, family.types))}; {hint}"
        )
    return Folder(path, _tensors(path, remedy), config)


def _no_folder(path: Path, family: Family) -> str:
    """What lies there in place of a folder of weights, and what to do."""
    wanted = "expected a folder with config.json and model.safetensors"
    if not path.is_file():
        owner, name = family.get.split("/")
        name = path.name if path.parent.name == owner else name  # typed as the hub has it
        return (
            f"is missing: {wanted}; get one with `hf download {owner}/{name} --local-dir "
            f"{path.name}`, or let it be downloaded: --set weights=hub:{owner}/{name}"
        )
    if (path.parent / "config.json").is_file():
        return f"is a file: {wanted}; give its folder, --set weights={path.parent}"
    remedy = f"get one with `hf download {family.get} --local-dir sam-weights`"
    if path.suffix in PICKLES:
        return (
            f"is a checkpoint of the authors' own code: {wanted}, which holds the same network for "
            f"transformers; {remedy}, or run their code by --method command"
        )
    return f"is a file: {wanted}; {remedy}"


def _tensors(path: Path, remedy: str) -> tuple[Path, ...]:
    """The safetensors files of a folder, each with a whole header; an index comes first."""
    single, index = path / "model.safetensors", path / "model.safetensors.index.json"
    if single.is_file():
        header_of(single)
        return (single,)
    if index.is_file():
        try:
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            parts = sorted(path / str(name) for name in names)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise DataError(f"weights {index} is damaged: it lists no files; {remedy}") from None
        for part in parts:
            header_of(part)
        return (index, *parts)
    pickles = sorted(each.name for each in path.iterdir() if each.suffix in PICKLES)
    if pickles:
        raise DataError(
            f"weights {path} holds {pickles[0]}, a pickle, which can run code and is never loaded: "
            f"expected model.safetensors; {remedy}"
        )
    raise DataError(f"weights {path} holds no model.safetensors; {remedy}")


def files(folder: Folder) -> dict[str, Path]:
    """All that is read of a folder."""
    first, *others = folder.tensors
    found = {"weights": first, "config": folder.path / "config.json"}
    found |= {f"weights-{number}": path for number, path in enumerate(others, 2)}
    settings = {name.removesuffix(".json"): folder.path / name for name in SETTINGS}
    return found | {name: path for name, path in settings.items() if path.is_file()}


def colours(folder: Folder, family: Family) -> Colours:
    """The colours that the network was trained with, as the folder has them.

    Raises:
        DataError: a file of settings is damaged, or has no such colours.
    """
    for path in (folder.path / name for name in SETTINGS):
        if path.is_file() and (found := _colours_in(path)):
            return found
    return family.colours


def _colours_in(path: Path) -> Colours | None:
    """What a file of settings says of colours; None where it says nothing of them."""
    remedy = "download the folder again, or remove the file to take the family's usual colours"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = found.get("video_processor") or found.get("image_processor") or found
        given = [found[f"image_{of}"] for of in ("mean", "std") if f"image_{of}" in found]
        mean, deviation = (tuple(map(float, each)) for each in given) if given else ((), ())
        bicubic = found.get("resample") == 3
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"weights: {path} is damaged: {error}; {remedy}") from None
    if not given:
        return None
    fine = len(mean) == len(deviation) == 3 and all(map(math.isfinite, (*mean, *deviation)))
    if not fine or min(deviation) <= 0:
        raise DataError(
            f"weights: {path} has image_mean {list(mean)} and image_std {list(deviation)}, "
            f"expected three numbers each, image_std above 0; {remedy}"
        )
    return Colours(mean, deviation, "bicubic" if bicubic else "bilinear")
