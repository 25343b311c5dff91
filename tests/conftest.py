"""Fixtures: a small dataset on disk, the plugins of the tests, the command as one types it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# Beside one another, tests share the cores; libraries read this when they are first imported.
if (_workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))) > 1:
    _allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
    _cores = len(_allowed(0)) if _allowed else os.cpu_count() or 1
    os.environ["OMP_NUM_THREADS"] = str(max(1, _cores // _workers))

import numpy as np
import pytest
from PIL import Image

import vosbench.plugins
from vosbench.masks import write_mask

PLUGINS = Path(__file__).parent / "plugins"

Vosbench = Callable[..., "subprocess.CompletedProcess[str]"]


def make_folder_dataset(root: Path, lengths: dict[str, int], *, objects: int = 2) -> Path:
    """A `folder` dataset of 32x48 frames in which squares move one pixel a frame."""
    for number, (name, length) in enumerate(lengths.items()):
        generator = np.random.default_rng(number)
        background = generator.integers(0, 255, (32, 48, 3), dtype=np.uint8)
        images, masks = root / "images" / name, root / "masks" / name
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for index in range(length):
            frame, mask = background.copy(), np.zeros((32, 48), np.uint8)
            for label in range(1, objects + 1):
                top, left = 2 + 14 * (label - 1), 3 + index
                mask[top : top + 10, left : left + 10] = label
                frame[top : top + 10, left : left + 10] = 80 * label
            Image.fromarray(frame).save(images / f"{index:05d}.jpg", quality=95)
            write_mask(masks / f"{index:05d}.png", mask)
    return root


@pytest.fixture
def folder_root(tmp_path: Path) -> Path:
    """Three sequences of 6, 9 and 7 frames with two objects each."""
    return make_folder_dataset(tmp_path / "data", {"ant": 6, "bee": 9, "cat": 7})


@pytest.fixture
def test_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the plugins of tests/plugins for this test."""
    monkeypatch.setattr(vosbench.plugins, "__path__", [*vosbench.plugins.__path__, str(PLUGINS)])


def command_environment() -> dict[str, str]:
    """The environment of a command in a test: the tests' plugins registered, no data folder set."""
    environment = {k: v for k, v in os.environ.items() if k != "VOSBENCH_DATA"}
    return environment | {"VOSBENCH_PLUGINS": str(PLUGINS), "COLUMNS": "120"}


@pytest.fixture
def command(tmp_path: Path) -> Vosbench:
    """Run `python -m vosbench ARGUMENTS` in tmp_path and give its status and output."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "vosbench", *map(str, arguments)],
            cwd=tmp_path,
            env=command_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
