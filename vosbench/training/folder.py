"""A training's folder: settings, checkpoint, logs, pictures, and weights with their card.

    training.json           all settings, the clips with their hashes, machine and versions
    checkpoint.safetensors  weights and optimiser; in its header, as JSON, step and counters
    log.csv, events.*       losses, learning rate and speed, as text and for TensorBoard
    diagnostics.csv         figures of the held-out clips
    pictures/               a few pictures of the first held-out sample
    weights.safetensors     at the end, with weights.json, their card

A pickle is neither written nor read.
"""

from __future__ import annotations

import contextlib
import csv
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.errors import DataError, MethodError
from vosbench.files import check_shape, remove, write_bytes, write_text

if TYPE_CHECKING:
    from torch import Tensor, nn, optim

    from vosbench.types import Frame


CHECKPOINT = "checkpoint.safetensors"
STATE = {
    "step": int, "seconds": (int, float), "sums": dict, "defined": dict, "counted": int,
    "since": (int, float),
}  # fmt: skip


@dataclass
class State:
    """What a training is at besides its tensors.

    step: steps done. seconds: time spent on them.
    counted, since: steps and seconds since the last line of the log.
    sums, defined: of the figures since then, and in how many steps each was not NaN.
    """

    step: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    defined: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    since: float = 0.0

    def check(self, steps: int) -> None:
        """ValueError for what no training of so many steps can be at."""
        if not 0 <= self.step <= steps:
            raise ValueError(f"it is of step {self.step}, and the training has {steps}")
        numbers = (*self.sums.values(), *self.defined.values())
        if self.sums.keys() != self.defined.keys() or not all(
            isinstance(number, (int, float)) for number in numbers
        ):
            raise ValueError("the sums of its figures are not one number a figure")

    def add(self, figures: Mapping[str, float], *, seconds: float) -> None:
        """One more step is done."""
        self.step += 1
        self.seconds += seconds
        self.since += seconds
        self.counted += 1
        for key, value in figures.items():
            defined = not math.isnan(value)
            self.sums[key] = self.sums.get(key, 0.0) + (value if defined else 0.0)
            self.defined[key] = self.defined.get(key, 0) + defined

    def line(self, rate: float, *, images: int) -> dict[str, float]:
        """The means since the last line, for the log; `images` are those of a step."""
        means = {
            key: value / self.defined[key] if self.defined[key] else math.nan
            for key, value in self.sums.items()
        }
        speed = images * self.counted / max(self.since, 1e-9)
        self.sums, self.defined, self.counted, self.since = {}, {}, 0, 0.0
        return {"step": self.step, **means, "lr": rate, "images_per_second": round(speed, 1)}


def save_checkpoint(
    folder: Path, state: State, module: nn.Module, optimizer: optim.Optimizer
) -> None:
    """Write the checkpoint whole, in the place of the former one.

    Raises:
        FloatingPointError: a weight is not finite; the former checkpoint is kept.
    """
    import torch
    from safetensors.torch import save

    tensors = {f"module/{key}": value for key, value in module.state_dict().items()}
    for number, values in optimizer.state_dict()["state"].items():
        for key, value in values.items():
            if value is not None:
                tensors[f"optimizer/{number}/{key}"] = torch.as_tensor(value)
    for key, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise FloatingPointError(key)
    # Clones, as safetensors refuses tensors that share memory.
    plain = {k: v.detach().cpu().clone(memory_format=torch.contiguous_format)
             for k, v in tensors.items()}  # fmt: skip
    write_bytes(folder / CHECKPOINT, save(plain, metadata={"state": json.dumps(vars(state))}))


def load_checkpoint(
    folder: Path, module: nn.Module, optimizer: optim.Optimizer, *, steps: int
) -> State:
    """Fill module and optimiser from the checkpoint of so many steps; else a fresh State.

    Raises:
        DataError: the checkpoint is damaged or of another network.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / CHECKPOINT
    if not path.is_file():
        return State()
    try:
        with safe_open(path, framework="pt") as file:
            said = json.loads(file.metadata()["state"])
            check_shape(said, STATE, path, what="a checkpoint", remedy="start over")
            state = State(**said)
            state.check(steps)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        own = {k.removeprefix("module/"): v for k, v in tensors.items() if k.startswith("module/")}
        module.load_state_dict(own)
        values: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimizer/"):
                _, number, name = key.split("/", 2)
                values.setdefault(int(number), {})[name] = value
        optimizer.load_state_dict({**optimizer.state_dict(), "state": values})
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path} cannot be resumed from: {error}; remove the folder to start over"
        ) from None
    return state


def read_table(path: Path) -> list[dict[str, float]]:
    """The lines of a log as numbers; none where there is no such file.

    Raises:
        DataError: it is damaged.
    """
    if not path.is_file():
        return []
    with _saying(path), path.open(newline="", encoding="utf-8") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


@contextlib.contextmanager
def _saying(log: Path) -> Iterator[None]:
    """Around the reading of a log: what does not fit is told with its name."""
    try:
        yield
    except (ValueError, TypeError, csv.Error) as error:
        raise DataError(
            f"{log} is damaged: {error}; remove it to go on without what it says, or its folder to "
            "start over"
        ) from None


def add_line(path: Path, row: Mapping[str, float]) -> None:
    """Add a line to a log, under a header in a new one.

    Raises:
        MethodError: the method gives other figures than before.
    """
    header = ",".join(row) + "\n"
    with path.open("a+", newline="", encoding="utf-8") as file:
        file.seek(0)
        before = file.readline() or header
        if before != header:
            raise MethodError(
                f"the figures of a method must have the same names at every step: {path} has "
                f"{before.strip()}, now {header.strip()}; give NaN for what is undefined"
            )
        new = "" if file.tell() else header
        file.seek(0, 2)
        file.write(new + ",".join(map(str, row.values())) + "\n")


def cut_logs(folder: Path, step: int) -> None:
    """Take out what the logs say of steps after a checkpoint's: they are done again."""
    for path in (folder / "log.csv", folder / "diagnostics.csv"):
        if not path.is_file():
            continue
        with _saying(path):
            header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
            # A line without its end was cut off by a kill, or as the disk was full; so was what is
            # not there at all.
            kept = [ln for ln in lines if ln.endswith("\n") and int(ln.partition(",")[0]) <= step]
        if kept:
            write_text(path, "".join([header, *kept]))
        else:
            remove(path, inside=folder)


def thinned(rows: list[dict[str, float]], most: int = 60) -> list[dict[str, float]]:
    """At most so many rows, evenly spread, the first and the last among them."""
    if len(rows) <= most:
        return rows
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]


def draw(path: Path, pictures: list[tuple[str, Frame]]) -> None:
    """Write captioned pictures in a row."""
    import io

    from PIL import Image, ImageDraw

    if not pictures:
        return
    gap, line = 4, 14
    height = max(picture.shape[0] for _, picture in pictures) + line
    width = sum(picture.shape[1] + gap for _, picture in pictures) - gap
    row = Image.new("RGB", (width, height), "white")
    brush, left = ImageDraw.Draw(row), 0
    for caption, picture in pictures:
        brush.text((left + 1, 1), caption, fill="black")
        row.paste(Image.fromarray(picture), (left, line))
        left += picture.shape[1] + gap
    path.parent.mkdir(exist_ok=True)
    content = io.BytesIO()
    row.save(content, "PNG")
    write_bytes(path, content.getvalue())
