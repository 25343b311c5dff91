"""Frames -> method -> masks on disk: times every frame, writes whole sequences or nothing, resumes.

A run's folder holds run.json, log.txt, masks/<sequence>/<frame>.png, sequences/<sequence>.json
(what is known of a finished sequence) and timing.csv.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import logging
import os
import shutil
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

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
from vosbench.errors import DataError, MethodError, UsageError, VosbenchError
from vosbench.masks import ids, write_mask
from vosbench.types import Frame, Mask, PerSequence, Sequence

FrameDone = Callable[[str, int, int], None]  # sequence, frames done, frames in all


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
            _check_prompts(sequence, numbered=protocol.objects == "numbered")
            frames[name] = len(sequence.frames)
        except DataError as error:
            broken[name] = str(error)
    described = manifest.describe(config, dataset, chosen)
    folder = config.out / manifest.folder_name(described)
    if folder.exists() and config.overwrite == "never":
        raise UsageError(f"{folder} exists; use --overwrite missing to go on, always to start anew")
    try:
        if folder.exists() and config.overwrite == "always":
            shutil.rmtree(folder)
        (folder / "masks").mkdir(parents=True, exist_ok=True)
        (folder / "sequences").mkdir(exist_ok=True)
        for partial in (folder / "masks").glob(".*"):
            shutil.rmtree(partial)
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
    config, folder = planned.config, planned.folder
    log = _open_log(folder)
    missing = planned.missing
    log.info(
        "%s on %s: %d sequences, %d to do",
        config.method, config.dataset, len(planned.sequences), len(missing),
    )  # fmt: skip
    failed = dict(planned.broken)
    for name, error in planned.broken.items():
        log.error("%s: %s", name, error)
    here = config.workers == 1 and not config.scheduler
    threads = 0 if here else 1 if config.scheduler else (os.cpu_count() or 1) // config.workers
    work = functools.partial(
        segment_sequence,
        config,
        folder.resolve(),
        threads=threads,
        on_frame=on_frame if here else None,
    )
    try:
        for outcome in cluster.map_tasks(
            work, missing, workers=config.workers, scheduler=config.scheduler
        ):
            if outcome.error is not None:
                failed[outcome.task] = message_of(outcome.error)
                log.error(
                    "%s: %s", outcome.task, "".join(traceback.format_exception(outcome.error))
                )
            else:
                log.info("%s: done, %s", outcome.task, outcome.result)
            if on_sequence:
                on_sequence(outcome.task, failed.get(outcome.task))
    finally:
        done = [s for s in planned.sequences if is_done(folder, s)]
        try:
            manifest.finish(folder, done=done, failed=failed)
        finally:
            for handler in log.handlers[:]:
                handler.close()
                log.removeHandler(handler)
    return RunResult(folder, planned.sequences, tuple(s for s in missing if s in done), failed)


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


def segment_sequence(
    config: RunConfig,
    folder: Path,
    name: str,
    *,
    threads: int = 0,
    on_frame: FrameDone | None = None,
) -> dict[str, Any]:
    """Run the method over one sequence and leave its masks and its record in the run's folder.

    The masks appear under their name only when the last one is written.

    Returns:
        The record: frames, seconds per frame (reading and writing not counted), peak memory.
    """
    method = build_method(config.method, config.options, device=config.device, seed=config.seed)
    dataset = open_dataset(
        config.dataset, root=config.root, split=config.split, resolution=config.resolution
    )
    sequence = dataset.sequence(name)
    if isinstance(method, PerSequence):
        method = method.for_sequence(sequence.name, sequence.frame_names)
    if threads:
        cluster.limit_threads(threads)
    partial = folder / "masks" / f".{name}-{uuid.uuid4().hex[:8]}"
    partial.mkdir()
    try:
        record = _segment(method.segment, sequence, partial, config.device, on_frame)
        manifest.write_json(folder / "sequences" / f"{name}.json", record)
        final = folder / "masks" / name
        if final.is_dir():  # a worker thought dead has finished the same sequence
            shutil.rmtree(final)
        os.replace(partial, final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return {"frames": record["frames"], "seconds": round(sum(record["seconds"]), 3)}


def _segment(
    segment: Callable[..., Iterator[Mask]],
    sequence: Sequence,
    partial: Path,
    device: str,
    on_frame: FrameDone | None,
) -> dict[str, Any]:
    """Drive the method through one sequence, checking, timing and writing every mask."""
    prompts = {index: mask.copy() for index, mask in sequence.prompts.items()}
    if not prompts:
        raise DataError(f"{sequence.name} has no prompt: its first annotation is empty or missing")
    shape = next(iter(prompts.values())).shape
    allowed = {0}.union(*(ids(mask) for mask in prompts.values()))
    reader = _TimedReader(sequence, shape)
    seconds: list[float] = []
    digest = hashlib.sha256()
    masks = segment(iter(reader), prompts)
    total = len(sequence.frame_names)
    for index, frame_name in enumerate(sequence.frame_names):
        _synchronise(device)
        reader.seconds, started = 0.0, time.perf_counter()
        try:
            mask = next(masks)
        except StopIteration:
            raise MethodError(
                f"{sequence.name}: the method gave {index} masks for {total} frames; "
                "segment() must yield one mask per frame"
            ) from None
        _synchronise(device)
        seconds.append(time.perf_counter() - started - reader.seconds)
        _check_mask(mask, shape, allowed, f"{sequence.name}, frame {frame_name}")
        write_mask(partial / f"{frame_name}.png", mask)
        digest.update(mask.tobytes())
        if on_frame:
            on_frame(sequence.name, index + 1, total)
    if next(masks, None) is not None:
        raise MethodError(
            f"{sequence.name}: the method gave more than {total} masks for {total} frames"
        )
    return {
        "sequence": sequence.name,
        "frames": total,
        "frame_names": list(sequence.frame_names),
        "height": shape[0],
        "width": shape[1],
        "objects": sorted(allowed - {0}),
        "masks_sha256": digest.hexdigest(),
        "seconds": seconds,
        "peak_memory_bytes": _peak_memory(),
    }


class _TimedReader(Iterable[Frame]):
    """The frames of a sequence, checked for size; `seconds` counts the time spent reading."""

    def __init__(self, sequence: Sequence, shape: tuple[int, ...]) -> None:
        self.sequence, self.shape, self.seconds = sequence, shape, 0.0

    def __iter__(self) -> Iterator[Frame]:
        frames = iter(self.sequence.frames)
        for frame_name in self.sequence.frame_names:
            started = time.perf_counter()
            try:
                frame = next(frames)
            except StopIteration:
                raise DataError(
                    f"{self.sequence.name}: frame {frame_name} is missing; "
                    f"{len(self.sequence.frame_names)} frames were announced"
                ) from None
            self.seconds += time.perf_counter() - started
            if frame.shape[:2] != self.shape:
                raise DataError(
                    f"{self.sequence.name}: frame {frame_name} is "
                    f"{frame.shape[0]}x{frame.shape[1]} but its prompt is "
                    f"{self.shape[0]}x{self.shape[1]}; bring both to one size"
                )
            yield frame


def _check_mask(mask: Any, shape: tuple[int, ...], allowed: set[int], where: str) -> None:
    if not isinstance(mask, np.ndarray) or mask.shape != shape or mask.dtype != np.uint8:
        found = (
            f"{mask.shape} {mask.dtype}" if isinstance(mask, np.ndarray) else type(mask).__name__
        )
        raise MethodError(f"{where}: the method gave {found}, expected {shape} uint8")
    unknown = sorted(set(ids(mask)) - allowed)
    if unknown:
        raise MethodError(
            f"{where}: the method gave ids {unknown} that no prompt has; "
            f"the prompts' ids are {sorted(allowed - {0})}"
        )


def _check_prompts(sequence: Sequence, *, numbered: bool) -> None:
    """Raise DataError where the prompts cannot be scored under a protocol of numbered objects."""
    if not numbered or not sequence.prompts:
        return
    found = ids(sequence.prompts[min(sequence.prompts)])
    if found != tuple(range(1, len(found) + 1)):
        raise DataError(
            f"{sequence.name}: the first annotation has ids {set(found) or '{}'}, expected "
            f"1..{max(found, default=1)} without gaps; renumber them, or choose a protocol that "
            "takes any ids (--protocol prompted where the dataset offers it)"
        )


def _synchronise(device: str) -> None:
    if device.startswith("cuda"):
        sys.modules["torch"].cuda.synchronize(device)


def _peak_memory() -> int:
    """The largest resident size this process ever had, in bytes."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _open_log(folder: Path) -> logging.Logger:
    log = logging.getLogger(f"vosbench.run.{folder.name}")
    log.setLevel(logging.INFO)
    log.propagate = False
    handler = logging.FileHandler(folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return log


def load_manifest(folder: Path) -> dict[str, Any]:
    """The run.json of a run's folder; UsageError when it is none."""
    path = folder / "run.json"
    if not path.is_file():
        raise UsageError(f"{folder} is no run: it holds no run.json")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded
