"""Local processes and a real Dask cluster give what one process gives, also when one dies."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Vosbench, command_environment, make_folder_dataset

from vosbench.errors import UsageError
from vosbench.running import cluster


def _double(task: str) -> str:
    if task == "bad":
        raise ValueError("bad task")
    return task * 2


def _masks(folder: Path) -> dict[str, bytes]:
    (run,) = folder.iterdir()
    files = [*run.glob("masks/**/*.png"), run / "scores.csv", run / "summary.json"]
    return {str(f.relative_to(run)): f.read_bytes() for f in files}


def test_outcomes_carry_results_and_errors() -> None:
    outcomes = {o.task: o for o in cluster.map_tasks(_double, ["a", "bad", "c"])}
    assert outcomes["a"].result == "aa"
    assert outcomes["c"].result == "cc"
    assert isinstance(outcomes["bad"].error, ValueError)


def test_no_scheduler_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    real = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: real(address, timeout=1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UsageError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1"):
        list(cluster.map_tasks(_double, ["a"], scheduler=f"tcp://127.0.0.1:{port}"))


def test_two_workers_give_the_masks_of_one_process(tmp_path: Path, command: Vosbench) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 5, "cat": 7})
    arguments = ("run", "--method", "optical-flow", "--dataset", "folder", "--root", root)
    assert command(*arguments, "--out", "one").returncode == 0
    two = command(*arguments, "--out", "two", "--workers", 2)
    assert two.returncode == 0, two.stderr
    assert _masks(tmp_path / "one") == _masks(tmp_path / "two")


@pytest.fixture
def dask_cluster(tmp_path: Path) -> Iterator[str]:
    """A real scheduler and two workers, each a process of its own with a nanny."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    log = (tmp_path / "dask.log").open("w")

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", "import sys; from distributed.cli." + arguments[0]
             + " import main; sys.exit(main(sys.argv[1:]))", *arguments[1:]],
            cwd=tmp_path, env=command_environment(), stdout=log, stderr=log,
        )  # fmt: skip

    processes = [
        start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    ]
    processes += [
        start("dask_worker", address, "--nthreads", "1", "--no-dashboard", "--name", name)
        for name in ("left", "right")
    ]
    try:
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        log.close()


def test_a_dask_cluster_gives_the_same_though_a_worker_dies(
    tmp_path: Path, command: Vosbench, dask_cluster: str
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 9, "cat": 7})
    arguments = ("run", "--method", "misbehaving", "--dataset", "folder", "--root", root)
    marker = tmp_path / "died"
    dying = command(
        *arguments, "--set", "how=die-once", "--set", f"marker={marker}",
        "--scheduler", dask_cluster, "--out", "cluster",
    )  # fmt: skip
    assert dying.returncode == 0, dying.stderr
    assert marker.exists()
    assert command(*arguments, "--set", "how=not", "--out", "one").returncode == 0
    one, many = _masks(tmp_path / "one"), _masks(tmp_path / "cluster")
    assert one.pop("summary.json") != many.pop("summary.json")  # of other options
    assert one == many
