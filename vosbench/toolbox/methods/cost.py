"""What a method will need, held against what this machine has before it starts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vosbench.errors import DataError

LONG = 60.0  # seconds a frame that a person should hear of


def check_memory(needed: float, *, device: str, what: str, remedy: str) -> None:
    """Refuse what would end with the process killed.

    Args:
        needed: bytes.
        device: where they are needed, such as "cpu".
        what: what needs them, in words that open the message.
        remedy: what to do, in words that end it.

    Raises:
        DataError: that much is not free.
    """
    free = free_memory(device)
    if free is not None and needed > free:
        raise DataError(
            f"{what}: this needs about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB "
            f"are free on {device}; {remedy}"
        )


def free_memory(device: str = "cpu") -> float | None:
    """Bytes that can still be had on a device; None where that is not known."""
    if device.startswith("cuda"):
        import torch

        return float(torch.cuda.mem_get_info(device)[0])
    return min(_free(), default=None) if device == "cpu" else None


def _free() -> Iterator[float]:
    """What the machine has left, and what the container of this process may still take."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                yield 1024.0 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    try:
        limit, used = (
            int(Path(f"/sys/fs/cgroup/memory.{name}").read_text(encoding="ascii"))
            for name in ("max", "current")
        )
        yield float(limit - used)
    except (OSError, ValueError):  # no such group, or "max": no limit
        pass


def tell_time(operations: float, *, what: str, remedy: str) -> None:
    """Say on stderr where a frame takes a minute or more on this machine's cores.

    operations: additions and multiplications, of which a core does some 2e10 a second.
    """
    cores = os.cpu_count() or 1
    seconds = operations / (2e10 * cores)
    if seconds >= LONG:
        sys.stderr.write(
            f"{what}: about {seconds / 60:.0f} min a frame on {cores} cores; {remedy}\n"
        )
