"""Do a suite's trainings: train, or take the mean of weights; keep, check and install them."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vosbench.errors import DataError, UsageError, VosbenchError
from vosbench.files import check_shape, remove, write_bytes
from vosbench.resolve import choose_method
from vosbench.suites.reading import Training
from vosbench.toolbox.methods import weights
from vosbench.training import loop
from vosbench.training.mean import mean
from vosbench.training.plan import TrainConfig, begun, plan_training


def weights_in(out: Path, name: str) -> Path:
    """Where the suite's folder keeps the weights of a training."""
    return out / "weights" / f"{name}.safetensors"


def make(
    training: Training, out: Path, videos: Path | None, *, device: str, bar: loop.Showing
) -> dict[str, Any]:
    """Make the weights if they are not there yet; give their card.

    Args:
        out: the suite's folder.
        videos: unlabelled clips.
        bar: such as `training` of cli/progress.py.

    Raises:
        UsageError: there are no clips.
        DataError: what is there is of another training, or weights of a mean do not go together.
        KeyboardInterrupt: the training was stopped; the same call continues it.
    """
    kept = weights_in(out, training.name)
    members = [weights_in(out, name) for name in training.mean]
    if not kept.is_file():
        if members:
            mean(members, kept)
        else:
            _train(training, out, videos, kept, device=device, bar=bar)
    return _card_of(training, kept, members)


def install(training: Training, options: Mapping[str, Any], kept: Path) -> None:
    """Copy weights to those that vosbench ships; UsageError if the method would not find them.

    What the method finds depends on what is there, so they are copied first, and taken back.
    """
    installed = weights.home(training.name, kept.stat().st_size)
    pairs = [(path.with_suffix(".json"), path) for path in weights.homes(training.name)]
    before = {
        path: path.read_bytes() if path.is_file() else None for pair in pairs for path in pair
    }
    _copy(kept, installed)
    for path in before:
        if path.parent != installed.parent:  # those of before, of another size
            remove(path, inside=weights.FOLDER)
    try:
        found = choose_method(training.method, options).own_files()
        if installed not in found.values():
            wanted = ", ".join(path.stem for path in found.values()) or "none"
            raise UsageError(
                f"{training.method} with these options does not read the weights "
                f"{training.name!r} but {wanted!r}; give the training that name, or remove install"
            )
    except VosbenchError:
        for path, content in before.items():
            if content is None:
                remove(path, inside=weights.FOLDER)
            else:
                write_bytes(path, content)
        raise


def _train(
    training: Training,
    out: Path,
    videos: Path | None,
    kept: Path,
    *,
    device: str,
    bar: loop.Showing,
) -> None:
    """Train, or continue a training that was stopped, and keep its weights."""
    if videos is None:
        raise UsageError("training needs unlabelled clips: give --videos DIR")
    config = TrainConfig(
        method=training.method, videos=videos, values={k: str(v) for k, v in training.set.items()},
        out=out / "trainings" / training.name, seed=training.seed, device=device, threads=1,
    )  # fmt: skip
    config = dataclasses.replace(config, resume=begun(config))
    ended = loop.train(plan_training(config), showing=bar)
    if ended.weights is None:
        raise KeyboardInterrupt  # the loop took Ctrl-C to end with a checkpoint; it goes on up
    _copy(ended.weights, kept)


def _copy(weights_file: Path, to: Path) -> None:
    """Copy a card and then its weights, so that weights always have their card."""
    to.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".json", ".safetensors"):
        write_bytes(to.with_suffix(suffix), weights_file.with_suffix(suffix).read_bytes())


def _card_of(training: Training, kept: Path, members: Sequence[Path]) -> dict[str, Any]:
    """The card of the weights that a training left.

    Raises:
        DataError: there is none, or it is of another training or of other members.
    """
    card = _kept_card(kept)
    checking = functools.partial(
        check_shape, card, path=kept.with_suffix(".json"), what="the card of a training",
        remedy=f"remove {kept} to train again",
    )  # fmt: skip
    checking({"command?": str, "mean_of?": [{"sha256": str}]})
    there, wanted = _told(card), _asked(training, members)
    if there != wanted:
        raise DataError(
            f"{kept} is of another training (method, seed, set): {there}; the suite says "
            f"{wanted}; remove it to train again, or give this training another name"
        )
    checking({"all_options": dict, "scores?": dict})
    return {"scores": {}, **card}


def _kept_card(kept: Path) -> dict[str, Any]:
    """The card of weights that the suite's folder keeps; DataError where either is missing."""
    if not kept.is_file():
        raise weights.no_file(kept, "the suite trains them, and a mean is held against them")
    card = weights.card_of(kept)
    if not card:
        raise DataError(
            f"{kept} has no card beside it; copy it there, or remove {kept} to train again"
        )
    return card


def _told(card: Mapping[str, Any]) -> str:
    """Which training a card is of, in the words of `_asked`."""
    if "mean_of" in card:
        return _mean_in_words(str(card.get("method")), (each["sha256"] for each in card["mean_of"]))
    command = card.get("command", "")
    try:
        words = shlex.split(command)
    except ValueError:  # it was edited, and its quotes do not close
        words = command.split()
    values = [after for word, after in itertools.pairwise(words) if word == "--set"]
    return " ".join(map(str, (card.get("method"), card.get("seed"), *sorted(values))))


def _asked(training: Training, members: Sequence[Path]) -> str:
    """Which training a suite asks for, in words."""
    if members:
        made = (_kept_card(path)["sha256"] for path in members)
        return _mean_in_words(training.method, made)
    values = sorted(f"{k}={Path(str(v)).name}" for k, v in training.set.items())
    return " ".join((training.method, str(training.seed), *values))


def _mean_in_words(method: str, hashes: Iterable[str]) -> str:
    return f"{method}, the mean of weights {', '.join(each[:8] for each in hashes)}"


def short(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The scores on a card: protocol, means, and J and F of each sequence."""
    return {
        "protocol": summary["protocol"]["name"],
        "sequences": len(summary["sequences"]),
        "list_sha256": summary["dataset"]["list_sha256"],
        **{m: {k: _rounded(v) for k, v in summary[m].items()} for m in ("J", "F")},
        "per_sequence": {
            row["sequence"]: {m: _rounded(row[m]["mean"]) for m in ("J", "F")}
            for row in summary["sequences"]
        },
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
