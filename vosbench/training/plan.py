"""Decide what to train, on what and where, before the first step; writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vosbench.errors import UsageError, needing
from vosbench.files import fingerprint, jsonable, read_json
from vosbench.options import paths_of
from vosbench.provenance import hashed
from vosbench.resolve import check_device
from vosbench.training.clips import Clip, prepare
from vosbench.training.settings import Chosen, choose, trainable
from vosbench.types import StartsFromFiles

PRECISIONS = ("32-true", "bf16-mixed")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What `vosbench train` is asked for.

    values: of `--set`, see settings.choose.
    processes: each takes its part of every batch. threads: of one process; 0 takes torch's number.
    resume: go on with the training in the folder, instead of refusing it.
    """

    method: str
    videos: Path
    values: Mapping[str, str] = field(default_factory=dict)
    out: Path = Path("trainings")
    seed: int = 0
    device: str = "cpu"
    precision: str = "32-true"
    processes: int = 1
    threads: int = 0
    resume: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise UsageError(f"unknown precision {self.precision!r}; known: {known}")
        for key, least in (("seed", 0), ("processes", 1), ("threads", 0)):
            if getattr(self, key) < least:
                raise UsageError(f"--{key} {getattr(self, key)}: expected {least} or more")
        if self.seed >= 2**63:  # what every generator of numbers takes
            raise UsageError(f"--seed {self.seed}: expected 0 to 2**63 - 1")


@dataclass(frozen=True)
class TrainingPlan:
    """A training that can begin.

    clips: those trained on. held: those looked at only. skipped: name -> why it is not used.
    identity: all that decides the weights, as JSON.
    """

    config: TrainConfig
    chosen: Chosen
    clips: tuple[Clip, ...]
    held: tuple[Clip, ...]
    skipped: Mapping[str, str]
    threads: int
    folder: Path
    identity: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.chosen.settings.total_steps(len(self.clips))

    @property
    def label(self) -> str:
        """The method and what was set for it, for people."""
        return " ".join([self.config.method, *_set_values(self.config, self.chosen)])


def plan_training(
    config: TrainConfig, *, progress: Callable[[str], None] = lambda name: None
) -> TrainingPlan:
    """Settle everything; decodes the clips that are not in the cache yet.

    Raises:
        UsageError: values that do not exist or do not fit together, or a folder that is in use.
        DataError: no clip can be used.
    """
    with needing("training", extra="train"):
        import lightning_fabric  # noqa: F401, needed later, by the loop
        import torch

    chosen = choose(config.method, config.values)
    settings = chosen.settings
    if settings.batch % config.processes:
        raise UsageError(
            f"a batch of {settings.batch} cannot be split over {config.processes} processes"
        )
    check_device(config.device)
    folder = config.out / _folder_name(config, chosen)
    _refuse_existing(folder, resume=config.resume)
    # Weights that are missing or of another network are refused before anything is written.
    trainable(config.method).trainee(chosen.options, chosen.training, seed=config.seed)
    files = hashed(
        {**paths_of(chosen.options), **paths_of(chosen.training), **_files_of_start(chosen)}
    )
    shortest = settings.sampling.shortest
    found = prepare(
        config.videos, short_side=settings.short_side, shortest=shortest, progress=progress
    )
    _check_sizes(found.usable, crop=settings.crop, squashed=bool(settings.resize))
    held, clips = _split(found.usable, share=settings.held_out, seed=config.seed)
    threads = config.threads or max(1, torch.get_num_threads() // config.processes)
    identity = {
        "method": config.method,
        "recipe": chosen.recipe,
        "options": jsonable(chosen.options),
        "files": files,
        "training": jsonable(chosen.training),
        "settings": jsonable(settings),
        "clips": {clip.name: clip.sha256 for clip in found.usable},
        "seed": config.seed,
        "device": config.device.partition(":")[0],
        "precision": config.precision,
        "processes": config.processes,
        "threads": threads,
    }
    made = TrainingPlan(config, chosen, clips, held, found.skipped, threads, folder, identity)
    if (folder / "training.json").is_file():
        _check_same(made)
    return made


def begun(config: TrainConfig) -> bool:
    """Whether there is such a training already, to be resumed."""
    folder = config.out / _folder_name(config, choose(config.method, config.values))
    return (folder / "training.json").is_file()


def _folder_name(config: TrainConfig, chosen: Chosen) -> str:
    """`<method>-<key>=<value>...` of what was set; a long one ends in a hash."""
    name = "-".join([config.method, *sorted(_set_values(config, chosen))])
    return name if len(name) <= 120 else f"{name[:100]}-{fingerprint(name)[:8]}"


def _files_of_start(chosen: Chosen) -> Mapping[str, Path]:
    """What the training reads though no setting names its path, such as shipped weights."""
    return chosen.training.files() if isinstance(chosen.training, StartsFromFiles) else {}


def _set_values(config: TrainConfig, chosen: Chosen) -> list[str]:
    """`key=value` of all that was set; a path by its last part."""
    seed = {"seed": str(config.seed)} if config.seed else {}
    return [f"{key}={Path(value).name}" for key, value in {**chosen.explicit, **seed}.items()]


def _refuse_existing(folder: Path, *, resume: bool) -> None:
    exists = (folder / "training.json").is_file()
    if exists and not resume:
        raise UsageError(
            f"{folder} holds a training; --resume continues it, another --out starts a new "
            "one, or remove that folder"
        )
    strangers = [] if exists else sorted(path.name for path in folder.glob("[!.]*"))
    if strangers:
        raise UsageError(
            f"{folder} holds {strangers[0]!r} but no training.json, so it is not of a training; "
            "move it away, or name another --out"
        )
    if resume and not exists:
        raise UsageError(f"there is nothing to resume in {folder}; remove --resume")


def _check_sizes(clips: tuple[Clip, ...], *, crop: int, squashed: bool) -> None:
    """A batch needs frames of one size: UsageError says which settings give it."""
    small = [clip for clip in clips if min(clip.shape[1:3]) < crop]
    if small:
        h, w = small[0].shape[1:3]
        raise UsageError(
            f"{len(small)} clips are smaller than crop={crop}, such as {small[0].name} with "
            f"{h}x{w}; set a smaller crop, or a short_side to enlarge them to"
        )
    if not crop and not squashed and len({clip.shape[1:3] for clip in clips}) > 1:
        raise UsageError("the clips have frames of different sizes; set crop or resize")


def _split(
    clips: tuple[Clip, ...], *, share: float, seed: int
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Clips to look at and clips to train on; the same ones where none can be spared."""
    number = min(len(clips) - 1, max(1, round(share * len(clips)))) if share else 0
    if not number:
        return clips, clips
    chosen = set(np.random.default_rng((seed, 3)).permutation(len(clips))[:number].tolist())
    held = tuple(clip for i, clip in enumerate(clips) if i in chosen)
    return held, tuple(clip for i, clip in enumerate(clips) if i not in chosen)


def _check_same(made: TrainingPlan) -> None:
    """UsageError listing what differs from the training in the folder."""
    path = made.folder / "training.json"
    before = read_json(
        path, {"identity": dict}, what="the record of a training",
        remedy="remove the folder to start over",
    )  # fmt: skip
    lines = list(_differences(before["identity"], json.loads(json.dumps(made.identity))))
    if lines:
        raise UsageError(
            "\n  ".join(
                [
                    f"{made.folder} cannot be resumed, it was started with other settings:",
                    *lines[:20],
                ]
            )
            + (f"\n  ... and {len(lines) - 20} more" if len(lines) > 20 else "")
            + "\nrepeat its own command with --resume, or give another --out"
        )


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in dict.fromkeys([*before, *now]):
            inner = f"{name} {key}".strip()
            found += _differences(before.get(key), now.get(key), inner)
        return found
    return [] if before == now else [f"{name}: {before} -> {now}"]
