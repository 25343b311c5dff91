"""Record what made a result: version, commit, libraries, machine, hashes of files."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vosbench.files import fingerprint

VERSION = "0.1.0"
LIBRARIES = (
    "numpy", "opencv-python-headless", "pillow", "torch", "torchvision", "timm", "transformers",
    "rf-cutie",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """The machine and the versions of libraries, without importing any of them."""
    from importlib import metadata  # slow to import, and scoring alone does not ask

    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            versions[library] = "not installed"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "versions": versions,
        "commit": _commit(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def made_by() -> str:
    """The version of this code, with its commit if it runs from a checkout."""
    commit = _commit()
    return f"vosbench {VERSION}" + (f" at {commit}" if commit else "")


def hashed(files: Mapping[str, Path]) -> dict[str, str]:
    """The sha256 of each file that exists; of a folder, that of its listing.

    A listing holds names, sizes and times of change: some folders are too large to read.
    """
    found = {}
    for name, path in files.items():
        if path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.is_dir():
            inside = [(file, file.stat()) for file in sorted(path.rglob("*")) if file.is_file()]
            found[name] = fingerprint(
                [[str(f.relative_to(path)), stat.st_size, stat.st_mtime_ns] for f, stat in inside]
            )
    return found


@functools.cache
def _commit() -> str | None:
    """The checkout's commit, with `+` if tracked files differ from it; None without a checkout."""
    here = Path(__file__).resolve().parents[1]
    if not (here / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            cwd=here, capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
