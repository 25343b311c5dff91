"""run.json and timing.csv: what was run, with what, on which data and machine, and how fast."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
import json
import os
import platform
import statistics
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import vosbench
from vosbench import registry
from vosbench.atomic import write_json, write_text
from vosbench.config import RunConfig, choose_protocol, fingerprint, jsonable, method_options
from vosbench.errors import UsageError
from vosbench.types import Dataset

LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "torch", "torchvision")


def describe(config: RunConfig, dataset: Dataset, sequences: tuple[str, ...]) -> dict[str, Any]:
    """What decides a run's masks (`identity`), and the facts beside it."""
    options = method_options(config.method, config.options)
    card = dataset.card
    identity = {
        "method": config.method,
        "options": jsonable(options),
        "files": _hashes(options),
        "dataset": card.name,
        "split": dataset.split,
        "resolution": config.resolution,
        "sequences": list(sequences),
        "sequences_sha256": fingerprint(list(sequences)),
        "device": config.device,
        "seed": config.seed,
    }
    changed = _changed(config.method, options)
    standard = (
        not changed
        and sequences == dataset.names
        and (dataset.split, config.seed, config.device) == (card.default_split, 0, "cpu")
        and config.resolution in ("", *card.resolutions[:1])
    )
    return {
        "vosbench": vosbench.__version__,
        "identity": identity,
        "identity_sha256": fingerprint(identity),
        "changed_options": changed,
        "standard": standard,
        "method_source": registry.find("methods", config.method).source,
        "root": str(config.root.resolve()) if config.root else None,
        "card": jsonable(
            {
                k: getattr(card, k)
                for k in ("name", "title", "url", "licence", "citation", "registration")
            }
        ),
        "protocol": dataclasses.asdict(choose_protocol(card, config.protocol)),
        "complete_split": sequences == dataset.names,
    }


def folder_name(described: dict[str, Any]) -> str:
    """`<method>-<dataset>`, with eight digits of the identity's hash unless all is default."""
    identity = described["identity"]
    name = f"{identity['method']}-{identity['dataset']}"
    return name if described["standard"] else f"{name}-{described['identity_sha256'][:8]}"


def start(folder: Path, described: dict[str, Any]) -> None:
    """Write run.json, or check that the one there describes the same run.

    Raises:
        UsageError: the folder holds a run with other options, data or weights.
    """
    path = folder / "run.json"
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["identity_sha256"] != described["identity_sha256"]:
            changed = [
                f"{key}: {before['identity'].get(key)} -> {value}"
                for key, value in described["identity"].items()
                if before["identity"].get(key) != value
            ]
            raise UsageError(
                f"{folder} holds another run ({'; '.join(changed)}); "
                "use --overwrite always to start anew, or another --out"
            )
        described = {**before, **described}
    write_json(path, described | {"status": "running", "environment": environment()})


def finish(folder: Path, *, done: list[str], failed: dict[str, str]) -> None:
    """Write timing.csv and the final run.json from the records of the finished sequences."""
    described = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    records = [
        json.loads((folder / "sequences" / f"{name}.json").read_text(encoding="utf-8"))
        for name in done
    ]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("sequence", "frame", "seconds"))
    for record in records:
        for name, seconds in zip(record["frame_names"], record["seconds"], strict=True):
            writer.writerow((record["sequence"], name, f"{seconds:.6f}"))
    write_text(folder / "timing.csv", table.getvalue())
    # The first two frames of a sequence hold the prompt and the warm-up.
    warm = sorted(s for record in records for s in record["seconds"][2:])
    complete = not failed and len(done) == len(described["identity"]["sequences"])
    described |= {
        "status": "complete" if complete else "incomplete",
        "done": done,
        "failed": failed,
        "timing": {
            "what": "method only: no decoding of frames, no writing of masks; "
            "first two frames of each sequence left out",
            "frames": len(warm),
            "median_seconds": statistics.median(warm) if warm else None,
            "p95_seconds": warm[min(len(warm) - 1, int(0.95 * len(warm)))] if warm else None,
        },
        "peak_memory_bytes": max((r["peak_memory_bytes"] for r in records), default=None),
        "masks_sha256": fingerprint({r["sequence"]: r["masks_sha256"] for r in records}),
    }
    write_json(folder / "run.json", described)


def environment() -> dict[str, Any]:
    """The machine and the versions, as far as they can be read without importing anything."""
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


def _changed(method: str, options: Any) -> list[str]:
    """The names of the options that differ from the method's defaults."""
    defaults = registry.find("methods", method).defaults
    return [
        f.name
        for f in dataclasses.fields(options)
        if getattr(options, f.name) != defaults.get(f.name, f.default)
    ]


def _hashes(options: Any) -> dict[str, str]:
    """The sha256 of every file that an option names."""
    return {
        f.name: hashlib.sha256(value.read_bytes()).hexdigest()
        for f in dataclasses.fields(options)
        if isinstance(value := getattr(options, f.name), Path) and value.is_file()
    }


def _commit() -> str | None:
    """The checkout's commit, with `+` where tracked files differ from it; None outside one."""
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
