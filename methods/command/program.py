"""One run of a program: it ends by itself, at its limit of time, or with vosbench, never later.

The program and all that it starts are under guard.py. Whatever way `run` is left, they are killed
first, and at the end of vosbench their files go, too. Of what the program prints, the end is kept.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from vosbench import errors
from vosbench.errors import MethodError

GUARD = Path(__file__).with_name("guard.py")
OURS = Path(errors.__file__).parents[1]
KEPT = 1 << 14  # bytes of what the program prints
LINES, WIDTH = 20, 300  # of them in the record
# what a progress bar showed before; tried at the start of each line alone, as lines may be long
_OVERWRITTEN = re.compile(rb"^[^\n]*\r(?=[^\r\n])", re.MULTILINE)
PATIENCE = 5.0  # seconds for the guard to kill what the program started
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|[\x00-\x08\x0b-\x1f\x7f]")


class Ended(NamedTuple):
    """How a program ended.

    status: 0 where all went well; below 0 the signal that ended it; None at the limit of time.
    fault: why it could not be started, or "".
    peak_memory_bytes: of the largest of its processes.
    said: the last lines that it printed.
    """

    status: int | None
    fault: str
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    said: tuple[str, ...]

    def check(self, time_limit: float | None) -> None:
        """Raise MethodError unless it ended well."""
        if self.fault:
            what = f"the program could not be started: {self.fault}"
        elif self.status is None:
            what = f"the program had not ended after {time_limit:g} s, the time_limit"
        elif self.status < 0:
            memory = ", as happens where memory runs out" if self.status == -signal.SIGKILL else ""
            what = f"the program was ended by {_signal(-self.status)}{memory}"
        elif self.status > 0:
            what = f"the program ended with status {self.status}"
        else:
            return
        raise failed(what, self.said)


def failed(what: str, said: tuple[str, ...]) -> MethodError:
    """An error with the last lines of the program: three in its sentence, all in the log."""
    last = " | ".join(said[-3:])
    error = MethodError(f"{what}; it said last: {last}" if said else f"{what}; it printed nothing")
    if len(said) > 3:
        error.add_note("\n".join(["the program's last lines:", *said]))
    return error


def run(
    words: list[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
    time_limit: float | None,
    scratch: Path,
) -> Ended:
    """Run a program and wait for its end.

    Args:
        words: the path of the program, then its arguments.
        folder: where it runs.
        variables: of its environment, beside those of this process.
        time_limit: seconds, None for none.
        scratch: a folder of this run alone, which goes if vosbench is killed meanwhile.
    """
    life, ours = os.pipe()
    reports, report = os.pipe()
    tail = _Tail()
    environment = {"PYTHONUNBUFFERED": "1", **os.environ, **variables}  # for its last lines
    process: subprocess.Popen[bytes] | None = None
    try:
        process = subprocess.Popen(
            [
                sys.executable, "-I", "-S", str(GUARD),
                *map(str, (life, report, scratch, OURS)), *words,
            ],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=folder, env=environment, pass_fds=(life, report), start_new_session=True,
        )  # fmt: skip
        os.close(report)
        report = -1
        assert process.stdout is not None
        listening = threading.Thread(target=tail.follow, args=(process.stdout,), daemon=True)
        listening.start()
        told = _told(reports, time_limit)
    except OSError as error:
        return Ended(None, str(error.strerror), 0.0, 0.0, 0, ())
    finally:
        if process is not None:
            _end(process, ours)
        for number in {life, ours, reports, report} - {-1}:
            os.close(number)
    listening.join(1.0)  # longer only where a child that left the group holds the pipe
    return _ended(told, time_limit, tail.lines())


def _told(reports: int, time_limit: float | None) -> dict[str, Any] | None:
    """What the guard reports; None at the limit of time, {} where the guard was ended too."""
    ready, _, _ = select.select([reports], [], [], time_limit)
    if not ready:
        return None
    content = os.read(reports, 1 << 12)
    return json.loads(content) if content else {}


def _end(process: subprocess.Popen[bytes], ours: int) -> None:
    """Let the guard kill all that is left, then kill its group, if it could not."""
    os.write(ours, b".")
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ended(told: dict[str, Any] | None, time_limit: float | None, said: tuple[str, ...]) -> Ended:
    if told is None:
        return Ended(None, "", time_limit or 0.0, 0.0, 0, said)
    if "fault" in told:
        return Ended(None, told["fault"], 0.0, 0.0, 0, said)
    if not told:  # whoever killed the whole group
        return Ended(-signal.SIGKILL, "", 0.0, 0.0, 0, said)
    return Ended(fault="", said=said, **told)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class _Tail:
    """The end of what is printed, however much that is."""

    def __init__(self) -> None:
        self.kept = b""

    def follow(self, printed: IO[bytes]) -> None:
        with printed:
            while piece := os.read(printed.fileno(), 1 << 16):
                self.kept = _OVERWRITTEN.sub(b"", self.kept + piece)[-KEPT:]

    def lines(self) -> tuple[str, ...]:
        text = self.kept.decode("utf-8", "replace")
        lines = (_CONTROL.sub("", line).strip()[:WIDTH] for line in text.split("\n"))
        return tuple([line for line in lines if line][-LINES:])
