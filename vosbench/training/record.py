"""Record a training: training.json at its start, weights with their card at its end."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vosbench.files import fingerprint, jsonable, write_json
from vosbench.provenance import VERSION, environment
from vosbench.training.folder import State, read_table, thinned
from vosbench.training.settings import trainable
from vosbench.types import HasEncoder, Shaped

if TYPE_CHECKING:
    from torch import Tensor

    from vosbench.training.plan import TrainingPlan

FLAGS = ("seed", "device", "precision", "processes", "threads")  # of the command that repeats it


def start(made: TrainingPlan) -> None:
    """Write training.json, once: a training that goes on keeps what it began with."""
    path = made.folder / "training.json"
    if path.is_file():
        return
    write_json(
        path,
        {
            "vosbench": VERSION,
            "label": made.label,
            "identity": made.identity,
            "identity_sha256": fingerprint(made.identity),
            "videos": str(made.config.videos.resolve()),
            "held_out": [clip.name for clip in made.held if clip not in made.clips],
            "skipped": dict(made.skipped),
            "steps": made.steps,
            "command": command(made),
            "environment": environment(),
        },
    )


def command(made: TrainingPlan) -> str:
    """The command that repeats a training; folders and files by their names alone."""
    config = made.config
    words = ["vosbench", "train", "--method", config.method, "--videos", config.videos.name]
    for key, value in made.chosen.explicit.items():
        words += ["--set", f"{key}={Path(value).name}"]
    for field in dataclasses.fields(config):
        if field.name in FLAGS and getattr(config, field.name) != field.default:
            words += [f"--{field.name}", str(getattr(config, field.name))]
    return shlex.join(words)


def finish(
    made: TrainingPlan, network: Mapping[str, Tensor], state: State,
    *, diagnostics: Mapping[str, float], complaints: list[str],
) -> Path:  # fmt: skip
    """Write the weights and their card."""
    from vosbench.toolbox.methods.weights import save

    path, options = made.folder / "weights.safetensors", made.chosen.options
    plugin = trainable(made.config.method)
    shaping = plugin.SHAPE if isinstance(plugin, Shaped) else ()
    encoder = (
        {"encoder": jsonable(plugin.encoder(options))} if isinstance(plugin, HasEncoder) else {}
    )
    clips = made.identity["clips"]
    card = {
        **encoder,
        "command": command(made),
        "recipe": made.chosen.recipe,
        "all_options": _named(options),
        "files": made.identity["files"],
        "training": _named(made.chosen.training),
        "settings": made.identity["settings"],
        "clips": {
            "count": len(clips),
            "held_out": len(clips) - len(made.clips),  # none where there are too few to spare one
            "names": sorted(clips),
            "sha256": fingerprint(clips),  # of names and contents
        },
        "seed": made.config.seed,
        "steps": state.step,
        "wall_seconds": round(state.seconds, 1),
        "device": _device_name(made.config.device),
        "precision": made.config.precision,
        "processes": made.config.processes,
        "threads": made.threads,
        "curve": [_rounded(row) for row in thinned(read_table(made.folder / "log.csv"))],
        "diagnostics": _rounded(diagnostics),
        "complaints": complaints,
        "environment": environment(),
    }
    shape = {name: jsonable(getattr(options, name)) for name in shaping}
    save(path, network, method=made.config.method, options=shape, card=card)
    return path


def _named(values: Any) -> dict[str, Any]:
    """A dataclass as JSON with files by their names: a card is shown to others."""
    found = {f.name: getattr(values, f.name) for f in dataclasses.fields(values)}
    return {
        k: Path(v).name if isinstance(v, (str, Path)) else jsonable(v) for k, v in found.items()
    }


def _rounded(row: Mapping[str, float]) -> dict[str, float | None]:
    """Figures to five digits; None for what is undefined, as JSON has no NaN."""
    return {k: float(f"{v:.5g}") if np.isfinite(v) else None for k, v in row.items()}


def _device_name(device: str) -> str:
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device)
    return device
