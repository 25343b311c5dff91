"""Run a method on one sequence; its checked and timed masks are written all or not at all."""

from __future__ import annotations

import contextlib
import functools
import os
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench.errors import DataError, MethodError, VosbenchError, blaming, described, needing
from vosbench.files import remove, replace, write_json
from vosbench.masks import MasksDigest
from vosbench.provenance import made_by
from vosbench.resolve import build_method, open_dataset
from vosbench.running import directions, prompting, workers
from vosbench.running.config import MASK
from vosbench.running.forms import Exchange
from vosbench.running.live import Live
from vosbench.running.measured import NO_MORE, Calling, begun, forget_peak, next_mask, peak_memory
from vosbench.running.pipeline import CORES, Ahead, Behind, is_slow
from vosbench.running.records import data_sha256, of_program, record_of
from vosbench.running.silence import watching
from vosbench.running.whole import is_done
from vosbench.stored import write_masks
from vosbench.types import (
    Dataset,
    Frame,
    HasRemarks,
    Layers,
    Masks,
    Method,
    PerSequence,
    RunsProgram,
    Sequence,
)

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig

FrameDone = Callable[[str, int, int], None]  # sequence, frames done, frames in all
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
        dataset = open_dataset(
            config.dataset,
            root=config.root,
            split=config.split,
            resolution=config.resolution,
            at=config.at,
        )
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
        prompting.write(folder, told)
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
        record, told = _driven(method, sequence, partial, config, on_frame, calling, seconds, told)
    with calling():
        said = [str(each) for each in own.remarks] if isinstance(own, HasRemarks) else []
    record["remarks"] += said
    if isinstance(method, RunsProgram) and method.ran is not None:
        record |= of_program(method.ran, record)
    return record, told


def _driven(
    method: Method,
    sequence: Sequence,
    partial: Path,
    config: RunConfig,
    on_frame: FrameDone | None,
    calling: Calling,
    seconds: list[float],
    told: dict[str, Any] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Drive the method through one sequence, checking, timing and writing every mask.

    seconds: empty; gets the time of each frame as it is done.
    """
    exchange = Exchange(method, sequence, marked=config.prompt != MASK)
    told = prompting.tell(method, sequence, exchange, config, calling=calling, before=told)
    first, empty, digest = min(sequence.prompts), 0, MasksDigest()
    threads = not config.scheduler and workers.cores() >= CORES * config.workers
    threads = threads and config.live is None  # which masks there are depends on the time
    skipped: list[int] = []
    kept: Masks | None = None

    def write(frame_name: str, kept: Masks) -> None:
        write_masks(partial, frame_name, kept)
        digest.add(kept)

    with (
        contextlib.closing(Ahead(checked(sequence, exchange))) as frames,
        Behind(write) as behind,
        contextlib.ExitStack() as held,
    ):
        live = Live(frames, config.live, max(sequence.prompts)) if config.live else None
        if live:
            held.callback(live.close)  # a thread of the method may wait for a frame
        with calling():
            masks = begun(exchange.begin(live or frames), sequence.name)
        total = len(sequence.frame_names)
        for index, frame_name in enumerate(sequence.frame_names):
            if threads and is_slow(seconds):
                threads = False
                frames.start()
                behind.start()
            if live and live.misses(index):
                assert kept is not None, "the first frame is shown"
                skipped.append(index)
                seconds.append(0.0)
                behind.put(frame_name, kept, borrowed=False)
                continue
            mask, took = next_mask(masks, frames, device=config.device, calling=calling)
            seconds.append(took)
            if mask is NO_MORE:
                raise MethodError(
                    f"{sequence.name}: the method gave {index} masks for {total} frames; "
                    "segment() must yield one mask per frame"
                )
            if live:
                live.took(took)
            kept = exchange.kept(mask, f"{sequence.name}, frame {frame_name}")
            behind.put(frame_name, kept, borrowed=kept is mask)
            empty += index < first and not (kept.stack if isinstance(kept, Layers) else kept).any()
            workers.end_after(config.timeout)
            if on_frame:
                on_frame(sequence.name, index + 1, total)
        if live:
            live.close()
        with calling():
            more = next(masks, NO_MORE)
        if more is not NO_MORE:
            raise MethodError(
                f"{sequence.name}: the method gave more than {total} masks for {total} frames"
            )
    return {
        "sequence": sequence.name,
        "frames": total,
        "frame_names": list(sequence.frame_names),
        "height": exchange.shape[0],
        "width": exchange.shape[1],
        "objects": exchange.numbers,
        "flattened": exchange.flattened,
        "masks_sha256": digest.sha256,
        "seconds": seconds,
        **({"skipped": skipped} if live else {}),
        "peak_memory_bytes": peak_memory(),
        "remarks": [
            *prompting.untold(told),
            *_remarks(sequence, exchange, late=first if 0 < first == empty else 0),
        ],
    }, told


def _remarks(sequence: Sequence, exchange: Exchange, *, late: int) -> Iterator[str]:
    """What a reader of the scores must know; late: how many frames before the first prompt."""
    if late:
        yield (
            f"the first prompt is on frame {sequence.frame_names[late]}; the {late} before it are "
            "background"
        )
    if exchange.flattened:
        yield (
            "objects overlap, or have ids that no label map holds, and the method knows nothing "
            f"else: {exchange.flattened}"
        )


def calling_of(method: str, sequence: str) -> Calling:
    """What is around each call of the method for a sequence."""
    return functools.partial(_calling, method, sequence)


@contextlib.contextmanager
def _calling(method: str, sequence: str) -> Iterator[None]:
    """Around a call of the method: whatever it raises is told in a sentence, with its line.

    The traceback goes along as a note, since a worker's exception travels without its cause.
    """
    try:
        with blaming(f"{sequence}: the method"), needing(f"method {method!r}"):
            yield
    except MethodError as error:
        if error.__cause__ is not None:
            error.add_note("".join(traceback.format_exception(error.__cause__)))
            error.__cause__ = None
        raise


def checked(sequence: Sequence, exchange: Exchange) -> Iterator[Frame]:
    """The frames of a sequence; DataError for one that is missing or has another size."""
    frames = iter(sequence.frames)
    for index, frame_name in enumerate(sequence.frame_names):
        try:
            frame = next(frames)
        except StopIteration:
            raise DataError(
                f"{sequence.name}: frame {frame_name} is missing; "
                f"{len(sequence.frame_names)} frames were announced"
            ) from None
        exchange.check_size(frame, sequence, index)
        yield frame
