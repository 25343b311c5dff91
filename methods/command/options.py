"""What a program is given, and for how long it may run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Literal

from vosbench.errors import UsageError


@dataclass(frozen=True)
class Options:
    """The command line and the form of what goes in and comes out."""

    run: str = ""  # no default can be right: only the user knows
    shell: bool = False  # quotes and spaces as a shell reads them, but no pipes and no variables
    folder: str = ""  # where the program runs; where vosbench does, so that paths mean the same
    env: str = ""  # NAME=VALUE NAME=VALUE; the rest of the environment is vosbench's own
    frames: Literal["jpg", "png"] = "jpg"  # what SAM 2's script, XMem and DEVA read
    quality: int = 95  # of JPEG, with full colours: the highest that Pillow advises
    prompts: Literal["label-maps", "objects"] = "label-maps"  # one PNG an object is SA-V's habit
    results: str = ""  # where in {out} the masks are; found where there is one place for them
    # seconds for a video; how long one takes only the user knows, who may also find it out
    time_limit: float | None = field(default=None, metadata={"decides": False})

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality={self.quality}: expected 1 to 100, as JPEG has it")
        if self.time_limit is not None and not 0 < self.time_limit <= 1e7:
            raise UsageError(f"time_limit={self.time_limit:g}: expected seconds, more than 0")
        if not all(equals and name.strip() for name, equals, _ in self._assigned()):
            raise UsageError(
                f"env={self.env}: expected NAME=VALUE, such as env=CUDA_VISIBLE_DEVICES=0; "
                "several with spaces between"
            )

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by name."""
        return {name: value for name, _, value in self._assigned()}

    def _assigned(self) -> list[tuple[str, str, str]]:
        """Name, equals sign and value of each variable; quotes as in a shell."""
        try:
            return [each.partition("=") for each in shlex.split(self.env)]
        except ValueError as error:
            raise UsageError(f"env={self.env}: {error}; quotes come in pairs") from None
