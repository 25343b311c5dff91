"""Drive a method through the frames of a sequence: every mask is checked, timed and written."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.errors import DataError, MethodError
from vosbench.masks import MasksDigest
from vosbench.running import prompting, workers
from vosbench.running.config import MASK
from vosbench.running.forms import Exchange
from vosbench.running.live import Live
from vosbench.running.measured import NO_MORE, Calling, begun, next_mask, peak_memory
from vosbench.running.pipeline import CORES, Ahead, Behind, is_slow
from vosbench.stored import write_masks
from vosbench.types import Frame, Layers, Masks, Method, Sequence

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig

FrameDone = Callable[[str, int, int], None]  # sequence, frames done, frames in all


class Drive:
    """One pass of a method over a sequence.

    told: what the method is told in place of masks, {} for masks.

    Args:
        folder: where masks are written.
        calling: what is around each call of the method.
        seconds: empty; gets the time of each frame as it is done.
        told: what the method was told of these frames before, where this is not the first pass.
    """

    def __init__(
        self,
        method: Method,
        sequence: Sequence,
        folder: Path,
        config: RunConfig,
        calling: Calling,
        *,
        seconds: list[float],
        told: dict[str, Any] | None,
    ) -> None:
        self.sequence, self.folder, self.config = sequence, folder, config
        self.calling, self.seconds = calling, seconds
        self.exchange = Exchange(method, sequence, marked=config.prompt != MASK)
        self.told = prompting.tell(
            method, sequence, self.exchange, config, calling=calling, before=told
        )
        self._digest = MasksDigest()
        self._skipped: list[int] = []
        self._blank = 0  # masks before the first prompt that show nothing

    def go(self, on_frame: FrameDone | None) -> None:
        """Let the method give all of its masks."""
        sequence, real_time = self.sequence, self.config.live
        total = len(sequence.frame_names)
        with (
            contextlib.closing(Ahead(checked(sequence, self.exchange))) as frames,
            Behind(self._write) as behind,
            contextlib.ExitStack() as held,
        ):
            live = Live(frames, real_time, max(sequence.prompts)) if real_time else None
            if live:
                held.callback(live.close)  # a thread of the method may wait for a frame
            with self.calling():
                masks = begun(self.exchange.begin(live or frames), sequence.name)
            threads = self._may_have_threads()
            kept: Masks | None = None
            for index, name in enumerate(sequence.frame_names):
                if threads and is_slow(self.seconds):
                    threads = False
                    frames.start()
                    behind.start()
                if live and live.misses(index):
                    assert kept is not None, "the first frame is shown"
                    self._skipped.append(index)
                    self.seconds.append(0.0)
                    behind.put(name, kept, borrowed=False)
                    continue
                mask = self._next(masks, frames, index)
                if live:
                    live.took(self.seconds[-1])
                kept = self.exchange.kept(mask, f"{sequence.name}, frame {name}")
                behind.put(name, kept, borrowed=kept is mask)
                self._blank += index < min(sequence.prompts) and _is_blank(kept)
                workers.end_after(self.config.timeout)
                if on_frame:
                    on_frame(sequence.name, index + 1, total)
            if live:
                live.close()
            self._end(masks)

    def record(self) -> dict[str, Any]:
        """What is to be kept of the pass."""
        sequence, exchange = self.sequence, self.exchange
        return {
            "sequence": sequence.name,
            "frames": len(sequence.frame_names),
            "frame_names": list(sequence.frame_names),
            "height": exchange.shape[0],
            "width": exchange.shape[1],
            "objects": exchange.numbers,
            "flattened": exchange.flattened,
            "masks_sha256": self._digest.sha256,
            "seconds": self.seconds,
            **({"skipped": self._skipped} if self.config.live else {}),
            "peak_memory_bytes": peak_memory(),
            "remarks": [*prompting.untold(self.told), *self._remarks()],
        }

    def _may_have_threads(self) -> bool:
        """Whether there are cores for threads, and masks that do not depend on the time."""
        config = self.config
        cores = not config.scheduler and workers.cores() >= CORES * config.workers
        return cores and config.live is None

    def _write(self, name: str, kept: Masks) -> None:
        write_masks(self.folder, name, kept)
        self._digest.add(kept)

    def _next(self, masks: Iterator[Any], frames: Ahead, index: int) -> Any:
        """What the method gives for a frame."""
        mask, took = next_mask(masks, frames, device=self.config.device, calling=self.calling)
        self.seconds.append(took)
        if frames.error:
            raise frames.error
        if mask is NO_MORE:
            raise MethodError(
                f"{self.sequence.name}: the method gave {index} masks for "
                f"{len(self.sequence.frame_names)} frames; segment() must yield one mask per frame"
            )
        return mask

    def _end(self, masks: Iterator[Any]) -> None:
        """Let the method end; MethodError where it goes on."""
        with self.calling():
            more = next(masks, NO_MORE)
        if more is not NO_MORE:
            total = len(self.sequence.frame_names)
            raise MethodError(
                f"{self.sequence.name}: the method gave more than {total} masks for {total} frames"
            )

    def _remarks(self) -> Iterator[str]:
        """What a reader of the scores must know."""
        if not self.sequence.truth:  # else its counts tell
            yield from self.sequence.unknown_frames()
        first = min(self.sequence.prompts)
        if 0 < first == self._blank:
            yield (
                f"the first prompt is on frame {self.sequence.frame_names[first]}; the {first} "
                "before it are background"
            )
        if self.exchange.flattened:
            yield (
                "objects overlap, or have ids that no label map holds, and the method knows "
                f"nothing else: {self.exchange.flattened}"
            )


def _is_blank(masks: Masks) -> bool:
    return not (masks.stack if isinstance(masks, Layers) else masks).any()


def checked(sequence: Sequence, exchange: Exchange) -> Iterator[Frame]:
    """The frames of a sequence; DataError for one that is missing or has another size."""
    frames = iter(sequence.frames)
    for index, frame_name in enumerate(sequence.frame_names):
        try:
            frame = next(frames)
        except StopIteration:
            raise DataError(
                f"{sequence.name}: frame {frame_name} is missing; "
                f"{len(sequence.frame_names)} frames were announced"
            ) from None
        exchange.check_size(frame, sequence, index)
        yield frame
