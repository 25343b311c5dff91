"""The machine that something is timed on: its names, its threads, what else it does meanwhile."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vosbench.provenance import environment
from vosbench.running.workers import THREADS, cores

BUSY = 0.1  # share of the cores that others may take before times are called spoilt


def described(device: str) -> dict[str, Any]:
    """Names, versions and numbers of threads; of libraries, what is imported by now."""
    torch, cv2 = sys.modules.get("torch"), sys.modules.get("cv2")
    return {
        **environment(),
        "processor_name": processor_name(),
        "cores_allowed": cores(),
        "device_name": torch.cuda.get_device_name(device) if torch and on_gpu(device) else None,
        "cuda": torch.version.cuda if torch else None,
        "threads": {
            "torch": torch.get_num_threads() if torch else None,
            "torch_between_operators": torch.get_num_interop_threads() if torch else None,
            "opencv": cv2.getNumThreads() if cv2 else None,
            **{name: os.environ[name] for name in THREADS if name in os.environ},
        },
    }


def on_gpu(device: str) -> bool:
    """Whether a device is a GPU of CUDA."""
    return device.startswith("cuda")


def processor_name() -> str:
    """The model of the CPU, "" where the system does not tell it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")


def load() -> float:
    """The mean number of processes at work in the last minute."""
    return os.getloadavg()[0]


def watch_others() -> Callable[[], float | None]:
    """Start to watch; what is given tells the share of all cores that others took since, 0 to 1.

    None where the system does not tell it.
    """
    before, own = _busy(), _own()

    def share() -> float | None:
        after = _busy()
        if before is None or after is None or after[1] <= before[1]:
            return None
        busy, whole = (now - then for now, then in zip(after, before, strict=True))
        return min(1.0, max(0.0, (busy - (_own() - own)) / whole))

    return share


def _busy() -> tuple[float, float] | None:
    """Seconds that all cores together worked, and that passed on them, since the system started."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    ticks = [int(number) / os.sysconf("SC_CLK_TCK") for number in first.split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # without idle and waiting for disks


def _own() -> float:
    """Seconds that this process and its ended children worked."""
    taken = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in taken)
