"""Where work runs: this process, local processes, or a Dask cluster, by one generator."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from vosbench.errors import UsageError

T = TypeVar("T")
LIBRARY_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Outcome(NamedTuple):
    """What became of one task: its result, or the error that ended it."""

    task: str
    result: Any
    error: BaseException | None


def map_tasks(
    function: Callable[[str], Any], tasks: Sequence[str], *, workers: int = 1, scheduler: str = ""
) -> Iterator[Outcome]:
    """Yield the outcome of `function(task)` for every task, as each is done.

    A task whose worker dies is given to another worker; one whose workers die four times ends as
    an error. `function` must be picklable when workers > 1 or a scheduler is given.

    Raises:
        UsageError: nothing answers at the scheduler's address.
    """
    if workers == 1 and not scheduler:
        yield from _here(function, tasks)
    else:
        yield from _dask(function, tasks, workers=workers, scheduler=scheduler)


def _here(function: Callable[[str], Any], tasks: Sequence[str]) -> Iterator[Outcome]:
    for task in tasks:
        try:
            result = function(task)
        except Exception as error:
            yield Outcome(task, None, error)
        else:
            yield Outcome(task, result, None)


def _dask(
    function: Callable[[str], Any], tasks: Sequence[str], *, workers: int, scheduler: str
) -> Iterator[Outcome]:
    import distributed  # untyped, hence through Any

    dask: Any = distributed
    cluster = None
    if not scheduler:
        share = str(max(1, (os.cpu_count() or 1) // workers))
        with _deaf_to_interrupts():
            cluster = dask.LocalCluster(
                n_workers=min(workers, max(1, len(tasks))),
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs="ERROR",
                env=dict.fromkeys(LIBRARY_THREADS, share),
                memory_limit=0,  # what fits one process must not be killed for its share
            )
    try:
        client = dask.Client(cluster or scheduler, timeout=20)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {scheduler!r} ({error}); start one with "
            "`dask scheduler` and give its tcp:// address"
        ) from None
    try:
        call = uuid.uuid4().hex  # two runs on one cluster must not share results
        futures = {
            client.submit(function, task, key=f"vosbench-{call}-{task}"): task for task in tasks
        }
        for future in dask.as_completed(futures):
            try:
                outcome = Outcome(futures[future], future.result(), None)
            except (Exception, asyncio.CancelledError) as error:
                outcome = Outcome(futures[future], None, error)
            yield outcome
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Processes started meanwhile inherit that Ctrl-C is not for them; it is for this one alone."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals can be set in the main thread only
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def limit_threads(threads: int) -> None:
    """Keep the libraries that are already imported to `threads` threads in this process."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
