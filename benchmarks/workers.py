"""What a second worker brings: the time of `vosbench run` with one and with two processes.

    python benchmarks/workers.py --root DATA [--method NAME] [--dataset NAME] [--times 3]

Prints the wall time of whole commands, the CPU seconds of all their processes, and the share of a
perfect halving, T1 / (2 T2), of the fastest of each. Other work on the machine spoils wall times:
`least` is then the better figure, T1 / (2 L) in CPU seconds, where L is what the parent takes and
the busier of the two workers.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# runs the command in this process; at its end the CPU seconds of it and of each of its workers
CODE = """
import json, os, resource, sys, subprocess
from vosbench.cli import main
spent = []
wait = subprocess.Popen.wait
def noting(process, timeout=None):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status = wait(process, timeout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = sum(after[:2]) - sum(before[:2])
    if used > 0.1:  # not git, which is asked for the version
        spent.append(used)
    return status
subprocess.Popen.wait = noting
out = sys.argv.pop(1)
try:
    main()
finally:
    own = resource.getrusage(resource.RUSAGE_SELF)
    with open(out, "w") as file:
        json.dump([sum(own[:2]), *spent], file)
"""


class Spent(NamedTuple):
    """Seconds of one command: on the wall, of its own process, of each worker."""

    wall: float
    own: float
    workers: list[float]


def run(arguments: argparse.Namespace, workers: int) -> Spent:
    """One whole command, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / "spent.json"
        words = ["run", "--method", arguments.method, "--dataset", arguments.dataset]
        words += ["--root", str(arguments.root)] if arguments.root else []
        words += ["--out", str(Path(folder) / "runs"), "--workers", str(workers)]
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", CODE, str(note), *words],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"vosbench {' '.join(words)}\n{done.stderr.strip()}")
        wall = time.perf_counter() - started
        own, *others = json.loads(note.read_text())
    return Spent(wall, own, others)


def main() -> None:
    """Measure, alternating, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path)
    parser.add_argument("--method", default="optical-flow")
    parser.add_argument("--dataset", default="davis2016")
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.times < 1:
        parser.error("--times must be 1 or more")
    taken: dict[int, list[Spent]] = {1: [], 2: []}
    print("workers   wall s   CPU s: parent, workers          busy before (load of 1 min)")
    for _ in range(arguments.times):
        for workers, spent in taken.items():
            busy = os.getloadavg()[0]
            last = run(arguments, workers)
            spent.append(last)
            each = " ".join(f"{seconds:.1f}" for seconds in last.workers)
            print(f"{workers:7}{last.wall:9.1f}{last.own:10.1f}   {each:28}{busy:.1f}", flush=True)
    one, two = taken[1], taken[2]
    wall = min(each.wall for each in one) / (2 * min(each.wall for each in two))
    least = min(each.own for each in one) / (2 * min(each.own + max(each.workers) for each in two))
    print(f"share of a perfect halving: {wall:.2f} on the wall, {least:.2f} by CPU seconds")


if __name__ == "__main__":
    main()
