"""Local processes that do tasks: one that ends before its task is done costs that task, no more.

A process gets the function once, then a task at a time over a pipe; over it come back what the
task tells on its way and what it gives. It stands in a session of its own, so that Ctrl-C reaches
the parent alone and whatever the task started ends with it, and it ends when its parent does. Where
it crashes, or a limit of time ends it, it leaves the line where its code was.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from vosbench import registry
from vosbench.errors import UsageError, VosbenchError, described, line_in

TRIES = 3  # processes that a task may cost before it counts as failed
GRACE = 3.0  # seconds for processes to end by themselves when all is done
LOOK = 0.2  # seconds after which a process that may have ended in silence is looked at
THREADS = (  # what libraries ask for their number when they are imported
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM",
)  # fmt: skip

Told = Callable[..., None]


class Outcome(NamedTuple):
    """One task that ended: its result, or the error that ended it."""

    task: str
    result: Any
    error: BaseException | None


class ProcessEndedError(VosbenchError):
    """A task's process ended before the task did.

    late: a limit of time ended it. line: ` (FILE, line N)` of the code that ran, "" if not known.
    """

    def __init__(self, how: str, *, late: bool = False, line: str = "") -> None:
        super().__init__(how)
        self.late, self.line = late, line

    def __str__(self) -> str:
        return f"{self.args[0]}{self.line}"


class Pool:
    """Up to `size` processes for one function; they start when tasks come and end with it."""

    def __init__(self, function: Callable[[str], Any], size: int) -> None:
        self.function, self.size = pickle.dumps(function), size
        self.processes: list[_Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def outcomes(self, tasks: Iterable[str], told: Told | None = None) -> Iterator[Outcome]:
        """Yield the outcome of each task, in the order in which they end.

        told: called with what a task gives to `tell`.

        Raises:
            UsageError: no process can be started.
        """
        todo, ended = deque(tasks), Counter[str]()
        while todo or any(process.task is not None for process in self.processes):
            for process in self._idle(len(todo)):
                process.give(todo.popleft())
            for process, (kind, *said) in self._messages():
                task = process.task or ""
                if kind == "told" and told:
                    told(*said)
                elif kind == "done":
                    process.task = None
                    yield Outcome(task, *said)
                elif kind == "unfit":
                    raise _unstarted(*said)
                elif kind == "ended":
                    self.processes.remove(process)
                    error = process.end()
                    if not process.begun:
                        raise _unstarted(str(error))
                    ended[task] += 1
                    if error.late or ended[task] == TRIES:
                        yield Outcome(task, None, error)
                    else:
                        todo.append(task)

    def _idle(self, wanted: int) -> list[_Process]:
        """Processes without a task, not more than wanted; missing ones are started."""
        idle = [process for process in self.processes if process.task is None][:wanted]
        for _ in range(min(wanted - len(idle), self.size - len(self.processes))):
            idle.append(_Process(self.function, self.size))
            self.processes.append(idle[-1])
        return idle

    def _messages(self) -> Iterator[tuple[_Process, tuple[Any, ...]]]:
        """A message of each process that has one for us, or has ended."""
        working = [process for process in self.processes if process.task is not None]
        ready = wait([process.connection for process in working], timeout=LOOK)
        for process in working:
            if process.connection in ready or process.process.poll() is not None:
                yield process, process.message()

    def close(self) -> None:
        """End all processes; those without a task may take a moment for it."""
        for process in self.processes:
            process.dismiss()
        until = time.monotonic() + GRACE
        for process in self.processes:
            process.end(until - time.monotonic())
        self.processes.clear()


class _Process:
    """One process, seen from its parent; `task`: what it does, None where it waits for one."""

    def __init__(self, function: bytes, size: int) -> None:
        self.task: str | None = None
        self.begun = False
        environment = os.environ | registry.environment()
        if size > 1:
            environment |= dict.fromkeys(THREADS, str(max(1, cores() // size)))
        try:
            self.connection, theirs = Pipe()
            self.dump = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by `end`
            fds = theirs.fileno(), self.dump.fileno()
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CODE, json.dumps(sys.path), *map(str, fds)],
                stdin=subprocess.DEVNULL, env=environment, pass_fds=fds, start_new_session=True,
            )  # fmt: skip
            theirs.close()
        except OSError as error:
            raise _unstarted(str(error)) from error
        with contextlib.suppress(OSError):  # it has ended, which shows when it is listened to
            self.connection.send_bytes(function)

    def give(self, task: str) -> None:
        self.task = task
        with contextlib.suppress(OSError):
            self.connection.send(task)

    def message(self) -> tuple[Any, ...]:
        """What it says next; ("ended",) where it says no more."""
        message: tuple[Any, ...] = ("ended",)
        with contextlib.suppress(EOFError, OSError):
            if self.connection.poll():
                message = self.connection.recv()
        self.begun |= message[0] == "begun"
        return message

    def dismiss(self) -> None:
        """Let it end: by itself where it waits for a task, at once where it works."""
        if self.task is not None:
            self._kill()
        with contextlib.suppress(OSError):
            self.connection.send(None)

    def end(self, patience: float = LOOK) -> ProcessEndedError:
        """End it and all that it started; tell how it ended, where it did so by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, patience))
        self._kill()
        status = self.process.wait()
        self.connection.close()
        with self.dump:
            self.dump.seek(0)
            left = self.dump.read().decode("utf-8", "replace")
        late = status == 1 and left.startswith(_LATE)
        return ProcessEndedError(f"its process {_how(status)}", late=late, line=line_in(left))

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


_LATE = "Timeout ("  # as the fault handler begins


def _unstarted(why: str) -> UsageError:
    why = " ".join(why.split())[:300]
    return UsageError(
        f"a process to work in could not be started ({why}); make room, or use one worker and no "
        "--own-process; what is done is kept"
    )


def _how(status: int) -> str:
    if status >= 0:
        return f"ended with status {status} before its work was done"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    memory = ", as happens where memory runs out" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"


def cores() -> int:
    """The cores that this process may use, which on a shared machine are fewer than it has."""
    allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def limit_threads(threads: int) -> None:
    """Let the libraries that are already imported use `threads` threads in this process."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


# from here on: in the process itself

_CODE = (  # not the parent's __main__, which is the user's and may start a run
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from vosbench.running import workers; workers.serve(*map(int, sys.argv[2:]))"
)
_parent: Connection | None = None
_dump: IO[str] | None = None


def serve(parent: int, dump: int) -> None:
    """Do tasks until there are no more; `parent`, `dump`: numbers of open files."""
    global _parent, _dump
    for number in (parent, dump):
        os.set_inheritable(number, False)  # not for programs that a task starts
    _parent, _dump = Connection(parent), os.fdopen(dump, "w")
    faulthandler.enable(_dump)
    _leave_the_line_of_exits()
    try:
        function = pickle.loads(_parent.recv_bytes())
    except Exception as error:
        _parent.send(("unfit", described(error)))
        return
    _parent.send(("begun",))
    tasks: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(_parent, tasks), daemon=True).start()
    while (task := tasks.get()) is not None:
        try:
            done = pickle.dumps(("done", function(task), None))
        except BaseException as error:
            done = pickle.dumps(("done", None, _portable(error)))
        end_after(None)
        _parent.send_bytes(done)


def _listen(parent: Connection, tasks: queue.SimpleQueue[str | None]) -> None:
    """Take tasks; when the parent has ended, end, and all that was started here with it."""
    try:
        while True:
            tasks.put(parent.recv())
    except (EOFError, OSError):
        os.killpg(os.getpgid(0), signal.SIGKILL)


def _leave_the_line_of_exits() -> None:
    """Let `os._exit` leave where it was called; children that a task forks end as they like."""
    leave, process = os._exit, os.getpid()

    def leaving(status: int) -> None:
        if os.getpid() == process and _dump is not None:
            faulthandler.dump_traceback(_dump, all_threads=False)
        leave(status)

    os._exit = leaving  # type: ignore[assignment]


def _portable(error: BaseException) -> BaseException:
    """An exception as it can travel; its traceback, which cannot, goes along as a note."""
    if not isinstance(error, VosbenchError):
        error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        other = RuntimeError(described(error))
        other.add_note("".join(traceback.format_exception(error)))
        return other
    return error


def tell(*what: Any) -> None:
    """Tell the parent something, where this process has one that listens."""
    if _parent is not None:
        _parent.send(("told", *what))


def end_after(seconds: float | None) -> None:
    """End this process if it does not call this again in so many seconds; None: no more.

    Does nothing but in a process of a Pool.
    """
    if _dump is None:
        return
    if seconds is None:
        faulthandler.cancel_dump_traceback_later()
    else:
        faulthandler.dump_traceback_later(seconds, exit=True, file=_dump)
