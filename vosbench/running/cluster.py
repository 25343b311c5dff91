"""Run tasks in this process, in local processes, or on a Dask cluster."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from vosbench.errors import UsageError, needing

T = TypeVar("T")
CONNECTING = 20.0  # seconds to wait for a scheduler's answer
PATIENCE = 60.0  # seconds without a single worker, after which a run gives up
LIBRARY_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Outcome(NamedTuple):
    """One task that ended: its result, or the error that ended it."""

    task: str
    result: Any
    error: BaseException | None


def map_tasks(
    function: Callable[[str], Any], tasks: Sequence[str], *, workers: int = 1, scheduler: str = ""
) -> Iterator[Outcome]:
    """Yield the outcome of `function(task)` for every task, in the order in which they end.

    If a worker dies, its task goes to another worker; a task that kills four workers ends as an
    error. `function` must be picklable if workers > 1 or a scheduler is given.

    Raises:
        UsageError: no scheduler answers at the address, no process can be started, or there has
            been no worker for a minute; what is done is kept.
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


def check(*, workers: int, scheduler: str) -> None:
    """Raise MissingExtraError where `map_tasks` would need Dask and it is not installed."""
    if workers > 1 or scheduler:
        _distributed()


def _distributed() -> Any:  # it is untyped
    with needing("a run with workers or a scheduler"):
        import distributed

    return distributed


def _dask(
    function: Callable[[str], Any], tasks: Sequence[str], *, workers: int, scheduler: str
) -> Iterator[Outcome]:
    dask = _distributed()
    cluster = None
    if not scheduler:
        share = str(max(1, (os.cpu_count() or 1) // workers))
        from dask import config

        # a task that waits behind one that kills its worker would be blamed as well
        apart = config.set({"distributed.scheduler.worker-saturation": 1.0})
        with apart, _ignoring_interrupts(), _saying_what_failed(workers):
            cluster = dask.LocalCluster(
                n_workers=min(workers, max(1, len(tasks))),
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": ":0"},  # any port: 8787 may be another's
                # a heartbeat under way while the cluster closes is logged as an error, with the
                # traceback of a CommClosedError; errors of tasks come with their outcomes
                silence_logs="CRITICAL",
                env=dict.fromkeys(LIBRARY_THREADS, share),
                memory_limit=0,  # what fits one process must not be killed for its share
            )
    try:
        client = _connect(dask, cluster or scheduler)
    except Exception as error:
        if cluster is not None:
            cluster.close()
        raise UsageError(
            f"no Dask scheduler answers at {scheduler!r} ({error}); start one with "
            "`dask scheduler` and give its tcp:// address"
        ) from None
    try:
        call = uuid.uuid4().hex  # two runs on one cluster must not share results
        futures = {
            client.submit(function, task, key=f"vosbench-{call}-{task}"): task for task in tasks
        }
        for future in _ended(dask, client, futures):
            try:
                outcome = Outcome(futures[future], future.result(), None)
            except (Exception, asyncio.CancelledError) as error:
                outcome = Outcome(futures[future], None, error)
            yield outcome
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _connect(dask: Any, address: Any) -> Any:
    """A client, made in a thread: what listens but never answers would hold it for ever.

    Raises:
        Exception: there is no scheduler, or it does not answer as one.
    """
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def connect() -> None:
        try:
            answer.put(dask.Client(address, timeout=CONNECTING))
        except Exception as error:  # struct.error, where it speaks something else than Dask
            answer.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        given = answer.get(timeout=CONNECTING + 2)
    except queue.Empty:
        given = TimeoutError(f"something listens there, but said nothing for {CONNECTING:.0f} s")
    if isinstance(given, Exception):
        raise given
    return given


def _ended(dask: Any, client: Any, futures: Iterable[Any]) -> Iterator[Any]:
    """The futures as they end; without workers it says so, and gives up after a while.

    Raises:
        UsageError: there has been no worker for PATIENCE seconds.
    """
    ended = dask.as_completed(futures)
    looked = alone_since = time.monotonic()
    told = False
    while not ended.is_empty():
        if ended.has_ready():
            yield next(ended)
            alone_since = time.monotonic()
            continue
        with ended.thread_condition:
            ended.thread_condition.wait(timeout=0.1)
        if (now := time.monotonic()) - looked < min(2.0, PATIENCE / 4):
            continue
        looked = now
        if client.scheduler_info()["workers"]:
            alone_since, told = now, False
        elif now - alone_since > PATIENCE:
            raise UsageError(
                f"no worker at {client.scheduler.address} for {PATIENCE:.0f} s; start some with "
                f"`dask worker {client.scheduler.address}`, then give the same command again; "
                "what is done is kept"
            )
        elif not told:
            told = True
            sys.stderr.write(
                f"waiting for a worker at {client.scheduler.address}, {PATIENCE:.0f} s at most\n"
            )


@contextlib.contextmanager
def _saying_what_failed(workers: int) -> Iterator[None]:
    """Around the start of local processes: one sentence if they cannot be started."""
    try:
        yield
    except Exception as error:
        fault = " ".join(str(error.__cause__ or error).split())[:300]
        raise UsageError(
            f"{workers} worker processes could not be started ({fault}); use --workers 1"
        ) from error


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Start child processes that ignore Ctrl-C, so only this process handles it."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals can be set in the main thread only
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def limit_threads(threads: int) -> None:
    """Let the libraries that are already imported use `threads` threads in this process."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
