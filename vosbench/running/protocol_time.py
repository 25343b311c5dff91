"""A run's method -> time.json: its seconds and memory by one protocol, so that figures compare.

One process of its own does, with nothing else beside it: the method is built, then given the whole
of the run's longest sequence, frame after frame; then the first frames of that once for each number
of objects. Reading frames is not counted and runs in no thread, masks are not written, and a GPU is
waited for before each look at the clock.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vosbench.errors import MethodError
from vosbench.files import alone_in, write_json
from vosbench.provenance import made_by
from vosbench.resolve import choose_method
from vosbench.running import cluster, machine, prompting, workers
from vosbench.running.cluster import message_of
from vosbench.running.config import MASK
from vosbench.running.driving import checked
from vosbench.running.folder import TIMES
from vosbench.running.forms import Exchange
from vosbench.running.measured import (
    NO_MORE,
    begun,
    calling_of,
    forget_peak,
    next_mask,
    peak_memory,
    resident,
)
from vosbench.running.pipeline import Ahead
from vosbench.running.resolved import dataset_of
from vosbench.types import Layers, Mask, Masks, Method, PerSequence, Sequence
from vosbench.videos import Reordered

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig
    from vosbench.running.plan import RunPlan

WARM_UP = 5  # frames: the prompt, what is set up once, and caches that fill
OBJECTS = (1, 2, 4, 8)
OF_OBJECTS = 25  # frames after the warm-up for each number of objects: a minute for slow methods
RULES = {
    "warm_up": WARM_UP,
    "frames_of_objects": OF_OBJECTS,
    "objects": "the union of the first prompt's objects, cut into strips of equal area, left to "
    "right",
    "counted": "from asking the method for a mask until it is there, the GPU waited for; no "
    "decoding of frames, no writing of masks; batch 1",
    "memory": "the resident size of the process after each mask; before: after the first frame was "
    "read, before the method and its libraries were loaded",
}


def told(plan: RunPlan) -> str:
    """What is about to be done, in a sentence."""
    name, frames = next(iter(plan.frames.items()))
    some = min(frames, WARM_UP + OF_OBJECTS)
    return (
        f"timing {name}, {frames} frames, then {some} of them with each of "
        f"{', '.join(map(str, OBJECTS))} objects, in a process of its own"
    )


def time_run(plan: RunPlan, folder: Path) -> dict[str, Any]:
    """Time the method of a run that is done, and write time.json into its folder.

    Raises:
        MethodError: the method failed, or its process ended; the run's masks stay.
    """
    config = plan.resolved.config
    name = next(iter(plan.frames))  # the longest
    work = functools.partial(measure, config)
    (outcome,) = cluster.map_tasks(work, [name], apart=True)
    if outcome.error is not None:
        said = message_of(outcome.error, timeout=config.timeout).removeprefix(f"{name}: ")
        raise MethodError(f"{name}: its masks are made, but were not timed: {said}") from None
    found = {
        "identity_sha256": plan.described["identity_sha256"],
        "label": plan.described["label"],
        "load_before": plan.load,
        **outcome.result,
    }
    with alone_in(folder):
        write_json(folder / TIMES, found)
    return found


def warnings(found: Mapping[str, Any]) -> list[str]:
    """What spoils the figures of a time.json."""
    share = found["others"]
    if share is None or share <= machine.BUSY:
        return []
    return [
        f"other programs took {100 * share:.0f} % of the cores meanwhile: these times are too long"
    ]


def measure(config: RunConfig, name: str) -> dict[str, Any]:
    """What is measured, in this process, which has done nothing else."""
    dataset = dataset_of(config)
    sequence = dataset.sequence(name)
    height, width = sequence.frames[0].shape[:2]
    others = machine.watch_others()
    gc.collect()
    forget_peak()
    before, started = resident(), time.perf_counter()
    chosen = choose_method(config.method, config.options)
    method = chosen.build(device=config.device, seed=config.seed)
    built = time.perf_counter() - started
    whole = _pass(config, method, sequence)
    peak, gpu = peak_memory(), _gpu_peak(config.device)
    return {
        "made_by": made_by(),
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "rules": RULES,
        "dataset": dataset.card.name,
        "sequence": name,
        "height": height,
        "width": width,
        "objects": whole.objects,
        "prompt": config.prompt,
        "device": config.device,
        "dtype": _dtype(chosen.options),
        "build_seconds": built,
        "seconds": whole.seconds,
        "before_bytes": before,
        "resident_bytes": whole.resident,
        "peak_bytes": peak,
        "gpu_bytes": whole.gpu,
        **gpu,
        "of_objects": list(_of_objects(config, method, sequence)),
        "others": others(),
        "machine": machine.described(config.device),
    }


class _Pass(NamedTuple):
    """One way through frames: of each the seconds and the bytes after it."""

    objects: int
    seconds: list[float]
    resident: list[int] | None
    gpu: list[int] | None


def _pass(config: RunConfig, method: Method, sequence: Sequence) -> _Pass:
    """Give the method the frames of a sequence."""
    total = len(sequence.frame_names)
    calling = calling_of(config.method, sequence.name)
    workers.end_after(config.timeout)
    if isinstance(method, PerSequence):
        with calling():
            method = method.for_sequence(sequence.name, sequence.frame_names)
    exchange = Exchange(method, sequence, marked=config.prompt != MASK)
    prompting.tell(method, sequence, exchange, config, calling=calling)
    seconds: list[float] = []
    sizes: list[int | None] = []
    gpu: list[int] = []
    with contextlib.closing(Ahead(checked(sequence, exchange))) as frames:
        with calling():
            masks = begun(exchange.begin(frames), sequence.name)
        for index in range(total):
            mask, took = next_mask(masks, frames, device=config.device, calling=calling)
            if mask is NO_MORE:
                raise MethodError(f"the method gave {index} masks for {total} frames")
            exchange.kept(mask, f"frame {sequence.frame_names[index]}")
            del mask
            seconds.append(took)
            sizes.append(resident())
            gpu += _gpu_now(config.device)
            workers.end_after(config.timeout)
    known = [size for size in sizes if size is not None]
    return _Pass(
        len(exchange.numbers), seconds, known if len(known) == total else None, gpu or None
    )


def _of_objects(
    config: RunConfig, method: Method, sequence: Sequence
) -> Iterator[dict[str, float]]:
    """For each number of objects the frames after the warm-up, and the seconds of all of them."""
    first = min(sequence.prompts)
    names = sequence.frame_names[first : first + WARM_UP + OF_OBJECTS]
    frames = Reordered(sequence.frames, range(first, first + len(names)))
    for number in OBJECTS:
        prompt = strips(sequence.prompts[first], number)
        if prompt is None or len(names) <= WARM_UP:
            continue
        part = dataclasses.replace(
            sequence, frames=frames, frame_names=names, prompts={0: prompt}, truth={}, objects={}
        )
        taken = _pass(config, method, part).seconds[WARM_UP:]
        yield {"objects": number, "frames": len(taken), "seconds": sum(taken)}


def strips(masks: Masks, number: int) -> Mask | None:
    """The union of all objects, cut into strips of equal area, numbered from left to right.

    None where the union has fewer pixels than there are to be strips. Areas differ by one pixel at
    most: where a column is cut, its upper part goes to the left.

    >>> strips(np.array([[5, 0, 7, 7], [5, 5, 0, 7]], np.uint8), 3)
    array([[1, 0, 2, 3],
           [1, 2, 0, 3]], dtype=uint8)
    """
    union = masks.stack.any(axis=0) if isinstance(masks, Layers) else np.asarray(masks) != 0
    columns, rows = np.nonzero(union.T)  # by columns, then rows
    if len(columns) < number:
        return None
    cut: Mask = np.zeros(union.shape, np.uint8)
    for value, part in enumerate(np.array_split(np.arange(len(columns)), number), 1):
        cut[rows[part], columns[part]] = value
    return cut


def _dtype(options: Any) -> str | None:
    """The numbers that the method computes in, where it has an option for that."""
    found = getattr(options, "dtype", None)
    return None if found is None else str(found)


def _gpu_now(device: str) -> list[int]:
    """The bytes that torch holds on the GPU; [] for another device."""
    if not machine.on_gpu(device):
        return []
    import torch

    return [torch.cuda.memory_allocated(device)]


def _gpu_peak(device: str) -> dict[str, int | None]:
    """The most that torch has held on the GPU, and reserved there, since this process began."""
    if not machine.on_gpu(device):
        return {"gpu_peak_bytes": None, "gpu_reserved_bytes": None}
    import torch

    return {
        "gpu_peak_bytes": torch.cuda.max_memory_allocated(device),
        "gpu_reserved_bytes": torch.cuda.max_memory_reserved(device),
    }
