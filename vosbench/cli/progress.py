"""Progress bars on stderr; plain lines if stderr is not a terminal; prints of plugins there too."""

from __future__ import annotations

import faulthandler
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from vosbench.errors import nameless

if TYPE_CHECKING:
    from vosbench.running.driving import FrameDone
    from vosbench.running.execute import SequenceDone
    from vosbench.running.plan import RunPlan
    from vosbench.training.loop import Show


_WITNESS = """
import json, sys
left = sys.stdin.read()
if left.startswith("Fatal Python error: "):
    sys.path[:] = json.loads(sys.argv[1])
    from vosbench.errors import line_in
    sys.stderr.write(
        f"error: this process crashed: {left.splitlines()[0][20:]}{line_in(left)}; what is done is "
        "kept; with --own-process a crash costs its sequence, not the run\\n"
    )
"""


@contextmanager
def crashes_told() -> Iterator[None]:
    """Where a plugin crashes this process, say in one sentence where its code was.

    A process beside this one says it, from what Python's fault handler writes; this one no longer
    can. Where that handler is at work already, its whole dump is wanted, and it is left alone.
    """
    if faulthandler.is_enabled():
        yield
        return
    reading, writing = os.pipe()
    try:
        subprocess.Popen(
            [sys.executable, "-c", _WITNESS, json.dumps(sys.path)],
            stdin=reading, stdout=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError:  # no process is left to have
        os.dup2(2, writing)
    os.close(reading)
    faulthandler.enable(writing, all_threads=False)
    try:
        yield
    finally:
        faulthandler.disable()
        os.close(writing)


@contextmanager
def prints_on_stderr() -> Iterator[None]:
    """Send what plugins print, here and in processes begun here, to stderr: stdout is for us."""
    sys.stdout.flush()
    try:
        ours = os.dup(1)
    except OSError:  # there is no stdout
        yield
        return
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(ours, 1)
        os.close(ours)


def _bar(*columns: Any) -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def running(plan: RunPlan) -> Iterator[tuple[SequenceDone, FrameDone]]:
    """Two bars, sequences and frames; without a terminal, one line per finished sequence.

    Without a terminal a run that will take long says so by its fourth frame; a bar shows it anyway.
    """
    total, frames_total = len(plan.missing), sum(plan.frames[name] for name in plan.missing)
    causes: dict[str, str] = {}
    if not sys.stderr.isatty():
        ended: list[str] = []

        def say(name: str, error: str | None) -> None:
            ended.append(name)
            state = _failed(name, error, causes) if error else "done"
            sys.stderr.write(f"[{len(ended)}/{total}] {name}: {state}\n")

        yield say, _Forecast(frames_total)
        return

    from rich.progress import MofNCompleteColumn

    with _bar(MofNCompleteColumn()) as bar:
        sequences = bar.add_task("sequences", total=total)
        frames = bar.add_task("frames", total=frames_total)
        seen: dict[str, int] = {}

        def on_sequence(name: str, error: str | None) -> None:
            bar.advance(sequences)
            on_frame(name, plan.frames[name], plan.frames[name])
            if error:
                said = f"{name} {_failed(name, error, causes)}"
                bar.console.print(said, style="red", markup=False)

        def on_frame(name: str, done: int, of: int) -> None:
            seen[name] = done
            bar.update(frames, completed=sum(seen.values()), description=f"frames ({name})")

        yield on_sequence, on_frame


LONG = 600.0  # seconds: who waits so long should know it


class _Forecast:
    """Says once on stderr what a long run will take, by the frames after the first one."""

    def __init__(
        self, frames: int, stopped: str = "Ctrl-C keeps the sequences that are done"
    ) -> None:
        self.stopped = stopped
        self.frames, self.began, self.told = frames, -1.0, False
        self.seen: dict[str, int] = {}

    def __call__(self, name: str, done: int, _of: int) -> None:
        self.seen[name] = done
        now, count = time.monotonic(), sum(self.seen.values())
        if self.told:
            return
        if self.began < 0:
            self.began, self.first = now, count
        elif count - self.first >= 3:
            self.told = True
            left = self.frames - count
            seconds = left * (now - self.began) / (count - self.first)
            if seconds >= LONG:
                sys.stderr.write(
                    f"about {seconds / 60:.0f} min for the {left:,} frames that are left; "
                    f"{self.stopped}\n"
                )


def _failed(name: str, error: str, causes: dict[str, str]) -> str:
    """What is said of a sequence that failed; its cause only the first time.

    causes: each error without the name of its sequence -> the first sequence that had it.
    """
    first = causes.setdefault(nameless(error, name), name)
    return f"failed: {error}" if first == name else f"failed as {first} did"


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[str], None]]:
    """A bar that advances with each name, of `total` if known; nothing without a terminal."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.progress import MofNCompleteColumn

    with _bar(MofNCompleteColumn()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda name: bar.update(task, advance=1, description=f"{what} {name}")


@contextmanager
def of_stages() -> Iterator[Callable[[str, int, int], None]]:
    """A bar a stage; call it with the stage, frames done and all.

    Without a terminal a line as each stage begins, and one where it will take long.
    """
    if not sys.stderr.isatty():
        begun: dict[str, _Forecast] = {}

        def say(stage: str, done: int, total: int) -> None:
            if stage not in begun:
                sys.stderr.write(f"{stage} {total:,} frames\n")
                begun[stage] = _Forecast(total, "Ctrl-C leaves nothing")
            begun[stage](stage, done, total)

        yield say
        return
    from rich.progress import MofNCompleteColumn

    with _bar(MofNCompleteColumn()) as bar:
        tasks: dict[str, Any] = {}

        def on_frame(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage)
            bar.update(tasks[stage], completed=done, total=total)

        yield on_frame


@contextmanager
def downloading() -> Iterator[Callable[[int, int | None], None]]:
    """A bar of bytes; call it with the bytes so far and the total (None if unknown)."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import DownloadColumn, TransferSpeedColumn

    with _bar(DownloadColumn(), TransferSpeedColumn()) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def training(label: str, done: int, total: int) -> Iterator[Show]:
    """A bar of steps with losses and speed; without a terminal, a line every 30 seconds."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    from rich.progress import MofNCompleteColumn, TextColumn

    with _bar(MofNCompleteColumn(), TextColumn("{task.fields[figures]}")) as bar:
        task = bar.add_task(label, total=total, completed=done, figures="")
        yield _Bar(bar, task)


class _Bar:
    """Shows a training as a bar."""

    def __init__(self, bar: Any, task: Any) -> None:
        self.bar, self.task = bar, task

    def step(self, done: int, figures: dict[str, float]) -> None:
        if figures:
            self.bar.update(self.task, figures=_shown(figures))
        self.bar.update(self.task, completed=done)

    def say(self, text: str) -> None:
        style = "red" if text.startswith("warning") else None
        self.bar.console.print(text, style=style, markup=False, highlight=False)


class _Lines:
    """Shows a training as lines of text, at most two a minute."""

    def __init__(self, total: int) -> None:
        self.total, self.began, self.first, self.told = total, time.monotonic(), -1, 0.0

    def step(self, done: int, figures: dict[str, float]) -> None:
        now = time.monotonic()
        if self.first < 0:
            self.first, self.began = done, now
        if figures and (now - self.told > 30 or done == self.total):
            self.told = now
            per_step = (now - self.began) / max(1, done - self.first)
            left = f"{(self.total - done) * per_step / 60:.1f} min left"
            self.say(f"step {done}/{self.total}: {_shown(figures)}, {left}")

    def say(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _shown(figures: dict[str, float]) -> str:
    """Losses and speed in one line, e.g. `loss 0.123, 85 images/s`."""
    losses = [f"{k} {v:.4g}" for k, v in figures.items() if k not in ("step", "images_per_second")]
    return ", ".join([*losses, f"{figures['images_per_second']:.0f} images/s"])
