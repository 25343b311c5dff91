"""Starts a program, tells what it took, and ends all that it started when its parent ends.

program.py runs this file as `python -I -S guard.py LIFE REPORT SCRATCH OURS PROGRAM ARGUMENT ...`
at the head of a process group of its own. LIFE is a pipe: a byte in it asks for the end, and it
closes when the parent ends, by whatever signal; nobody else could end the program or remove SCRATCH
then. REPORT takes one line of JSON. OURS is the folder that vosbench is imported from.

Launchers such as torchrun give each worker a session of its own, and daemons leave their parents.
On Linux, orphans become children of this process, so that none is out of its reach.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ADOPTS = 36  # PR_SET_CHILD_SUBREAPER in linux/prctl.h
ROUNDS = 200  # of killing: what a killed process has started comes up in the next one


def main(life: int, report: int, scratch: Path, ours: str, words: list[str]) -> None:
    """Run the program and report how it ended."""
    for number in (life, report):
        os.set_inheritable(number, False)
    _adopt_orphans()
    started = time.perf_counter()
    ignored = (signal.SIGPIPE, signal.SIGXFSZ)  # by Python, not by programs
    try:
        child = os.posix_spawn(words[0], words, os.environ, setsigdef=ignored)
    except OSError as error:
        os.write(report, json.dumps({"fault": error.strerror}).encode())
        return
    ending = threading.Thread(target=_end_with, args=(life, scratch, ours), daemon=True)
    ending.start()
    with contextlib.suppress(ChildProcessError, BrokenPipeError):
        os.write(report, json.dumps(_ended(child, started)).encode())
        return
    ending.join()  # it has ended the program, or nobody is there to be told


def _ended(child: int, started: float) -> dict[str, float]:
    """Wait for the program's end, end what it left running, and tell what it took."""
    _, status, used = os.wait4(child, 0)
    told = {
        "status": os.waitstatus_to_exitcode(status),  # below 0: the signal that ended it
        "seconds": time.perf_counter() - started,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        # of the largest of the program and the children that it waited for; macOS counts bytes
        "peak_memory_bytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    _end_children()
    return told


def _adopt_orphans() -> None:
    """Become the parent of whatever loses its own, where the system can do that."""
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(ADOPTS, 1, 0, 0, 0)


def _end_children() -> None:
    """Kill every child, and those that become children as their parents end."""
    for _ in range(ROUNDS):
        found = list(_children())
        if not found:
            return
        for child in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.005)


def _children() -> Iterator[int]:
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            yield from map(int, listed.read_text(encoding="ascii").split())


def _end_with(life: int, scratch: Path, ours: str) -> None:
    """Wait until the parent asks for the end or has ended; then end all."""
    asked = os.read(life, 1)
    _end_children()
    if not asked:  # the parent was killed, and cannot tidy up
        sys.path.insert(0, ours)
        with contextlib.suppress(Exception):
            importlib.import_module("vosbench.files").remove(scratch, inside=scratch.parent)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5:])
