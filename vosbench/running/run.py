"""A validated configuration -> a run's folder: which sequences are missing, and their computation.

What lies in the folder is told in folder.py, how one sequence is done in sequence.py. `plan`
only looks; `run` writes, and removes no mask before those that replace it are there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vosbench.errors import DataError, UsageError, VosbenchError
from vosbench.files import alone_in, give_back
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
from vosbench.results import load_manifest
from vosbench.running import cluster, manifest
from vosbench.running.config import RunConfig
from vosbench.running.folder import (
    building,
    change_places,
    discard,
    finished,
    forget_scores,
    has_changed,
    is_done,
    log_of,
    prepare,
    refuse_strangers,
    settle,
)
from vosbench.running.sequence import FrameDone, segment_sequence
from vosbench.types import Sequence, check_name


@dataclasses.dataclass(frozen=True)
class RunResult:
    """Where a run lies, which sequences it holds, which were computed now and which failed.

    former: the run whose place this one was to take, kept because this one is not whole.
    """

    folder: Path
    sequences: tuple[str, ...]
    computed: tuple[str, ...]
    failed: dict[str, str]
    former: Path | None = None


@dataclasses.dataclass(frozen=True)
class Plan:
    """A validated run before anything is computed.

    folder: where it is computed. described: its run.json.
    frames: number of frames of each sequence that can be run; broken: the others' faults.
    replaces: the run whose place this one takes when it is whole, under `--overwrite always`.
    anew: whether an earlier attempt in `folder` is of other data or options, and is not gone on
        with.
    """

    config: RunConfig
    folder: Path
    sequences: tuple[str, ...]
    frames: dict[str, int]
    broken: dict[str, str]
    described: dict[str, Any]
    replaces: Path | None = None
    anew: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The sequences still to be computed, longest first."""
        todo = [s for s in self.frames if self.anew or not is_done(self.folder, s)]
        return tuple(sorted(todo, key=lambda s: (-self.frames[s], s)))


def plan(config: RunConfig) -> Plan:
    """Validate everything that can be known before computing; nothing is removed or replaced.

    Raises:
        UsageError: an unknown name or option, or a folder that holds another run, other data's
            masks or what is none of a run.
        DataError: the dataset is not there, or the run's folder cannot be written.
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
    cluster.check(workers=config.workers, scheduler=config.scheduler)
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
    try:
        folder = _choose_folder(config.out, described, opened)
        if folder.exists() and config.overwrite == "never":
            raise UsageError(
                f"{folder} exists; use --overwrite missing to go on, always to start anew"
            )
        refuse_strangers(folder)
        replaces, anew = None, False
        if config.overwrite == "always" and (folder / "run.json").exists():
            replaces, folder = folder, building(folder)
            refuse_strangers(folder)
            anew = (folder / "run.json").exists() and not _goes_on(folder, described, opened)
        else:
            manifest.check(folder, described)
            _refuse_changed(folder, opened)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise DataError(f"{config.out} cannot be written: {error}; choose another --out") from error
    return Plan(config, folder, chosen, frames, broken, described, replaces, anew)


def _choose_folder(out: Path, described: dict[str, Any], opened: dict[str, Sequence]) -> Path:
    """The run's folder: of two runs of own data of one name, the later gets digits of its root.

    Own data that were moved, which shows in that they are not where they were but the same, are
    no others.
    """
    folder = out / check_name(manifest.folder_name(described), "folder", "runs")
    give_back(folder)
    if not described["own_data"]:
        return folder
    apart = manifest.apart(folder, described)
    give_back(apart)
    if apart.exists() or not (folder / "run.json").exists():
        return apart if apart.exists() else folder
    try:
        root = load_manifest(folder).get("root")
    except DataError:  # told, or replaced, by whoever comes next
        return folder
    if root is None or root == described["root"]:
        return folder
    done = finished(folder)
    same = done <= opened.keys() and not any(has_changed(folder, opened[name]) for name in done)
    return folder if same and not Path(root).exists() else apart


def _goes_on(folder: Path, described: dict[str, Any], opened: dict[str, Sequence]) -> bool:
    """Whether an earlier attempt is of the same run on the same data."""
    try:
        manifest.check(folder, described)
    except (UsageError, DataError):
        return False
    return not any(has_changed(folder, sequence) for sequence in opened.values())


def _refuse_changed(folder: Path, opened: dict[str, Sequence]) -> None:
    """UsageError where finished masks are of data that have changed since."""
    changed = [name for name, sequence in opened.items() if has_changed(folder, sequence)]
    if changed:
        some = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
        raise UsageError(
            f"{folder} holds masks of other data: the frames or prompts of {some} have changed "
            "since; use --overwrite always to make all of them anew, or another --out"
        )


def run(
    planned: Plan,
    *,
    on_sequence: Callable[[str, str | None], None] | None = None,
    on_frame: FrameDone | None = None,
) -> RunResult:
    """Compute the missing sequences of a plan; one that fails does not stop the others.

    A run that is to replace another takes its place when it is whole, or has all that the other
    has; until then the other is not touched.

    on_sequence: called with each sequence that ended and its error or None.
    on_frame: called after each frame where the work runs in this process.
    """
    folder, replaces = planned.folder, planned.replaces
    with contextlib.ExitStack() as held:
        for each in filter(None, (replaces, folder)):
            held.enter_context(alone_in(each))
            settle(each)
        prepare(folder, anew=planned.anew)
        manifest.start(folder, planned.described)
        log = held.enter_context(log_of(folder))
        missing = planned.missing
        failed = dict(planned.broken)
        log.info("%s: %d of %d sequences to do", folder.name, len(missing), len(planned.sequences))
        for name, fault in planned.broken.items():
            log.error("%s: %s", name, fault)
        if missing:
            forget_scores(folder)
            manifest.resume(folder)
        begun = []
        for name in missing:
            try:
                discard(folder, name)  # masks without a record, or fewer than it says
                begun.append(name)
            except DataError as error:
                failed[name] = str(error)
                log.error("%s: %s", name, error)
                if on_sequence:
                    on_sequence(name, failed[name])
        try:
            for outcome in _outcomes(planned, tuple(begun), on_frame):
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
        computed = tuple(s for s in missing if s in done)
        if replaces and (not failed or finished(replaces) <= set(done)):
            change_places(folder, replaces)
            folder, replaces = replaces, None
        return RunResult(folder, planned.sequences, computed, failed, replaces)


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
