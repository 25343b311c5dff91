"""The settings of a training: `--set` values and a recipe as three frozen dataclasses.

A key belongs to the method's Options (its architecture), to its Training (its own settings of
training) or to the Settings of the loop; a recipe names values for the last two.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vosbench import registry
from vosbench.errors import MissingExtraError, PluginError, UsageError, did_you_mean, nearest
from vosbench.options import default_of, filled
from vosbench.resolve import method_options
from vosbench.training.clips import Sampling
from vosbench.types import Trainable, TrainablePlugin

SMALLEST = 16  # px of a crop


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The loop's settings; the defaults are the compact recipe for two cores.

    steps, epochs: length; an epoch is one sample of every clip; 0 steps means: by epochs.
    batch: samples a step, over all processes.
    frames: of a sample; the last is the target, those before it are the references.
    gap_min, gap_max: frames between one and the next, drawn for each.
    short_side: the clips are stored at that (pixels); 0 keeps their size.
    crop: side of the square cut out (pixels); 0 takes the whole frame.
    resize: side of the square that a frame is then squashed to (pixels); 0 leaves it.
    reverse, flip: in half of the samples time runs backwards, left and right are swapped.
    skip_static: what moves less is drawn again: mean absolute difference of 0 to 255 between the
        target and the frame before it.
    schedule: after `warmup` steps of linear rise the rate falls as a half cosine, or as
        (1 - part done)^power, or stays. Where the length is given in epochs, `poly` falls once an
        epoch, as in the RPM-Net paper.
    clip_norm: largest norm of all gradients together; 0 leaves them.
    held_out: share of the clips never trained on, for the diagnostics; diagnosed: their samples.
    checkpoint_minutes: minutes between checkpoints, each with diagnostics and a picture.
    log_every: steps whose mean makes one line of the log.
    """

    steps: int = 2000
    epochs: int = 100
    batch: int = 8
    frames: int = 3
    gap_min: int = 1
    gap_max: int = 4
    short_side: int = 192
    crop: int = 128
    resize: int = 0
    reverse: bool = True
    flip: bool = True
    skip_static: float = 2.0
    optimizer: Literal["adam", "sgd"] = "adam"
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Literal["cosine", "poly", "constant"] = "cosine"
    warmup: int = 100
    power: float = 0.9
    clip_norm: float = 0.0
    held_out: float = 0.08
    diagnosed: int = 16
    checkpoint_minutes: float = 3.0
    log_every: int = 20

    def __post_init__(self) -> None:
        least = {
            "epochs": 1, "batch": 1, "frames": 2, "gap_min": 1, "gap_max": self.gap_min,
            "diagnosed": 1, "log_every": 1,
        }  # fmt: skip
        for key, value in dataclasses.asdict(self).items():
            bound = least.get(key, 0)
            if not isinstance(value, (str, bool)) and not value >= bound:
                raise UsageError(f"setting {key}={value}: expected {bound} or more")
        for key in ("crop", "resize"):
            if 0 < getattr(self, key) < SMALLEST:
                raise UsageError(
                    f"setting {key}={getattr(self, key)}: expected 0 or at least {SMALLEST} px, as "
                    "what is smaller has too few cells to match"
                )
        if self.diagnosed > 1024:
            raise UsageError(f"setting diagnosed={self.diagnosed}: expected 1024 samples at most")
        if not self.held_out < 1:
            raise UsageError(f"setting held_out={self.held_out}: expected less than 1")
        if self.crop and self.short_side and self.crop > self.short_side:
            raise UsageError(
                f"setting crop={self.crop} is larger than the clips, short_side={self.short_side}"
            )

    @property
    def sampling(self) -> Sampling:
        """The part that says how a sample is cut out of a clip."""
        names = [field.name for field in dataclasses.fields(Sampling)]
        return Sampling(**{name: getattr(self, name) for name in names})

    def epoch_steps(self, clips: int) -> int:
        """Steps of an epoch over so many clips."""
        return math.ceil(clips / self.batch)

    def total_steps(self, clips: int) -> int:
        """Steps of the whole training."""
        return self.steps or self.epochs * self.epoch_steps(clips)

    def rate(self, step: int, *, clips: int) -> float:
        """The learning rate of a step, counted from 0."""
        total = self.total_steps(clips)
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if self.schedule == "cosine":
            part = (step - self.warmup) / max(1, total - self.warmup)
            return self.lr * 0.5 * (1 + math.cos(math.pi * part))
        if self.schedule == "poly":
            unit = 1 if self.steps else self.epoch_steps(clips)
            return float(self.lr * (1 - (step // unit) / math.ceil(total / unit)) ** self.power)
        return self.lr


@dataclass(frozen=True)
class Chosen:
    """The values of one training: `options` and `training` are the method's own dataclasses.

    explicit: what was given with `--set`, for the folder's name and the command on the card.
    """

    method: str
    recipe: str
    options: Any
    training: Any
    settings: Settings
    explicit: Mapping[str, str]


def choose(method: str, values: Mapping[str, str]) -> Chosen:
    """Sort `--set` values into options, the method's training settings and the loop's.

    A name that is both an option and a training setting (the radius of a search may differ in
    training and in test) is said with its group: `options.radius`, `training.radius`.

    Raises:
        UsageError: the method cannot be trained; an unknown key, recipe or value.
        PluginError: a recipe of the method sets what is no setting of training.
    """
    plugin = trainable(method)
    groups: dict[str, type] = {
        "options": plugin.Options, "training": plugin.Training, "settings": Settings,
    }  # fmt: skip
    merged: dict[str, dict[str, Any]] = {group: {} for group in groups}
    explicit = dict(values)
    own = (name for name in plugin.RECIPES if method.endswith(f"-{name}"))
    recipe = explicit.pop("recipe", next(own, next(iter(plugin.RECIPES), "")))
    if recipe and recipe not in plugin.RECIPES:
        raise UsageError(
            f"{method} has no recipe {recipe!r}; {did_you_mean(recipe, plugin.RECIPES)}"
        )
    for key, value in plugin.RECIPES.get(recipe, {}).items():
        owners = [group for group in _owners(key, groups) if group != "options"]
        if len(owners) != 1:
            found = " and of ".join(owners) or "neither training nor settings"
            raise PluginError(f"{method}: {key!r} of its recipe {recipe!r} is of {found}")
        merged[owners[0]][key] = value
    for key, value in explicit.items():
        owners = _owners(key, groups)
        if not owners:
            raise UsageError(_unknown(method, key, groups))
        if len(owners) > 1:
            ways = " or ".join(f"{group}.{key}" for group in owners)
            raise UsageError(f"{method} has {key!r} twice; say which: {ways}")
        merged[owners[0]][key.rpartition(".")[2]] = value
    settings = filled(Settings, merged["settings"], what="setting")
    given = {key.rpartition(".")[2] for key in explicit}
    if "epochs" in given and settings.steps:
        raise UsageError(
            f"setting epochs={settings.epochs} counts with steps=0 only, and steps={settings.steps}"
            f"{'' if 'steps' in given else ' where it is not set'}; set steps=0, or no epochs"
        )
    return Chosen(
        method=method,
        recipe=recipe,
        options=method_options(method, merged["options"]),
        training=filled(plugin.Training, merged["training"], what=f"{method} training setting"),
        settings=settings,
        explicit=dict(values),
    )


def _owners(key: str, groups: Mapping[str, type]) -> list[str]:
    """The groups that have a key; a dotted key names its group."""
    group, _, name = key.rpartition(".")
    return [
        owner
        for owner, kind in groups.items()
        if group in ("", owner) and name in {field.name for field in dataclasses.fields(kind)}
    ]


def trainable(method: str) -> TrainablePlugin:
    """The method's plugin; UsageError with all that can be trained where it cannot."""
    plugin = registry.load_method(method)
    if not isinstance(plugin, Trainable):
        names = [n for n in registry.names("methods") if _can_be_trained_by_name(n)]
        raise UsageError(
            f"{method} is not a method that is trained; these are: {', '.join(names) or 'none'}"
        )
    return plugin


def _can_be_trained_by_name(name: str) -> bool:
    try:
        return isinstance(registry.load_method(name), Trainable)
    except (PluginError, MissingExtraError):
        return False


def _unknown(method: str, key: str, groups: Mapping[str, type]) -> str:
    """The message for an unknown key: the nearest one, then all of them by group."""
    variant = registry.find("methods", method).defaults
    valid = {
        group: {
            field.name: variant.get(field.name, default_of(field))
            if group == "options" else default_of(field)
            for field in dataclasses.fields(kind)
        }
        for group, kind in groups.items()
    }  # fmt: skip
    everything = ["recipe", *(name for names in valid.values() for name in names)]
    hint = nearest(key, everything)
    lines = [f"{method} has no option or setting {key!r}; {hint}valid are recipe=NAME and"]
    for group, names in valid.items():
        lines.append(f"  {group}: {', '.join(f'{k}={v}' for k, v in names.items()) or 'none'}")
    return "\n".join(lines)
