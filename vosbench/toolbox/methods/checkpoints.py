"""A checkpoint as people save it -> the tensors of the one network in it, by the network's names.

What wraps the network is found by what it holds, at any depth: `{"model": ...}`,
`{"teacher": ...}`, `module.`, `backbone.`, `_orig_mod.`, and DINOv2's chunks of blocks
(`blocks.0.3.` is block 3). Of a pickle nothing is run: what lies beside its tensors is passed over.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.toolbox.methods.weights import check_finite, no_file, state_of

# parts of names that torch.compile, FSDP and activation checkpointing put anywhere into them
_WRAPPERS = {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_CHUNKED = re.compile(r"((?:.*\.)?blocks)\.(\d+)\.(\d+)\.(.+)")


class _Beside:
    """Stands for what a pickle holds beside tensors; nothing of its name is imported or called."""

    def __new__(cls, *_: object) -> _Beside:
        return super().__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


_PASSED_OVER = {  # arguments, figures and paths, as trainings save them
    "argparse.Namespace",
    "numpy.dtype",
    "numpy.ndarray",
    *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),
    *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
    *(f"pathlib.{kind}Path" for kind in ("Posix", "PurePosix", "Windows")),
    *(f"pathlib._local.{kind}Path" for kind in ("Posix", "PurePosix", "Windows")),
}


class Network(NamedTuple):
    """One network of a checkpoint.

    place: what its names stand under in the file, "" for nothing. state: its tensors by its own
    names. others: how many tensors of the file are not of it.
    """

    place: str
    state: dict[str, Tensor]
    others: int


def network_in(
    path: Path, wanted: Mapping[str, Callable[[Tensor], bool]], *, key: str = ""
) -> Network:
    """The tensors of a network in a checkpoint, .safetensors or a pickle of state dicts.

    Args:
        path: the file.
        wanted: what the network needs: name -> whether a tensor fits.
        key: which network of several: what it stands under, or a part that only one has; `.` is
            the one that stands under nothing.

    Raises:
        DataError: the file is missing, no checkpoint or of another network.
        UsageError: it holds several such networks and `key` names none, or more than one.
    """
    tensors = _in_own_words(_tensors(path), wanted)
    places = _places(tensors, wanted)
    whole = [place for place in places if _fits(tensors, place, wanted)]
    if not whole:
        raise _misfit(path, tensors, max(places, key=lambda p: places[p], default=""), wanted)
    place = _chosen(path, whole, tensors, wanted, key)
    state = {name: tensors[place + name] for name in wanted}
    check_finite(path, state)
    return Network(place.removesuffix("."), state, len(tensors) - len(state))


def _tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file; the keys of nested mappings are joined by dots."""
    if path.is_dir():
        raise DataError(
            f"weights {path} are a folder: name the file in it with the network's state dict, "
            ".safetensors or .pth"
        )
    if not path.is_file():
        raise no_file(path, "put the network's state dict there, .safetensors or .pth")
    if path.suffix == ".safetensors":
        return state_of(path)
    allowed: list[Any] = [(_Beside, name) for name in sorted(_PASSED_OVER)]
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
            # one sentence is enough for what it then refuses
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a broken pickle raises
        raise DataError(
            f"weights {path} are no state dict that can be loaded safely: they are damaged or hold "
            f"more than tensors{_unsafe(path)}; save model.state_dict() alone, or as .safetensors"
        ) from error
    return dict(_flat(found))


def _unsafe(path: Path) -> str:
    """What a pickle holds that would have to be run, in words; "" where that is not known."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # not a zip file, or damaged
        return ""
    strange = sorted(set(names) - _PASSED_OVER)
    return f" ({', '.join(strange[:3])}{', ...' if len(strange) > 3 else ''})" if strange else ""


def _flat(found: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors of nested mappings in the order of the file; a mapping counts once."""
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [("", found)]
    while todo:
        name, value = todo.pop()
        if isinstance(value, Tensor) and name:
            yield name, value
        elif isinstance(value, Mapping) and id(value) not in seen:
            seen.add(id(value))
            within = f"{name}." if name else ""
            inner = [
                (f"{within}{key}", each) for key, each in value.items() if isinstance(key, str)
            ]
            todo += reversed(inner)


def _in_own_words(tensors: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    """The tensors by names without the wrappers, and blocks numbered on through their chunks.

    Names that the network has itself stay as they are.
    """
    inside = {part for name in wanted for part in name.split(".")}
    off = _WRAPPERS - inside
    plain = {
        ".".join(part for part in name.split(".") if part not in off): tensor
        for name, tensor in tensors.items()
    }
    if any(map(_CHUNKED.fullmatch, wanted)):
        return plain
    found = {name: match for name in plain if (match := _CHUNKED.fullmatch(name))}
    blocks: dict[str, set[tuple[int, int]]] = {}
    for match in found.values():
        blocks.setdefault(match[1], set()).add((int(match[2]), int(match[3])))
    numbers = {
        (head, *place): number
        for head, places in blocks.items()
        for number, place in enumerate(sorted(places))
    }
    return {
        f"{match[1]}.{numbers[match[1], int(match[2]), int(match[3])]}.{match[4]}"
        if (match := found.get(name))
        else name: tensor
        for name, tensor in plain.items()
    }


def _places(names: Iterable[str], wanted: Collection[str]) -> Counter[str]:
    """What names of the network stand under in the file, each with how many do."""
    places: Counter[str] = Counter()
    for name in names:
        starts = [0, *(dot.end() for dot in re.finditer(r"\.", name))]
        places.update(name[:start] for start in starts if name[start:] in wanted)
    return places


def _fits(
    tensors: Mapping[str, Tensor], place: str, wanted: Mapping[str, Callable[[Tensor], bool]]
) -> bool:
    return all(place + n in tensors and fits(tensors[place + n]) for n, fits in wanted.items())


def _chosen(
    path: Path, places: list[str], tensors: Mapping[str, Tensor], names: Collection[str], key: str
) -> str:
    """The one place that is meant; equal networks count as one."""
    shown = _short(places)
    if key:
        dotted = f".{key.strip('.')}."
        exact = [p for p in places if f".{p}" == dotted or (key == "." and not p)]
        meant = exact or [p for p in places if dotted in f".{p}"]
        if len(meant) == 1:
            return meant[0]
        which = "several networks" if meant else "no network"
        hint = did_you_mean(key, shown.values())
        raise UsageError(f"key={key} names {which} of weights {path}; {hint}")
    others = [
        place
        for place in places[1:]
        if not all(torch.equal(tensors[place + n], tensors[places[0] + n]) for n in names)
    ]
    if not others:
        return places[0]
    listed = [shown[place] for place in (places[0], *others)]
    raise UsageError(
        f"weights {path} hold {len(listed)} networks that fit, {', '.join(listed)}; say which is "
        f"meant: --set key={' or --set key='.join(listed)}"
    )


def _short(places: list[str]) -> dict[str, str]:
    """Each place by what tells it from the others: without the parts at both ends that all have."""
    parts = [place.split(".")[:-1] for place in places]
    first = _alike(parts)
    last = _alike([each[first:][::-1] for each in parts])
    short = [".".join(each[first : len(each) - last]) for each in parts]
    if not all(short) or len(set(short)) < len(short):
        short = [place.removesuffix(".") or "." for place in places]
    return dict(zip(places, short, strict=True))


def _alike(lists: list[list[str]]) -> int:
    """How many items all lists begin with."""
    ways = enumerate(zip(*lists, strict=False))
    return next((at for at, items in ways if len(set(items)) > 1), min(map(len, lists)))


def _misfit(
    path: Path,
    tensors: Mapping[str, Tensor],
    place: str,
    wanted: Mapping[str, Callable[[Tensor], bool]],
) -> DataError:
    """What the place that has most of a network lacks."""
    missing = sorted(name for name in wanted if place + name not in tensors)
    held = wanted.keys() - missing
    other = sorted(name for name in held if not wanted[name](tensors[place + name]))
    what = f"lacks {', '.join(missing[:3])}" if missing else f"has {other[0]} of another shape"
    return DataError(
        f"weights {path} are not of this network: the file {what} ({len(missing)} of "
        f"{len(wanted)} missing, {len(other)} of another shape); it holds "
        f"{', '.join([*list(tensors)[:3], '...']) if tensors else 'no tensor by name'}"
    )
