"""Progress bars on stderr, drawn only where a person looks at it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vosbench.run import Plan
from vosbench.segment import FrameDone

SequenceDone = Callable[[str, str | None], None]


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
def running(plan: Plan) -> Iterator[tuple[SequenceDone, FrameDone]]:
    """Two bars, sequences and frames; where nobody looks, one line per finished sequence."""
    total = len(plan.missing)
    if not sys.stderr.isatty():
        ended: list[str] = []

        def say(name: str, error: str | None) -> None:
            ended.append(name)
            state = f"failed: {error}" if error else "done"
            sys.stderr.write(f"[{len(ended)}/{total}] {name}: {state}\n")

        yield say, lambda *_: None
        return

    from rich.progress import MofNCompleteColumn

    with _bar(MofNCompleteColumn()) as bar:
        frames_total = sum(plan.frames[name] for name in plan.missing)
        sequences = bar.add_task("sequences", total=total)
        frames = bar.add_task("frames", total=frames_total)
        seen: dict[str, int] = {}

        def on_sequence(name: str, error: str | None) -> None:
            bar.advance(sequences)
            on_frame(name, plan.frames[name], plan.frames[name])
            if error:
                bar.console.print(f"{name} failed: {error}", style="red", markup=False)

        def on_frame(name: str, done: int, of: int) -> None:
            seen[name] = done
            bar.update(frames, completed=sum(seen.values()), description=f"frames ({name})")

        yield on_sequence, on_frame


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar that moves on with each name."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.progress import MofNCompleteColumn

    with _bar(MofNCompleteColumn()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda name: bar.update(task, advance=1, description=f"{what} {name}")


@contextmanager
def downloading() -> Iterator[Callable[[int, int | None], None]]:
    """A bar of bytes: call it with the bytes so far and the total, None where unknown."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import DownloadColumn, TransferSpeedColumn

    with _bar(DownloadColumn(), TransferSpeedColumn()) as bar:
        task = bar.add_task("download", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
