"""Kind 13: a run that waits for Dask says for what, gives up, and leaves a run that goes on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import command_environment, make_folder_dataset

from vosbench.errors import UsageError
from vosbench.running import cluster
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.plan import plan_run


def _double(task: str) -> str:
    return task * 2


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "CONNECTING", 2.0)
    monkeypatch.setattr(cluster, "PATIENCE", 3.0)


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler that has no worker."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from distributed.cli.dask_scheduler import main; sys.exit(main())"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "--host", "127.0.0.1", "--port", str(port),
             "--no-dashboard"],
            env=command_environment(), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


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
