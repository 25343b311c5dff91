"""Local processes: tasks come back whatever becomes of a process, and none outlives its parent."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import command_environment

from vosbench.errors import DataError, IncompleteScoresError, UsageError
from vosbench.running import workers
from vosbench.running.workers import Outcome, Pool


def _does(task: str) -> object:
    """What the task says, with what comes after a blank."""
    do, _, with_this = task.partition(" ")
    if do == "die-once" and Path(with_this).exists():
        return "done"
    if do == "die-once":
        Path(with_this).touch()
    if do in ("die", "die-once"):
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "raise":
        raise {"value": ValueError, "data": DataError, "stop": SystemExit}[with_this]("no luck")
    if do == "incomplete":
        raise IncompleteScoresError({"ant": ("no truth",)}, scored=None)
    if do == "late":
        workers.end_after(0.2)
        time.sleep(60)
    if do == "tell":
        for number in range(3):
            workers.tell(with_this, number)
    if do == "process":
        return os.getpid()
    if do == "threads":
        import cv2

        return cv2.getNumThreads(), os.environ.get("OMP_NUM_THREADS")
    if do == "large":
        return bytes(int(with_this))
    if do == "lambda":
        return lambda: None
    return task


def _outcomes(*tasks: str, size: int = 2) -> dict[str, Outcome]:
    with Pool(_does, size) as pool:
        return {outcome.task: outcome for outcome in pool.outcomes(tasks)}


def test_results_and_errors_come_back() -> None:
    tasks = ("a", "raise value", "raise data", "raise stop", "incomplete", "large 5000000")
    found = _outcomes(*tasks, "lambda")
    assert set(found) == {*tasks, "lambda"}
    assert found["a"] == ("a", "a", None)
    assert found["large 5000000"].result == bytes(5000000)
    assert [type(found[task].error) for task in tasks[1:4]] == [ValueError, DataError, SystemExit]
    assert str(found["raise data"].error) == "no luck"
    for task in ("raise value", "incomplete", "lambda"):  # where it was goes along
        assert any("Traceback" in note for note in found[task].error.__notes__), task
    assert "no truth" in str(found["incomplete"].error)  # another type, as this cannot travel


def test_a_task_whose_process_dies_goes_to_another(tmp_path: Path) -> None:
    dies = f"die-once {tmp_path / 'marker'}"
    found = _outcomes(dies, "die", "a", "b", "late")
    assert found[dies].result == "done"
    assert [found[task].result for task in ("a", "b")] == ["a", "b"]
    assert str(found["die"].error).startswith("its process was ended by SIGKILL, as happens where")
    assert not found["die"].error.late
    assert found["late"].error.late
    again = pickle.loads(pickle.dumps(found["late"].error))
    assert (str(again), again.late) == (str(found["late"].error), True)


def test_what_a_task_tells_on_its_way_is_heard() -> None:
    heard = []
    with Pool(_does, 1) as pool:
        list(pool.outcomes(["tell ant", "tell bee"], lambda *said: heard.append(said)))
    assert heard == [(name, number) for name in ("ant", "bee") for number in range(3)]
    workers.tell("nobody listens here")
    workers.end_after(0.01)  # nor does this end the test
    time.sleep(0.05)


def test_a_process_does_all_tasks_and_the_pool_goes_on() -> None:
    with Pool(_does, 1) as pool:
        first = [outcome.result for outcome in pool.outcomes(["process 1", "process 2"])]
        second = [outcome.result for outcome in pool.outcomes(["process 3"])]
    assert len({*first, *second}) == 1
    assert first[0] != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(first[0], 0)
    assert list(Pool(_does, 3).outcomes([])) == []


def test_threads_are_shared_between_processes() -> None:
    share = max(1, len(os.sched_getaffinity(0)) // 2)
    assert _outcomes("threads")["threads"].result == (share, str(share))
    alone = _outcomes("threads", size=1)["threads"].result
    assert alone[1] == os.environ.get("OMP_NUM_THREADS")
    import cv2
    import torch

    before = cv2.getNumThreads(), torch.get_num_threads()
    try:
        workers.limit_threads(1)
        assert (cv2.getNumThreads(), torch.get_num_threads()) == (1, 1)
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


def _broken() -> Callable[[str], object]:
    """Something that can be pickled, but not read back."""

    class Broken:
        def __reduce__(self) -> tuple[type, tuple[str]]:
            return int, ("no number",)

        def __call__(self, task: str) -> object:
            return task

    return Broken()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("program", "No such file or directory"),
        ("dies at once", "its process ended with status 3"),
        ("function", "invalid literal for int"),
        ("full", "No space left on device"),
    ],
)
def test_a_process_that_cannot_start_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, what: str, says: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if what == "program":
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
    if what == "dies at once":
        monkeypatch.setattr(workers, "_CODE", "import os; os._exit(3)")
    if what == "full":
        monkeypatch.setattr("tempfile.TemporaryFile", full)
    function = _broken() if what == "function" else _does
    with (
        Pool(function, 2) as pool,
        pytest.raises(UsageError, match=f"could not be started .*{says}.*what is done is kept"),
    ):
        list(pool.outcomes(["a", "b"]))


PARENT = """
import os, sys, time
from test_workers import _does
from vosbench.running.workers import Pool
def told(*said): print(*said, flush=True)
with Pool(_does, 2) as pool:
    list(pool.outcomes([f"wait {number}" for number in range(9)], told))
"""


def _does_nothing_for_long(task: str) -> None:
    child = subprocess.Popen(["sleep", "60"])
    workers.tell(os.getpid(), child.pid)
    time.sleep(60)


@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_its_parent(tmp_path: Path, ends: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT.replace("_does", "_does_nothing_for_long")],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=command_environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        said = [parent.stdout.readline().split() for _ in range(2)]
        parent.send_signal(ends)
        parent.wait(20)
    alive = [int(number) for line in said for number in line]
    assert len(alive) == 4
    until = time.monotonic() + 10
    while alive and time.monotonic() < until:
        alive = [number for number in alive if _lives(number)]
        time.sleep(0.05)
    assert alive == []


def _lives(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
