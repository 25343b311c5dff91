"""A video through a program: laid out as files, run, and its masks read back frame by frame."""

from __future__ import annotations

import functools
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from vosbench.errors import DataError
from vosbench.types import Frame, Mask, Masks, ProgramRun

from .layout import Layout, described, in_layers
from .line import CommandLine
from .options import Options
from .program import Ended, failed, run
from .results import Results, starts


class Command:
    """Starts the program for each video.

    ran: what it took for the last one. remarks: what a reader of scores and times must know.
    """

    def __init__(self, options: Options, line: CommandLine, *, device: str, seed: int) -> None:
        self.options, self.line = options, line
        self.fixed = {"device": device, "seed": str(seed)}
        self.ran: ProgramRun | None = None

    @property
    def remarks(self) -> list[str]:
        """How the program saw the frames, and that it may not heed --device."""
        seen = described(self.options, self.line.names)
        said = [f"the program was given the frames as {seen}"] if seen else []
        if "device" not in self.line.names:
            said.append("run= holds no {device}: the program chose where it computed")
        return said

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Masks]:
        """Yield the masks (h, w) of each frame once the program has ended.

        Raises:
            MethodError: the program failed, or left no masks that fit.
        """
        return self._segment(frames, prompts)

    def _segment(self, frames: Iterable[Frame], prompts: Mapping[int, Masks]) -> Iterator[Masks]:
        self.ran = None
        rest, first = iter(frames), min(prompts)
        before = [frame.shape[:2] for frame in itertools.islice(rest, first)]
        shown = {index - first: prompt for index, prompt in prompts.items()}
        with tempfile.TemporaryDirectory(prefix="vosbench-", ignore_cleanup_errors=True) as made:
            layout = Layout(Path(made), self.options, self.line.names)
            layout.write(rest, shown)
            ended = self._run(layout, shown)
            for shape in before:
                yield np.zeros(shape, np.uint8)
            yield from self._read(layout, shown, ended)

    def _run(self, layout: Layout, prompts: Mapping[int, Masks]) -> Ended:
        """Run the program and keep what it took."""
        ended = run(
            self.line.arguments(layout.values(prompts) | self.fixed),
            folder=self.line.folder,
            variables=self.options.variables,
            time_limit=self.options.time_limit,
            scratch=layout.root.parent,
        )
        ended.check(self.options.time_limit)
        facts = {
            **self._facts,
            "frames": described(self.options, self.line.names),
            "time_limit": self.options.time_limit,
            "exit_status": ended.status,
            "seconds": ended.seconds,
            "cpu_seconds": ended.cpu_seconds,
            "peak_memory_bytes": ended.peak_memory_bytes,
            "last_lines": list(ended.said),
        }
        self.ran = ProgramRun(ended.seconds, ended.peak_memory_bytes, facts)
        return ended

    def _read(self, layout: Layout, prompts: Mapping[int, Masks], ended: Ended) -> Iterator[Masks]:
        """The masks that the program left; where it did not repeat the first prompt, that."""
        try:
            results = Results(
                layout.out, self.options.results, length=layout.length, since=starts(prompts),
                size=layout.shape,
            )  # fmt: skip
            for index in range(layout.length):
                masks = results.masks(index)
                yield self._copy(prompts[0]) if masks is None else masks
        except DataError as error:  # the folder will be gone when this is read
            raise failed(str(error).replace(str(layout.out), "{out}"), ended.said) from error

    def _copy(self, prompt: Masks) -> Masks:
        return prompt.copy() if isinstance(prompt, np.ndarray) else in_layers(prompt)

    @functools.cached_property
    def _facts(self) -> dict[str, object]:
        return self.line.facts()


class CommandForObjects(Command):
    """The same with one PNG an object, which may overlap."""

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        """Yield the masks of each frame under the prompts' ids."""
        return self._segment(frames, prompts)
