"""A plan -> the masks of its missing sequences, each made whole, and the run's folder finished.

How one sequence is done is told in sequence.py, what lies in the folder in folder.py. No mask is
removed before those that replace it are there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.errors import DataError
from vosbench.files import alone_in
from vosbench.running import cluster, manifest
from vosbench.running.cluster import message_of
from vosbench.running.driving import FrameDone
from vosbench.running.folder import change_places, discard, forget_scores, log_of, prepare, settle
from vosbench.running.sequence import (
    After,
    Made,
    segment_by_name,
    segment_sequence,
)
from vosbench.running.whole import finished, is_done

if TYPE_CHECKING:
    from vosbench.running.plan import RunPlan
    from vosbench.types import Dataset

SequenceDone = Callable[[str, str | None], None]  # sequence, its error or None


@dataclasses.dataclass(frozen=True)
class RunResult:
    """Where a run lies, which sequences it holds, which were computed now and which failed.

    dataset: as it was opened for the run, to score with.
    former: the run whose place this one was to take, kept because this one is not whole.
    troubles: what `after` raised for sequences whose masks are made.
    """

    folder: Path
    dataset: Dataset
    sequences: tuple[str, ...]
    computed: tuple[str, ...]
    failed: dict[str, str]
    former: Path | None = None
    troubles: dict[str, str] = dataclasses.field(default_factory=dict)


def compute(
    plan: RunPlan,
    *,
    on_sequence: SequenceDone | None = None,
    on_frame: FrameDone | None = None,
    after: After | None = None,
) -> RunResult:
    """Compute the missing sequences of a plan; one that fails does not stop the others.

    A run that is to replace another takes its place when it is whole, or has all that the other
    has; until then the other is not touched.

    on_sequence: called with each sequence that ended and its error or None.
    on_frame: called after each frame, where the work stays on this machine.
    after: called with each sequence that is done and the folder of its masks, in the process that
        made them, so it must be picklable; its time counts nowhere, and what it raises costs no
        mask.
    """
    folder, replaces, sequences = plan.folder, plan.replaces, plan.resolved.sequences
    with contextlib.ExitStack() as held:
        for place in filter(None, (replaces, folder)):
            held.enter_context(alone_in(place))
            settle(place)
        prepare(folder, anew=plan.anew)
        missing = [  # now, under the lock
            name for name in plan.frames if name in plan.changed or not is_done(folder, name)
        ]
        manifest.start(folder, plan.described, computing=bool(missing))
        log = held.enter_context(log_of(folder))
        log.info("%s: %d of %d sequences to do", folder.name, len(missing), len(sequences))
        failed, troubles = dict(plan.broken), {}
        for name in failed:
            log.error("%s: %s", name, failed[name])
        for name, wrong in plan.damaged.items():
            log.warning("%s: %s; made anew", name, wrong)
        for name in plan.changed:
            log.warning("%s: its masks were changed since they were made; made anew", name)
        if missing:
            forget_scores(folder)
        whole = set(plan.frames) - set(missing)
        try:
            with contextlib.closing(_outcomes(plan, missing, log, on_frame, after)) as outcomes:
                for name, fault, made in outcomes:
                    if fault:
                        failed[name] = fault
                    else:
                        whole.add(name)
                    if made and made.trouble:
                        troubles[name] = made.trouble
                    if on_sequence:
                        on_sequence(name, fault)
        finally:  # a worker may have finished more than it could tell before a Ctrl-C
            left = [name for name in missing if name not in failed and name not in whole]
            whole.update(name for name in left if is_done(folder, name))
            done = [name for name in sequences if name in whole]
            manifest.finish(folder, done=done, failed=failed)
        computed = tuple(name for name in missing if name in whole)
        if replaces and (not failed or finished(replaces) <= whole):
            change_places(folder, replaces)
            folder, replaces = replaces, None
        return RunResult(
            folder, plan.resolved.dataset, sequences, computed, failed, replaces, troubles
        )


def _outcomes(
    plan: RunPlan,
    missing: list[str],
    log: logging.Logger,
    on_frame: FrameDone | None,
    after: After | None,
) -> Generator[tuple[str, str | None, Made | None], None, None]:
    """Each missing sequence as it ends, why it failed, and what was made; all goes to the log."""
    folder, config = plan.folder, plan.resolved.config
    begun = []
    for name in missing:
        try:
            discard(folder, name)  # masks without a record, or fewer than it says
            begun.append(name)
        except DataError as error:
            log.error("%s: %s", name, error)
            yield name, str(error), None
    at: dict[str, str] = {}

    def told(name: str, done: int, of: int) -> None:
        at[name] = f"; {done} of {of} masks were done"
        if on_frame:
            on_frame(name, done, of)

    for name, made, raised in cluster.map_tasks(
        _work(plan, on_frame, after),
        begun,
        workers=config.workers,
        scheduler=config.scheduler,
        apart=config.apart,
        told=told,
    ):
        if raised is not None:
            log.error("%s: %s", name, "".join(traceback.format_exception(raised)))
            said = message_of(raised, timeout=config.timeout, at=at.get(name, ""))
            yield name, said.removeprefix(f"{name}: "), None
        elif not is_done(folder, name):
            fault = (
                f"a worker says done, but no masks are in {folder}; "
                "workers must see the same folders under the same paths"
            )
            log.error("%s: %s", name, fault)
            yield name, fault, None
        else:
            log.info("%s: done, %d frames in %.3f s", name, made.frames, made.seconds)
            if made.trouble:
                log.warning("%s: its masks are made, then: %s", name, made.trouble)
            yield name, None, made


def _work(plan: RunPlan, on_frame: FrameDone | None, after: After | None) -> Callable[[str], Made]:
    """What does one sequence of a plan: here with what is open, elsewhere by names."""
    folder, config = plan.folder.resolve(), plan.resolved.config
    if plan.method is not None:
        return functools.partial(
            segment_sequence,
            config,
            plan.method,
            plan.resolved.dataset,
            folder,
            on_frame=on_frame,
            after=after,
        )
    threads = 1 if config.scheduler else 0
    return functools.partial(segment_by_name, config, folder, threads=threads, after=after)
