"""Starts a program, tells what it took, and ends it with all its children when its parent ends.

program.py runs this file as `python -I -S guard.py LIFE REPORT PROGRAM ARGUMENT ...` at the head of
a process group of its own. LIFE is a pipe that closes when the parent ends, by whatever signal:
nobody else could end the group then. REPORT takes one line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time


def main(life: int, report: int, words: list[str]) -> None:
    """Run the program and report how it ended."""
    for number in (life, report):
        os.set_inheritable(number, False)
    started = time.perf_counter()
    ignored = (signal.SIGPIPE, signal.SIGXFSZ)  # by Python, not by programs
    try:
        child = os.posix_spawn(words[0], words, os.environ, setsigdef=ignored)
    except OSError as error:
        os.write(report, json.dumps({"fault": error.strerror}).encode())
        return
    threading.Thread(target=_end_with, args=(life,), daemon=True).start()
    _, status, used = os.wait4(child, 0)
    told = {
        "status": os.waitstatus_to_exitcode(status),  # below 0: the signal that ended it
        "seconds": time.perf_counter() - started,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        # of the largest of the program and the children that it waited for; macOS counts bytes
        "peak_memory_bytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    os.write(report, json.dumps(told).encode())


def _end_with(life: int) -> None:
    """Wait until the parent has ended; then end the whole group."""
    os.read(life, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
