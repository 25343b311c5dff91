"""A validated configuration -> a run's folder: which sequences are missing, and their computation.

A run's folder holds run.json, log.txt, masks/<sequence>/<frame>.png, sequences/<sequence>.json
(what is known of a finished sequence) and timing.csv.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import json
import logging
import os
import shutil
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vosbench import cluster, manifest
from vosbench.config import (
    RunConfig,
    build_method,
    card_of,
    choose_protocol,
    choose_sequences,
    open_dataset,
    resolve_root,
)
from vosbench.errors import DataError, UsageError, VosbenchError
from vosbench.masks import ids
from vosbench.pairs import check_numbered
from vosbench.segment import FrameDone, segment_sequence


@dataclasses.dataclass(frozen=True)
class RunResult:
    """Where a run lies, which sequences it holds, which were computed now and which failed."""

    folder: Path
    sequences: tuple[str, ...]
    computed: tuple[str, ...]
    failed: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A validated run before anything is computed: its folder and its sequences by length."""

    config: RunConfig
    folder: Path
    sequences: tuple[str, ...]
    frames: dict[str, int]
    broken: dict[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The sequences still to be computed, longest first."""
        todo = [s for s in self.frames if not is_done(self.folder, s)]
        return tuple(sorted(todo, key=lambda s: (-self.frames[s], s)))


def plan(config: RunConfig) -> Plan:
    """Validate everything that can be known before computing, and prepare the run's folder.

    Raises:
        UsageError: an unknown name or option, or a folder that holds another run.
        DataError: the dataset is not there, or its folder cannot be written.
    """
    card = card_of(config.dataset)
    root = resolve_root(card, config.root)
    config = dataclasses.replace(
        config,
        root=root.expanduser().absolute() if root else None,
        split=config.split or card.default_split,
        resolution=config.resolution or (card.resolutions[0] if card.resolutions else ""),
    )
    protocol = choose_protocol(card, config.protocol)
    build_method(config.method, config.options, device=config.device, seed=config.seed)
    dataset = open_dataset(
        config.dataset, root=config.root, split=config.split, resolution=config.resolution
    )
    chosen = choose_sequences(dataset.names, config.sequences)
    if not chosen:
        raise DataError(f"{config.dataset} has no sequences in split {config.split!r}")
    frames, broken = {}, {}
    for name in chosen:
        try:
            sequence = dataset.sequence(name)
            if protocol.objects == "numbered" and sequence.prompts:
                first = min(sequence.prompts)
                what = f"{name}, annotation {sequence.frame_names[first]}"
                check_numbered(ids(sequence.prompts[first]), what, card, protocol)
            frames[name] = len(sequence.frames)
        except DataError as error:
            broken[name] = str(error)
    described = manifest.describe(config, dataset, chosen)
    folder = config.out / manifest.folder_name(described)
    if folder.exists() and config.overwrite == "never":
        raise UsageError(f"{folder} exists; use --overwrite missing to go on, always to start anew")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(folder):
            if config.overwrite == "always":
                _empty(folder)
            (folder / "masks").mkdir(exist_ok=True)
            (folder / "sequences").mkdir(exist_ok=True)
            manifest.start(folder, described)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error}; choose another --out") from error
    return Plan(config, folder, chosen, frames, broken)


def run(
    planned: Plan,
    *,
    on_sequence: Callable[[str, str | None], None] | None = None,
    on_frame: FrameDone | None = None,
) -> RunResult:
    """Compute the missing sequences of a plan; one that fails does not stop the others.

    on_sequence: called with each sequence that ended and its error or None.
    on_frame: called after each frame where the work runs in this process.
    """
    folder = planned.folder
    with _alone_in(folder), _log_of(folder) as log:
        missing = planned.missing
        failed = dict(planned.broken)
        log.info("%s: %d of %d sequences to do", folder.name, len(missing), len(planned.sequences))
        for name, fault in planned.broken.items():
            log.error("%s: %s", name, fault)
        try:
            for outcome in _outcomes(planned, missing, on_frame):
                if outcome.error is None:
                    log.info("%s: done, %s", outcome.task, outcome.result)
                else:
                    failed[outcome.task] = message_of(outcome.error)
                    trace = "".join(traceback.format_exception(outcome.error))
                    log.error("%s: %s", outcome.task, trace)
                if on_sequence:
                    on_sequence(outcome.task, failed.get(outcome.task))
        finally:
            done = [s for s in planned.sequences if is_done(folder, s)]
            manifest.finish(folder, done=done, failed=failed)
        return RunResult(folder, planned.sequences, tuple(s for s in missing if s in done), failed)


def _outcomes(
    planned: Plan, missing: tuple[str, ...], on_frame: FrameDone | None
) -> Iterator[cluster.Outcome]:
    """The missing sequences' outcomes, from wherever the configuration sends the work."""
    config = planned.config
    here = config.workers == 1 and not config.scheduler
    threads = 0 if here else 1 if config.scheduler else (os.cpu_count() or 1) // config.workers
    work = functools.partial(
        segment_sequence,
        config,
        planned.folder.resolve(),
        threads=0 if here else max(1, threads),
        on_frame=on_frame if here else None,
    )
    return cluster.map_tasks(work, missing, workers=config.workers, scheduler=config.scheduler)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep a second process out of a run's folder, and sweep up what killed ones left behind.

    The lock goes with the process, however it ends.
    """
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another process is at work in {folder}; wait for it") from None
        try:
            _sweep(folder)
            yield
        finally:
            _sweep(folder)


def _empty(folder: Path) -> None:
    for path in folder.glob("[!.]*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _sweep(folder: Path) -> None:
    for partial in (folder / "masks").glob(".*"):
        shutil.rmtree(partial)


@contextlib.contextmanager
def _log_of(folder: Path) -> Iterator[logging.Logger]:
    """A logger that adds to the run's log.txt."""
    log = logging.getLogger(f"vosbench.run.{folder.name}")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        handler.close()


def is_done(folder: Path, sequence: str) -> bool:
    """Whether a run's folder holds the whole sequence."""
    return (folder / "masks" / sequence).is_dir() and (
        folder / "sequences" / f"{sequence}.json"
    ).is_file()


def message_of(error: BaseException) -> str:
    """One message for the user: ours as it is, the method's own error with its type."""
    if isinstance(error, VosbenchError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error}; make room or mend the folder, then give the same command again"
    return f"{type(error).__name__}: {error} (traceback in log.txt)"


def load_manifest(folder: Path) -> dict[str, Any]:
    """The run.json of a run's folder; UsageError when it is none."""
    path = folder / "run.json"
    if not path.is_file():
        raise UsageError(f"{folder} is no run: it holds no run.json")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
