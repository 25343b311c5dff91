"""Run tasks in this process, in local processes (workers.py), or on a Dask cluster."""

from __future__ import annotations

import functools
import logging
import queue
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from vosbench.errors import UsageError, VosbenchError, described, line_of, needing
from vosbench.running.workers import Outcome, Pool, ProcessEndedError, Told

CONNECTING = 20.0  # seconds to wait for a scheduler's answer
CLOSING = 2.0  # seconds for its good-bye
PATIENCE = 60.0  # seconds without a worker, or a word of the scheduler, after which a run gives up


def map_tasks(
    function: Callable[[str], Any],
    tasks: Sequence[str],
    *,
    workers: int = 1,
    scheduler: str = "",
    apart: bool = False,
    told: Told | None = None,
) -> Iterator[Outcome]:
    """Yield the outcome of `function(task)` for every task, in the order in which they end.

    If a process dies, its task goes to another; one that kills several ends as an error. Where
    the work leaves this process, `function` must be picklable, and so its results.

    workers: local processes; 1 is this process. scheduler: address of a Dask cluster instead.
    apart: one worker, too, is a process of its own, on a cluster one beside each of its workers;
        what a task does to its process is then told as what it is.
    told: called with what tasks give to `workers.tell` in local processes.

    Raises:
        UsageError: no scheduler answers at the address, no process can be started, or there has
            been no worker for a minute; what is done is kept.
    """
    if scheduler:
        work = functools.partial(_beside, function) if apart else function
        yield from _dask(work, tasks, scheduler)
    elif workers > 1 or apart:
        with Pool(function, max(1, min(workers, len(tasks)))) as pool:
            yield from pool.outcomes(tasks, told)
    else:
        yield from _here(function, tasks)


def _here(function: Callable[[str], Any], tasks: Sequence[str]) -> Iterator[Outcome]:
    for task in tasks:
        try:
            result = function(task)
        except Exception as error:
            yield Outcome(task, None, error)
        else:
            yield Outcome(task, result, None)


_pool: Pool | None = None  # of a worker of a cluster, for the run that it works for
_one_by_one = threading.Lock()


def _beside(function: Callable[[str], Any], task: str) -> Any:
    """The result of a task that is done in a process beside this one, which stays for the next."""
    global _pool
    with _one_by_one:
        wanted = Pool(function, 1)
        if _pool is None or _pool.function != wanted.function:
            if _pool is not None:
                _pool.close()
            _pool = wanted
        (outcome,) = _pool.outcomes([task])
    if outcome.error is not None:
        raise outcome.error
    return outcome.result


def message_of(error: BaseException, *, timeout: float | None = None, at: str = "") -> str:
    """One message for the user: ours as it is, the method's own error with its type.

    at: how far its process had come, to be told where the process ended.
    """
    if isinstance(error, ProcessEndedError):
        late = error.late and timeout
        return (
            f"no mask for {timeout:g} s, the --timeout{error.line}{at}" if late else f"{error}{at}"
        )
    if isinstance(error, VosbenchError):
        return str(error)
    if type(error).__name__ == "KilledWorker":
        return (
            "its worker processes died, one after another: out of memory, ended by the method, or "
            "without vosbench or the method's plugin; their logs tell"
        )
    if isinstance(error, OSError):
        return f"{error}; make room or mend the folder, then give the same command again"
    return f"{described(error)}{line_of(error)} (traceback in log.txt)"


def check(scheduler: str) -> None:
    """Raise MissingExtraError where `map_tasks` would need Dask and it is not installed."""
    if scheduler:
        _distributed()


def _distributed() -> Any:  # it is untyped
    with needing("--scheduler"):
        import distributed

    return distributed


def _dask(
    function: Callable[[str], Any], tasks: Sequence[str], scheduler: str
) -> Iterator[Outcome]:
    dask = _distributed()
    try:
        client = _answer(lambda: dask.Client(scheduler, timeout=CONNECTING), CONNECTING + 2)
    except Exception as error:
        raise UsageError(
            f"no Dask scheduler answers at {scheduler!r} ({error}); start one with "
            "`dask scheduler` and give its tcp:// address"
        ) from None
    log = logging.getLogger("distributed.client")
    level = log.level
    log.setLevel(logging.CRITICAL)  # what it logs of a scheduler that has gone is told in our words
    try:
        call = uuid.uuid4().hex  # two runs on one cluster must not share results
        futures = {
            client.submit(function, task, key=f"vosbench-{call}-{task}"): task for task in tasks
        }
        for future in _ended(dask, client, futures):
            if future.cancelled():
                raise _gone(scheduler, "it has dropped the work")
            if future.status == "error":
                yield Outcome(futures[future], None, future.exception())
                continue
            try:
                result = future.result()
            except Exception as error:  # not the task's
                raise _gone(scheduler, str(error)) from error
            yield Outcome(futures[future], result, None)
    finally:
        client.close(timeout=CLOSING)
        log.setLevel(level)


def _answer(ask: Callable[[], Any], seconds: float) -> Any:
    """What it gives, called in a thread: what listens but never answers would hold it for ever.

    Raises:
        TimeoutError: it has not given anything in so many seconds.
        Exception: what it raised.
    """
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def asking() -> None:
        try:
            answer.put(ask())
        except Exception as error:  # struct.error, where it speaks something else than Dask
            answer.put(error)

    threading.Thread(target=asking, daemon=True).start()
    try:
        given = answer.get(timeout=seconds)
    except queue.Empty:
        given = TimeoutError(f"something listens there, but said nothing for {seconds:.0f} s")
    if isinstance(given, Exception):
        raise given
    return given


def _gone(scheduler: str, why: str) -> UsageError:
    return UsageError(
        f"the Dask scheduler at {scheduler} has gone ({why}); start it and its workers, then give "
        "the same command again; what is done is kept"
    )


def _ended(dask: Any, client: Any, futures: Iterable[Any]) -> Iterator[Any]:
    """The futures as they end; without workers it says so, and gives up after a while.

    Raises:
        UsageError: there has been no worker, or no word of the scheduler, for PATIENCE seconds.
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
        try:
            at_work = _answer(client.scheduler_info, PATIENCE)["workers"]
        except KeyError:  # what it gives while it looks for a scheduler that has gone
            raise _gone(client.scheduler.address, "it no longer answers") from None
        except Exception as error:
            raise _gone(client.scheduler.address, str(error)) from error
        if at_work:
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
