"""Save and load weights: safetensors with a card beside them; a pickle is never loaded.

`<name>.safetensors` holds the tensors (fp16) and, in its header, the method and the options they
were trained with; `<name>.json`, the card, holds how they were made and the file's sha256.
Those that vosbench ships lie in vosbench/weights/: each release, such as 2026-11, in a folder of
its name, and what is newer than all of them beside these folders; of that, files of more than 1 MB
in large/, which the repository has and the package has not: it is to stay small.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.errors import DataError, UsageError
from vosbench.files import irregular, read_json, write_bytes, write_json

if TYPE_CHECKING:
    from torch import Tensor, nn


FOLDER = Path(__file__).resolve().parents[2] / "weights"
LARGE = "large"  # its folder of what the package leaves out, see pyproject.toml
ELSEWHERE = f"not in vosbench's package, but in its repository: vosbench/weights/{LARGE}"
_SMALL = 1_000_000  # bytes


class Release(str):
    """The name of a release of the shipped weights, a year and a month: a type of `weights`.

    Raises:
        ValueError: the text has another form; whether there is such a release, `shipped` says.
    """

    __slots__ = ()

    def __new__(cls, text: object) -> Release:
        """Take text such as 2026-11; a Path of that name is a file."""
        if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d{2}", text):
            raise ValueError("expected a release of the shipped weights, such as 2026-11")
        return super().__new__(cls, text)


def releases() -> tuple[str, ...]:
    """The releases that are at hand, the latest first."""
    return tuple(
        sorted({p.parent.name for p in FOLDER.glob("*/*.safetensors")} - {LARGE}, reverse=True)
    )


def _places(release: str) -> tuple[str, ...]:
    """The folders in which weights of a release, or of any for "", are looked for, in order."""
    return (release,) if release else ("", LARGE, *releases())


def names(release: str = "") -> tuple[str, ...]:
    """What is shipped, by name, in any release or in this one."""
    places = [FOLDER / place for place in _places(release)]
    return tuple(sorted({path.stem for place in places for path in place.glob("*.safetensors")}))


def shipped(name: str) -> Path:
    """The path of the weights that vosbench ships under a name: the newest, or NAME@RELEASE.

    Raises:
        UsageError: there are none; it lists the names, or the releases.
    """
    stem, _, release = name.partition("@")
    if release and release not in releases():
        known = ", ".join(releases()) or "none"
        raise UsageError(
            f"no release {release!r} of the shipped weights is at hand (known: {known}); weights="
            "default takes the newest"
        )
    for place in _places(release):
        path = FOLDER / place / f"{stem}.safetensors"
        if path.is_file():
            return path
    known, where = ", ".join(names(release)) or "none", f" in {release}" if release else ""
    if not (release or (FOLDER / LARGE).is_dir()):
        known += f"; large ones are {ELSEWHERE}"
    raise UsageError(
        f"no weights are shipped as {stem!r}{where} (shipped: {known}); train them with `vosbench "
        "train` and give --set weights=PATH, or weights=none for an untrained network"
    )


def shipped_as(path: Path) -> str:
    """The name under which vosbench ships weights, NAME@RELEASE or NAME; "" for others.

    Those beside the releases have no release yet.
    """
    if path.suffix != ".safetensors" or not path.is_relative_to(FOLDER):
        return ""
    place = path.relative_to(FOLDER).parent.name
    return f"{path.stem}@{place}" if place in releases() else path.stem


def homes(name: str) -> tuple[Path, ...]:
    """Where weights that belong to no release yet may lie under a name: small ones, large ones."""
    return tuple(FOLDER / place / f"{name}.safetensors" for place in ("", LARGE))


def home(name: str, size: int) -> Path:
    """Where weights of so many bytes are to lie, to be shipped under a name."""
    return homes(name)[size > _SMALL]


def card_of(path: Path) -> dict[str, Any]:
    """The card beside the weights, {} if there is none.

    Raises:
        DataError: the card is damaged, or of other weights.
    """
    card = path.with_suffix(".json")
    if not card.is_file():
        return {}
    remedy = "copy it again beside its weights, or remove it"
    found = read_json(card, {"sha256": str}, what="a card of weights", remedy=remedy)
    if found["sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
        raise DataError(
            f"{path} is not the file that its card {card.name} describes: sha256 differs; "
            "copy both again from where they were trained, or remove them"
        )
    return found


def complaints_of(path: Path, method: str) -> tuple[str, ...]:
    """What a method's training complained of at its end, as the card of its weights tells.

    () where nothing does: a file of others, no card, a card of another method.
    """
    if path.suffix != ".safetensors" or not path.is_file():
        return ()
    try:
        card = card_of(path)
    except DataError:  # whoever loads the weights says it
        return ()
    said = card.get("complaints") if is_of(str(card.get("method")), method) else None
    return tuple(map(str, said)) if isinstance(said, list) else ()


def save(
    path: Path,
    state: Mapping[str, Tensor],
    *,
    method: str,
    options: Mapping[str, Any],
    card: Mapping[str, Any],
) -> None:
    """Write tensors as fp16 and the card beside them, each whole or not at all.

    Args:
        path: ends in .safetensors.
        state: tensors by name; whole numbers (counters of batch normalisation) keep their type,
            and so do those tensors of which fp16 would make infinity.
        options: the method's options that shape the network, JSON values.
        card: how the weights were made; method, options and sha256 are added.
    """
    from safetensors.torch import save as to_bytes

    halved = {key: _halved(value.detach()).cpu().contiguous() for key, value in state.items()}
    header = {"method": method, "options": json.dumps(dict(options), sort_keys=True)}
    content = _ordered(to_bytes(halved, metadata=header))
    write_bytes(path, content)
    made = {"method": method, "options": dict(options), **card}
    write_json(path.with_suffix(".json"), {**made, "sha256": hashlib.sha256(content).hexdigest()})


def _halved(value: Tensor) -> Tensor:
    """A tensor as fp16, where that holds all of its values; its largest is 65504."""
    half = value.half()
    return half if value.is_floating_point() and half.isfinite().all() else value


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its metadata by name: in no order, equal weights differ in sha256."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at multiples of 8
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def header_of(path: Path) -> tuple[str, dict[str, Any]]:
    """The method and the options that weights were trained with; ("", {}) if not noted.

    Raises:
        DataError: the file is missing or is no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise no_file(path, "expected a .safetensors file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
    except SafetensorError as error:
        raise DataError(
            f"weights {path} are not a safetensors file ({error}): damaged, or a pickle (.pth, "
            ".pt), which safetensors.torch.save_file converts"
        ) from None
    try:
        options = json.loads(header.get("options", "{}"))
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict):
        raise DataError(
            f"weights {path} are damaged: the options in their header are not a JSON object; copy "
            "the file again, or train it again with `vosbench train`"
        )
    return header.get("method", ""), options


def state_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, floating ones as float32.

    Raises:
        DataError: the file is missing or damaged.
    """
    from safetensors.torch import load_file

    header_of(path)
    state = {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
    check_finite(path, state)
    return state


def no_file(path: Path, wanted: str) -> DataError:
    """What is to be said of weights that are no file: they are missing, or something else."""
    if there := irregular(path):
        return DataError(f"weights {there}; {wanted}")
    return DataError(f"weights {path} are missing: {wanted}")


def check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Raise DataError if a tensor of a weights file holds NaN or infinity."""
    broken = [key for key, value in state.items() if not value.isfinite().all()]
    if broken:
        raise DataError(f"weights {path} are damaged: {broken[0]} holds values that are not finite")


def is_of(trained: str, method: str) -> bool:
    """Whether a header's method is this one or a variant of it: rpmnet-conv-3 is of rpmnet."""
    return trained == method or trained.startswith(f"{method}-")


def load(network: nn.Module, path: Path, options: Mapping[str, Any], *, method: str = "") -> None:
    """Fill a network from a weights file.

    Args:
        options: those of the network; where the file's header has other values for the same
            names, the network has another shape than the weights.
        method: who loads; a file whose header notes another method is refused.

    Raises:
        DataError: the file is missing, damaged, of another method or shape, or not its card's.
    """
    maker, trained = header_of(path)
    if method and maker and not is_of(maker, method):
        raise DataError(
            f"weights {path} were trained by {maker}, {method} cannot use them; give weights that "
            f"`vosbench train --method {method}` made, or weights=default"
        )
    other = {k: v for k, v in trained.items() if k in options and options[k] != v}
    if other:
        wanted = " ".join(f"--set {k}={v}" for k, v in other.items())
        has = ", ".join(f"{k}={options[k]}" for k in other)
        raise DataError(f"weights {path} were trained with other options than {has}; use {wanted}")
    card_of(path)
    state = state_of(path)
    try:
        network.load_state_dict(state)
    except RuntimeError:  # of many lines
        raise DataError(
            f"weights {path} do not fit the network: {_misfit(network.state_dict(), state)}; set "
            "the options that they were trained with, or give other weights"
        ) from None


def _misfit(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """What is other in tensors than in a network's own, in words."""
    faults = []
    for names, what in ((own.keys() - found.keys(), "lacks"), (found.keys() - own.keys(), "has")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            faults.append(f"it {what} {min(names)}{more}")
    shapes = [(k, *(tuple(x[k].shape) for x in (found, own))) for k in own if k in found]
    faults += [f"{k} is of {has}, not {wanted}" for k, has, wanted in shapes if has != wanted][:1]
    return ", ".join(faults)


def start_from(network: nn.Module, path: Path, *, prefix: str = "") -> list[str]:
    """Fill those tensors of a network that a weights file has with the same name and shape.

    Args:
        prefix: taken off the file's names where they have it, others are passed over.

    Returns:
        The names that were filled.

    Raises:
        DataError: the file is missing or damaged, not its card's, or nothing fits.
    """
    own = network.state_dict()
    card_of(path)
    found = {
        key.removeprefix(prefix): value
        for key, value in state_of(path).items()
        if key.startswith(prefix)
    }
    fitting = {k: v for k, v in found.items() if k in own and own[k].shape == v.shape}
    if not fitting:
        raise DataError(
            f"nothing in weights {path} fits the network: start from weights of the same backbone "
            "and number of channels, or with --set start=none"
        )
    network.load_state_dict(fitting, strict=False)
    return sorted(fitting)


def chosen(weights: Path | str, name: str) -> dict[str, Path]:
    """What an option `weights` means, for a plugin's `files`: {} for "none".

    Args:
        weights: "default" for the newest that are shipped as `name`, a release for those shipped
            in it, "none", or a file.
        name: what is shipped.
    """
    if weights == "none":
        return {}
    if isinstance(weights, Path):
        return {"weights": weights}
    return {"weights": shipped(name if weights == "default" else f"{name}@{weights}")}


def begun_from(weights: Path | str, name: str) -> dict[str, Path]:
    """What a training begins with: files and releases; nothing for "default", which it replaces."""
    return {} if weights == "default" else chosen(weights, name)
