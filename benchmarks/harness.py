"""What the harness costs a method: the wall time of a run over the method's, threads off and on.

    python benchmarks/harness.py [--root DATA] [--frames 70] [--times 3] [--only sleeps]

Methods that take 5, 20 and 50 ms a frame: one that sleeps, as one does that waits for a GPU or a
program; one that computes on one core, one on all cores, and one in plain Python, which holds its
lock. What a frame takes is measured alone, before, and the work is then fixed. `off` is without
the threads that read frames ahead and write masks behind (vosbench/running/pipeline.py), `on` with
them; `stretched` says how much longer they make the frames of the method itself, which shares the
cores with them. `harness's ms` is what the thread that calls the method works a frame beside it, in
CPU time, which other work on the machine does not stretch. Runs of both are made in turn and the
least of each counts: reading, checking and writing of one sequence, without the start of the
program, and without scoring.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

import vosbench.plugins
from vosbench import registry
from vosbench.errors import VosbenchError
from vosbench.masks import write_mask
from vosbench.running import driving, pipeline
from vosbench.running.config import RunConfig
from vosbench.running.plan import plan_run
from vosbench.running.records import record_of
from vosbench.running.sequence import Made, segment_sequence

METHOD = '''"""Gives the prompt back after some work."""
import time
from dataclasses import dataclass
SOURCE = "benchmarks/harness.py"
WORK, SPENT = [], [0.0]
@dataclass(frozen=True)
class Options:
    pass
class Works:
    def __init__(self, options, *, device, seed):
        pass
    def segment(self, frames, prompts):
        for frame in frames:
            began = time.thread_time()
            WORK[0]()
            SPENT[0] += time.thread_time() - began
            yield prompts[0]
build = Works
'''


def works() -> dict[str, Callable[[int], Callable[[], None]]]:
    """Kinds of work -> so many pieces of it."""
    picture = np.random.default_rng(0).random((200, 300), np.float32)

    def blur(pieces: int) -> Callable[[], None]:
        def work() -> None:
            for _ in range(pieces):
                cv2.GaussianBlur(picture, (31, 31), 5)

        return work

    def count(pieces: int) -> Callable[[], None]:
        def work() -> None:
            total = 0
            for number in range(pieces * 1000):
                total += number

        return work

    return {
        "sleeps": lambda pieces: lambda: time.sleep(pieces / 1000),
        "one core": blur,
        "all cores": blur,
        "python": count,
    }


def pieces_of(ms: float, kind: Callable[[int], Callable[[], None]]) -> int:
    """How many pieces of a work take so long, alone."""
    probe = kind(10)
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        probe()
        taken.append(time.perf_counter() - began)
    return max(1, round(10 * ms / 1000 / min(taken)))


def draw(root: Path, frames: int) -> None:
    """One sequence of 480x854 JPEGs, about as large as those of DAVIS, and its first mask."""
    (root / "images" / "one").mkdir(parents=True)
    (root / "masks" / "one").mkdir(parents=True)
    coarse = np.random.default_rng(0).integers(0, 255, (60, 107, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (854, 480), interpolation=cv2.INTER_CUBIC)
    for index in range(frames):
        path = root / "images" / "one" / f"{index:05d}.jpg"
        cv2.imwrite(str(path), np.roll(picture, 3 * index, axis=1), [cv2.IMWRITE_JPEG_QUALITY, 95])
    mask = np.zeros((480, 854), np.uint8)
    cv2.circle(mask, (300, 240), 120, 1, -1)
    cv2.ellipse(mask, (560, 200), (150, 80), 30, 0, 360, 2, -1)
    write_mask(root / "masks" / "one" / "00000.png", mask)


@dataclasses.dataclass
class Least:
    """The least wall time of the runs so far, and the method's own in that run, in seconds.

    frame: the median of a frame, the least of all runs. own: CPU seconds of the thread that the
    method is called in, without the method's, the least of all runs.
    """

    wall: float = math.inf
    method: float = math.inf
    frame: float = math.inf
    own: float = math.inf

    def run(self, config: RunConfig, *, threads: bool) -> None:
        """Run once more."""
        pipeline.SLOW = 0.0 if threads else math.inf  # at once, so that 5 ms are told of as well
        driving.CORES = 0
        with tempfile.TemporaryDirectory() as folder:
            plan = plan_run(dataclasses.replace(config, out=Path(folder)))
            assert plan.method is not None
            (plan.folder / "masks").mkdir()
            (plan.folder / "sequences").mkdir()
            (name,) = plan.frames
            spent = registry.load("methods", "works").SPENT
            spent[0] = 0.0
            began, worked = time.perf_counter(), time.thread_time()
            made: Made = segment_sequence(
                plan.resolved.config, plan.method, plan.resolved.dataset, plan.folder, name
            )
            wall = time.perf_counter() - began
            self.own = min(self.own, time.thread_time() - worked - spent[0])
            self.wall, self.method = min((self.wall, self.method), (wall, made.seconds))
            record = record_of(plan.folder, name)
            self.frame = min(self.frame, statistics.median(record["seconds"]))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="the folder that holds DAVIS-2016")
    parser.add_argument("--frames", type=int, default=70, help="of the drawn sequence")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", default="", help="the kind of work, e.g. sleeps")
    given = parser.parse_args()
    if given.times < 1 or given.frames < 2:
        parser.error("--times must be 1 or more, --frames 2 or more")
    usual = pipeline.SLOW
    cores = len(os.sched_getaffinity(0))
    print(f"{cores} cores, load before {os.getloadavg()[0]:.1f}; a run has threads from")
    print(
        f"{pipeline.CORES} cores and {1000 * usual:.0f} ms a frame on, here always, to tell why\n"
    )
    print(
        "| work | ms a frame | wall / method, off | on | median ms, off | on | stretched "
        "| harness's ms, off | on |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        plugin = Path(folder) / "plugins" / "methods" / "works.py"
        plugin.parent.mkdir(parents=True)
        plugin.write_text(METHOD)
        vosbench.plugins.__path__ = [*vosbench.plugins.__path__, str(plugin.parent.parent)]
        if given.root:
            config = RunConfig(
                method="works", dataset="davis2016", root=given.root, sequences=("blackswan",)
            )
        else:
            draw(Path(folder) / "data", given.frames)
            config = RunConfig(method="works", dataset="folder", root=Path(folder) / "data")
        for name, kind in works().items():
            if given.only not in name:
                continue
            cv2.setNumThreads(cores if name == "all cores" else 1)
            for ms in (5, 20, 50):
                row(name, ms, kind(pieces_of(ms, kind)), config, given.times)


def row(name: str, ms: int, work: Callable[[], None], config: RunConfig, times: int) -> None:
    """Measure one method and print it."""
    registry.load("methods", "works").WORK[:] = [work]
    off, on, frames = Least(), Least(), next(iter(plan_run(config).frames.values()))
    for _ in range(times):
        off.run(config, threads=False)
        on.run(config, threads=True)
    print(
        f"| {name} | {ms} | {off.wall / off.method:.3f} | {on.wall / on.method:.3f} | "
        f"{1000 * off.frame:.1f} | {1000 * on.frame:.1f} | "
        f"{100 * (on.frame / off.frame - 1):+.1f} % | "
        f"{1000 * off.own / frames:.2f} | {1000 * on.own / frames:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except VosbenchError as error:
        sys.exit(f"error: {error}")
