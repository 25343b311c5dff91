"""Kind 13: a run that waits for Dask says for what, gives up, and leaves a run that goes on."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import command_environment, make_folder_dataset

from vosbench.errors import UsageError
from vosbench.running import cluster, workers
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.plan import plan_run
from vosbench.running.workers import ProcessEndedError


def _double(task: str) -> str:
    return task * 2


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECTING", 2.0)
    monkeypatch.setattr(cluster, "PATIENCE", 3.0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a program of Dask with arguments; all end with the test."""
    processes: list[subprocess.Popen[bytes]] = []
    environment = command_environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        code = f"import sys; from distributed.cli.dask_{program} import main; sys.exit(main())"
        with (tmp_path / f"{program}.log").open("w") as log:
            processes.append(subprocess.Popen(
                [sys.executable, "-c", code, *arguments, "--no-dashboard"],
                env=environment, stdout=log, stderr=log, cwd=tmp_path,
            ))  # fmt: skip
        return processes[-1]

    yield start
    for process in reversed(processes):
        process.kill() if process.poll() is None else None
        process.wait(20)


@pytest.fixture
def scheduler(start: Callable[..., subprocess.Popen[bytes]]) -> str:
    """The address of a scheduler that has no worker."""
    return _scheduler(start)[1]


def _scheduler(
    start: Callable[..., subprocess.Popen[bytes]],
) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start("scheduler", "--host", "127.0.0.1", "--port", str(port))
    return process, f"tcp://127.0.0.1:{port}"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(64)])
def test_what_listens_but_is_no_scheduler(greeting: bytes) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(5)
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        if greeting:
            import threading

            def greet() -> None:
                other.accept()[0].sendall(greeting)

            threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(UsageError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1"):
            list(cluster.map_tasks(_double, ["a"], scheduler=address))


@pytest.mark.usefixtures("impatient")
def test_a_run_without_workers_says_so_and_goes_on_later(
    tmp_path: Path, scheduler: str, capfd: pytest.CaptureFixture[str]
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 5, "bee": 4})
    config = RunConfig(
        method="copy-first", dataset="folder", root=root, out=tmp_path / "runs",
        scheduler=scheduler,
    )  # fmt: skip
    cluster.CONNECTING = 20.0  # the scheduler is only just starting
    planned = plan_run(config)
    with pytest.raises(
        UsageError, match=r"no worker at tcp.*dask worker tcp.*what is done is kept"
    ):
        compute(planned)
    assert "waiting for a worker at tcp://127.0.0.1" in capfd.readouterr().err
    later = RunConfig(
        method="copy-first", dataset="folder", root=root, out=tmp_path / "runs"
    )  # fmt: skip
    assert set(compute(plan_run(later)).computed) == {"ant", "bee"}


def _note(notes: Path, seconds: float, task: str) -> str:
    (notes / f"{task}-{time.monotonic()}").touch()
    time.sleep(seconds)
    return task


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        (signal.SIGKILL, r"the Dask scheduler at tcp.* has gone \(.*what is done is kept"),
        (signal.SIGTERM, r"the Dask scheduler at tcp.* has gone \(.*what is done is kept"),
        (signal.SIGSTOP, r"has gone \(.*said nothing for 3 s\)"),
        (0, "no worker at tcp.*what is done is kept"),  # it is the worker that ends
    ],
)
def test_what_ends_in_the_middle_is_one_sentence(
    tmp_path: Path,
    start: Callable[..., subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
    ends: int,
    says: str,
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 3.0)
    process, address = _scheduler(start)
    worker = start("worker", address, "--nthreads", "1", "--no-nanny")
    tasks = cluster.map_tasks(
        functools.partial(_note, tmp_path, 0.2), [str(n) for n in range(99)], scheduler=address
    )
    assert next(tasks).error is None
    process.send_signal(ends) if ends else worker.kill()
    with pytest.raises(UsageError, match=says):
        list(tasks)
    assert any(tmp_path.glob("0-*"))


def test_a_process_beside_each_worker_costs_its_task_alone(
    tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    _, address = _scheduler(start)
    start("worker", address, "--nthreads", "2", "--no-nanny")
    tasks = ["a", "segv", "b", "late", "c"]
    outcomes = cluster.map_tasks(_does, tasks, scheduler=address, apart=True)
    found = {outcome.task: outcome for outcome in outcomes}
    assert len({found[task].result for task in "abc"}) <= 3
    assert all(found[task].error is None for task in "abc")
    assert "its process was ended by SIGSEGV" in str(found["segv"].error)
    assert isinstance(found["late"].error, ProcessEndedError)
    assert found["late"].error.late


def _does(task: str) -> int:
    if task == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "late":
        workers.end_after(0.3)
        time.sleep(60)
    return os.getpid()
