"""The mean of the weights of several trainings that differ in their seed alone.

Trainings that begin with the same weights end near each other, and what chance did to each is
smaller in their mean ("model soups", Wortsman et al., ICML 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vosbench.errors import DataError
from vosbench.files import check_shape
from vosbench.toolbox.methods import weights

# what trainings of a mean must share, by the keys of their cards
SAME = ("method", "options", "recipe", "all_options", "files", "training", "settings", "steps")
CARD = {
    **dict.fromkeys(("method", "recipe", "sha256", "command"), str),
    **dict.fromkeys(("options", "all_options", "files", "training", "settings"), dict),
    "seed": int, "steps": int, "wall_seconds": (int, float), "clips": {"sha256": str},
    "curve": list, "diagnostics": dict, "complaints": [str],
}  # fmt: skip
OWN = ("seed", "command", "sha256", "wall_seconds", "curve", "diagnostics", "complaints")


def mean(paths: Sequence[Path], out: Path) -> None:
    """Write the mean of weights and a card: that of the first, and of each what is its own.

    Args:
        paths: .safetensors, each with the card of its training.
        out: ends in .safetensors.

    Raises:
        DataError: weights are missing or damaged, have no card, or differ in more than the seed.
    """
    import torch

    states = [weights.state_of(path) for path in paths]
    cards = [_whole(path) for path in paths]
    first = cards[0]
    for path, card in zip(paths, cards, strict=True):
        for key in SAME:
            if card.get(key) != first.get(key):
                raise DataError(
                    f"{path} and {paths[0]} differ in {key}, so that a mean of them is no network; "
                    "take the mean of trainings that differ in their seed alone"
                )
        if card["clips"]["sha256"] != first["clips"]["sha256"]:
            raise DataError(f"{path} and {paths[0]} were trained on other clips; take others")
    state = {
        key: torch.stack([each[key] for each in states]).mean(0)
        if value.is_floating_point()
        else value  # counters of batch normalisation
        for key, value in states[0].items()
    }
    left_out = {"method", "options", "sha256", "curve", "scores"}
    card = {key: value for key, value in first.items() if key not in left_out}
    card |= {
        "diagnostics": _averaged([each["diagnostics"] for each in cards]),
        "complaints": list(dict.fromkeys(said for each in cards for said in each["complaints"])),
        "wall_seconds": round(sum(each["wall_seconds"] for each in cards), 1),
        "mean_of": [{key: each[key] for key in OWN} for each in cards],
    }
    weights.save(out, state, method=first["method"], options=first["options"], card=card)


def _whole(path: Path) -> dict[str, Any]:
    """The card of a training; DataError without one."""
    card = weights.card_of(path)
    check_shape(
        card, CARD, path.with_suffix(".json"), what="the card of a training",
        remedy="take the mean of weights that `vosbench train` made",
    )  # fmt: skip
    return card


def _averaged(figures: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """Figure by figure; None where any has none."""
    averaged: dict[str, float | None] = {}
    for key in figures[0]:
        told = [each.get(key) for each in figures]
        known = [value for value in told if isinstance(value, (int, float))]
        averaged[key] = float(f"{sum(known) / len(known):.5g}") if len(known) == len(told) else None
    return averaged
