"""What a method takes for its next mask: its own seconds, and the memory of this process."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from vosbench.errors import MethodError, blaming, needing

Calling = Callable[[], contextlib.AbstractContextManager[None]]

NO_MORE: Any = object()


class Frames(Protocol):
    """Frames that know how long reading them, or waiting for them, took."""

    seconds: float


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


def begun(masks: Any, name: str) -> Iterator[Any]:
    """What segment() gave, checked: it must be an iterator; name: of the sequence."""
    if not isinstance(masks, Iterator):
        raise MethodError(
            f"{name}: segment() gave {type(masks).__name__}; it must yield one mask per frame"
        )
    return masks


def next_mask(
    masks: Iterator[Any], frames: Frames, *, device: str, calling: Calling
) -> tuple[Any, float]:
    """The next mask, or NO_MORE, and the method's seconds: reading frames is not counted."""
    with calling():
        synchronise(device)
        frames.seconds, started = 0.0, time.perf_counter()
        mask = next(masks, NO_MORE)
        synchronise(device)
        seconds = time.perf_counter() - started - frames.seconds
    return mask, seconds


def synchronise(device: str) -> None:
    """Wait until a GPU has done what it was given."""
    if device.startswith("cuda") and "torch" in sys.modules:
        sys.modules["torch"].cuda.synchronize(device)


def resident() -> int | None:
    """The resident size of this process now, in bytes; None where the system does not tell it."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 -- once a frame
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def peak_memory() -> int:
    """The largest resident size of this process since `forget_peak`, in bytes."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> None:
    """Let the peak begin anew, where Linux can: it is to be this sequence's, not the process's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
