"""A validated configuration -> a run's folder: which sequences are missing, and their computation.

What lies in the folder is told in run_folder.py, how one sequence is done in segment.py.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from vosbench.errors import DataError, UsageError, VosbenchError
from vosbench.files import alone_in
from vosbench.masks import ids
from vosbench.protocols import check_numbered, choose_protocol
from vosbench.resolve import (
    build_method,
    card_of,
    check_device,
    choose_sequences,
    open_dataset,
    resolve_root,
)
from vosbench.running import cluster, manifest
from vosbench.running.config import RunConfig
from vosbench.running.folder import (
    data_sha256,
    discard,
    forget_scores,
    is_done,
    log_of,
    prepare,
    read_record,
)
from vosbench.running.sequence import FrameDone, segment_sequence
from vosbench.types import Sequence


@dataclasses.dataclass(frozen=True)
class RunResult:
    """Where a run lies, which sequences it holds, which were computed now and which failed."""

    folder: Path
    sequences: tuple[str, ...]
    computed: tuple[str, ...]
    failed: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A validated run before anything is computed.

    frames: number of frames of each sequence that can be run; broken: the others' faults.
    changed: finished sequences whose data are no longer the same; they are to be done again.
    """

    config: RunConfig
    folder: Path
    sequences: tuple[str, ...]
    frames: dict[str, int]
    broken: dict[str, str]
    changed: tuple[str, ...]

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
    if not config.scheduler:  # else it is the workers' device
        check_device(config.device)
    build_method(config.method, config.options, device=config.device, seed=config.seed)
    dataset = open_dataset(
        config.dataset, root=config.root, split=config.split, resolution=config.resolution
    )
    chosen = choose_sequences(dataset.names, config.sequences)
    if not chosen:
        raise DataError(f"{config.dataset} has no sequences in split {config.split!r}")
    opened: dict[str, Sequence] = {}
    frames, broken = {}, {}
    for name in chosen:
        try:
            sequence = opened[name] = dataset.sequence(name)
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
        with alone_in(folder):
            prepare(folder, anew=config.overwrite == "always")
            manifest.start(folder, described)
            changed = tuple(name for name in frames if _has_changed(folder, opened[name]))
            for name in changed:
                discard(folder, name)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error}; choose another --out") from error
    return Plan(config, folder, chosen, frames, broken, changed)


def _has_changed(folder: Path, sequence: Sequence) -> bool:
    record = read_record(folder, sequence.name)
    return record is not None and record["data_sha256"] != data_sha256(sequence)


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
    with alone_in(folder), log_of(folder) as log:
        missing = planned.missing
        failed = dict(planned.broken)
        log.info("%s: %d of %d sequences to do", folder.name, len(missing), len(planned.sequences))
        for name, fault in planned.broken.items():
            log.error("%s: %s", name, fault)
        if missing:
            forget_scores(folder)
            manifest.resume(folder)
        for name in missing:
            discard(folder, name)  # masks without a record, or fewer than it says
        try:
            for outcome in _outcomes(planned, missing, on_frame):
                if outcome.error is None and is_done(folder, outcome.task):
                    log.info("%s: done, %s", outcome.task, outcome.result)
                elif outcome.error is None:
                    failed[outcome.task] = f"a worker says done, but no masks are in {folder}; "
                    failed[outcome.task] += "workers must see the same folders under the same paths"
                    log.error("%s: %s", outcome.task, failed[outcome.task])
                else:
                    failed[outcome.task] = message_of(outcome.error)
                    trace = "".join(traceback.format_exception(outcome.error))
                    log.error("%s: %s", outcome.task, trace)
                if on_sequence:
                    on_sequence(outcome.task, failed.get(outcome.task))
        finally:
            done = [s for s in planned.sequences if s not in failed and is_done(folder, s)]
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


def message_of(error: BaseException) -> str:
    """One message for the user: ours as it is, the method's own error with its type."""
    if isinstance(error, VosbenchError):
        return str(error)
    if type(error).__name__ == "KilledWorker":
        return "its worker processes died, one after another: out of memory, or ended by the method"
    if isinstance(error, OSError):
        return f"{error}; make room or mend the folder, then give the same command again"
    return f"{type(error).__name__}: {error} (traceback in log.txt)"
