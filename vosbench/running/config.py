"""The configuration of a run, from a TOML file and command line options."""

from __future__ import annotations

import dataclasses
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vosbench import registry
from vosbench.errors import DataError, UsageError, did_you_mean
from vosbench.options import typed_as

if TYPE_CHECKING:
    from vosbench.protocols import PromptAt

# protocols and types are imported where they are used: `run --help` starts sooner

OVERWRITE = ("never", "missing", "always")
MASK = "mask"  # the prompt of a run that says nothing else
PROMPTS = (MASK, "box", "points:N", "click-center")
GRACE = 3  # late masks of a sequence that VOT's challenges forgive, by the stacks of their toolkit
_TYPED = (
    "prompt", "seed", "workers", "own_process", "timeout", "real_time", "grace", "protocol_time",
)  # fmt: skip
_CLICKS = re.compile(r"points:([1-9][0-9]?)")


class RealTime(NamedTuple):
    """Frames a second of a camera, and how many late masks of a sequence are forgiven."""

    fps: float
    grace: int


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides what a run computes and where it is kept.

    options: `key=value` strings or values for the method's Options.
    prompt: what the method is told of each object: its mask, a box, or up to N clicks (points:N,
        N up to 99); click-center is points:1, and kept so.
    prompt_at: the frame on which objects are prompted: "first" = where the dataset does it, "mid" =
        the middle annotated one, or a frame's name or number; then by the truth of that frame.
    direction: "forward" from the prompt, or "both" ways.
    split, resolution, protocol: "" stands for the dataset card's default.
    workers: local processes; 1 runs in this one. scheduler: address of a Dask cluster.
    own_process: one worker, too, is a process of its own, so that a method that crashes costs the
        sequence and not the run.
    timeout: seconds for each frame, after which a method's process is ended and the sequence has
        failed; it implies own_process.
    real_time: frames a second of a live video, of which the method is not shown those that come
        while it is busy; None for all frames. grace: how many late masks of a sequence are
        forgiven then; 3, as in VOT's challenges, where real_time is given.
    protocol_time: when the masks are made, time the method once more by itself; it implies
        own_process.
    overwrite: `missing` goes on where a run stopped, `never` refuses an existing folder,
        `always` starts anew: the run that is there gives way when the new one is whole.
    """

    method: str
    dataset: str
    root: Path | None = None
    split: str = ""
    resolution: str = ""
    sequences: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    protocol: str = ""
    prompt: str = MASK
    prompt_at: str = "first"
    direction: Literal["forward", "both"] = "forward"
    device: str = "cpu"
    seed: int = 0
    workers: int = 1
    scheduler: str = ""
    own_process: bool = False
    timeout: float | None = None
    real_time: float | None = None
    grace: int | None = None
    protocol_time: bool = False
    overwrite: Literal["never", "missing", "always"] = "missing"
    out: Path = Path("runs")

    @property
    def at(self) -> PromptAt:
        """Where objects are prompted, and which ways their masks are carried."""
        from vosbench.protocols import PromptAt

        return PromptAt(self.prompt_at, self.direction)

    @property
    def here(self) -> bool:
        """Whether the work stays in this process."""
        return self.workers == 1 and not self.scheduler and not self.apart

    @property
    def apart(self) -> bool:
        """Whether the work must leave this process, whoever does it."""
        leaves = self.own_process or self.timeout is not None
        return leaves or self.protocol_time  # what times the method has the GPU to itself

    def __post_init__(self) -> None:
        self._take_types()
        if self.overwrite not in OVERWRITE:
            raise UsageError(f"unknown overwrite {self.overwrite!r}; known: {', '.join(OVERWRITE)}")
        if self.workers < 1:
            raise UsageError(f"workers is {self.workers}, expected 1 or more")
        if self.timeout is not None and not 0 < self.timeout <= 1e6:
            raise UsageError(
                f"timeout is {self.timeout:g}, expected seconds above 0, up to 1000000"
            )
        if not 0 <= self.seed < 2**63:  # what every generator of numbers takes
            raise UsageError(f"seed is {self.seed}, expected 0 to 2**63 - 1")
        object.__setattr__(self, "prompt", known_prompt(self.prompt))
        self._check_real_time()
        check_at(self.at)
        if self.protocol_time:
            self._check_alone("--protocol-time")

    def _take_types(self) -> None:
        """Bring values of Python to their types, as those of a file: what is no number may run on.

        Raises:
            UsageError: one is of another type.
        """
        hints = typing.get_type_hints(RunConfig)
        for name in _TYPED:
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, typed_as(value, hints[name]))
            except ValueError as error:
                raise UsageError(f"{name}={value!r}: {error}") from None

    def _check_real_time(self) -> None:
        if self.real_time is None:
            if self.grace is not None:
                raise UsageError("grace is for runs in real time; give --real-time FPS, too")
            return
        if not 0 < self.real_time <= 1000:
            raise UsageError(
                f"real-time is {self.real_time:g}, expected frames a second above 0, up to 1000"
            )
        if self.grace is not None and self.grace < 0:
            raise UsageError(f"grace is {self.grace}, expected 0 or more")
        object.__setattr__(self, "grace", GRACE if self.grace is None else self.grace)
        self._check_alone("--real-time")

    def _check_alone(self, option: str) -> None:
        """Raise UsageError where what is timed would run beside others, or in two passes."""
        if self.workers > 1 or self.scheduler:
            other = "--scheduler" if self.scheduler else "--workers"
            raise UsageError(f"{option} times one process by itself; leave {other} away")
        if self.direction != "forward":
            raise UsageError(f"{option} goes forward; leave --direction away")

    @property
    def live(self) -> RealTime | None:
        """How the frames come, where not all are shown."""
        if self.real_time is None:
            return None
        return RealTime(self.real_time, GRACE if self.grace is None else self.grace)


def known_prompt(prompt: str) -> str:
    """A prompt under its own name: click-center is points:1.

    Raises:
        UsageError: there is no such prompt.
    """
    if prompt == "click-center":
        return "points:1"
    if prompt not in PROMPTS[:2] and not clicks_in(prompt):
        raise UsageError(
            f"prompt is {prompt!r}, expected mask, box, click-center or points:N with N from 1 to "
            "99, such as points:3"
        )
    return prompt


def check_at(at: PromptAt) -> None:
    """Raise UsageError for a frame that none can be named, or a direction that there is none of."""
    from vosbench.protocols import DIRECTIONS
    from vosbench.types import check_name

    if at.direction not in DIRECTIONS:
        known = " or ".join(DIRECTIONS)
        raise UsageError(f"direction is {at.direction!r}, expected {known}")
    try:
        check_name(at.frame, "frame", "--prompt-at")
    except DataError as error:
        raise UsageError(
            f"prompt-at is {at.frame!r}, expected first, mid, or a frame's name or number: {error}"
        ) from None


def clicks_in(prompt: str) -> int:
    """How many clicks a prompt is at most; 0 for a mask or a box.

    >>> clicks_in("points:3"), clicks_in("box")
    (3, 0)
    """
    found = _CLICKS.fullmatch(prompt)
    return int(found[1]) if found else 0


def from_toml(path: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from a TOML file, overridden by the flags that are not None.

    Raises:
        UsageError: the file is missing or not TOML, a key is unknown, method or dataset is missing.
    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            raise UsageError(f"configuration {path} is missing") from None
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"configuration {path} is not TOML: {error}") from None
    stored = values.pop("options", {})
    if not isinstance(stored, dict):
        raise UsageError(f"{path}: options must be a table, [options], got {stored!r}")
    options = {**stored, **(flags.get("options") or {})}
    values |= {k: v for k, v in flags.items() if v is not None and k != "options"}
    known = {f.name for f in dataclasses.fields(RunConfig)}
    for key in values:
        if key not in known:
            raise UsageError(f"{path}: unknown key {key!r}; {did_you_mean(key, known)}")
    for key in ("method", "dataset"):
        if not values.get(key):
            raise UsageError(
                f"no {key} named; use --{key} NAME, known: {', '.join(registry.names(key + 's'))}"
            )
    hints = typing.get_type_hints(RunConfig)
    for key, value in values.items():
        try:
            values[key] = typed_as(value, hints[key])
        except ValueError as error:
            raise UsageError(f"{path or 'run'}: {key}={value}: {error}") from None
    return RunConfig(**values, options=options)
