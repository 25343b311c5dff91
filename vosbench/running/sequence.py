"""Run a method on one sequence; its checked and timed masks are written all or not at all."""

from __future__ import annotations

import contextlib
import functools
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench.errors import VosbenchError, described
from vosbench.files import remove, replace, write_json
from vosbench.provenance import made_by
from vosbench.resolve import build_method
from vosbench.running import directions, workers
from vosbench.running.driving import Drive, FrameDone
from vosbench.running.measured import Calling, calling_of, forget_peak
from vosbench.running.records import data_sha256, of_program, record_of, write_told
from vosbench.running.resolved import dataset_of
from vosbench.running.silence import watching
from vosbench.running.whole import is_done
from vosbench.types import (
    Dataset,
    HasRemarks,
    Method,
    PerSequence,
    RunsProgram,
    Sequence,
)

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig

After = Callable[[Sequence, Path], None]  # a sequence that is done, the folder of its masks


class Made(NamedTuple):
    """A sequence whose masks are made: frames, the method's seconds, what `after` raised or ""."""

    frames: int
    seconds: float
    trouble: str


def segment_sequence(
    config: RunConfig,
    method: Method | PerSequence,
    dataset: Dataset,
    folder: Path,
    name: str,
    *,
    on_frame: FrameDone | None = None,
    after: After | None = None,
) -> Made:
    """Run the method over one sequence and leave its masks and its record in the run's folder.

    The masks appear under their name only when the last one is written. The record tells the
    method's seconds for each frame, reading and writing not counted, and the peak of memory.

    after: called when masks and record are there; what it raises costs neither.
    """
    forget_peak()
    sequence = dataset.sequence(name)
    given = data_sha256(sequence)
    calling = calling_of(config.method, name)
    partial = folder / "masks" / f".{name}-{uuid.uuid4().hex[:8]}"
    partial.mkdir()
    run = functools.partial(_segment, method, config=config, calling=calling)
    try:
        with contextlib.chdir(os.curdir):  # a method may go elsewhere, this process stays
            if config.direction == "both":
                record, told = directions.both_ways(sequence, partial, run, on_frame=on_frame)
            else:
                record, told = run(sequence, partial, on_frame=on_frame)
        workers.end_after(None)
        record |= {"data_sha256": given, "made_by": made_by()}
        _leave(partial, folder, name, record, told)
    except BaseException:
        with contextlib.suppress(OSError):
            remove(partial, inside=folder)
        raise
    trouble = ""
    if after is not None:
        try:
            after(sequence, folder / "masks" / name)
        except Exception as error:
            trouble = str(error) if isinstance(error, VosbenchError) else described(error)
    return Made(record["frames"], round(sum(record["seconds"]), 3), trouble)


def segment_by_name(
    config: RunConfig, folder: Path, name: str, *, threads: int, after: After | None = None
) -> Made:
    """The same in a process of its own, which gets only names.

    threads: as many for each library; 0 as the process was started.
    """
    if is_done(folder, name):  # and the process that made it ended before it could say so
        record = record_of(folder, name)
        trouble = "its process ended after its masks were made"
        return Made(record["frames"], round(sum(record["seconds"]), 3), trouble)
    method, dataset = _opened(config, folder)
    if threads:
        workers.limit_threads(threads)
    return segment_sequence(
        config, method, dataset, folder, name, on_frame=workers.tell, after=after
    )


_last: tuple[tuple[Path, int], tuple[Method, Dataset]] | None = None


def _opened(config: RunConfig, folder: Path) -> tuple[Method, Dataset]:
    """The run's method and dataset, made once in this process for all of the run's sequences.

    A run starts by writing run.json, so its time tells one run from the next in one folder.
    """
    global _last
    key = folder.resolve(), (folder / "run.json").stat().st_mtime_ns
    if _last is None or _last[0] != key:
        _last = None  # the former method's memory is given back before the next one is built
        built = build_method(config.method, config.options, device=config.device, seed=config.seed)
        dataset = dataset_of(config)
        _last = key, (built, dataset)
    return _last[1]


def _leave(
    partial: Path, folder: Path, name: str, record: dict[str, Any], told: dict[str, Any]
) -> None:
    """Give finished masks their name, then write the record that makes them count.

    told: what the method was told in place of masks, kept beside them; {} for masks.

    Where another worker, thought dead, has just finished the same sequence, its masks stay.
    """
    try:
        replace(partial, folder / "masks" / name, inside=folder)
    except OSError:
        if not (folder / "masks" / name).is_dir():
            raise
        remove(partial, inside=folder)
    if told:
        write_told(folder, told)
    write_json(folder / "sequences" / f"{name}.json", record)


def _segment(
    method: Method | PerSequence,
    sequence: Sequence,
    partial: Path,
    *,
    config: RunConfig,
    calling: Calling,
    on_frame: FrameDone | None,
    told: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a method go through the frames of a sequence once, with all that it says of them.

    told: what the method was told of these frames before, where this is not the first pass.

    Returns:
        The record of the sequence, and what the method was told in place of masks, {} for masks.
    """
    seconds: list[float] = []
    own: object = None  # what is this sequence's alone
    workers.end_after(config.timeout)
    if isinstance(method, PerSequence):
        with calling():
            own = method = method.for_sequence(sequence.name, sequence.frame_names)
    with watching(sequence.name, len(sequence.frame_names), seconds):
        drive = Drive(method, sequence, partial, config, calling, seconds=seconds, told=told)
        drive.go(on_frame)
    record = drive.record()
    with calling():
        record["remarks"] += map(str, own.remarks) if isinstance(own, HasRemarks) else []
    if isinstance(method, RunsProgram) and method.ran is not None:
        record |= of_program(method.ran, record)
    return record, drive.told
