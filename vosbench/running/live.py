"""A video as it comes from a camera: frames that come while a method is busy are not shown to it.

The rule is that of VOT's real-time experiment (class RealtimeTrackerRuntime in vot/tracker of
github.com/votchallenge/toolkit, at 56f0053), written anew. A frame comes every 1/fps seconds. A
mask that takes longer is still the mask of its own frame; of those that came meanwhile the method
is shown the newest, and the others get its last mask. Time left over is forgotten then: the
shown frame counts as just come. The first few late masks of a sequence are forgiven, as if the
camera had waited: `grace`, 3 in VOT's challenges since 2017.

VOT's videos have no object that starts later. Here prompts are numbered by frame, so that every
frame up to the last prompt is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from vosbench.errors import MethodError
from vosbench.running.config import RealTime
from vosbench.types import Frame


class Clock:
    """Which frames a method misses, by how long it took for those that it was shown.

    >>> clock = Clock(RealTime(fps=10, grace=0))
    >>> clock.took(0.35)
    >>> [clock.misses() for _ in range(4)]  # the third frame after it is there when it is free
    [True, True, False, False]
    """

    def __init__(self, real_time: RealTime) -> None:
        self._interval, self._grace = 1 / real_time.fps, real_time.grace
        self._busy = 0.0  # seconds that the method still needs when the next frame comes

    def misses(self) -> bool:
        """Whether the next frame is not shown: another one comes before the method is free."""
        if self._busy <= self._interval:
            self._busy = 0.0
            return False
        self._busy -= self._interval
        return True

    def waits(self) -> None:
        """Let the next frame come only now: it has to be shown."""
        self._busy = 0.0

    def took(self, seconds: float) -> None:
        """Count what the method took for a frame that was shown."""
        if seconds <= self._interval:
            return
        if self._grace:
            self._grace -= 1
        else:
            self._busy = seconds - self._interval


PATIENCE = 60.0  # seconds for a mask, after which a thread that waits for a frame is told


class Live(Iterator[Frame]):
    """The frames that a method is shown, one at a time.

    A method that reads them in a thread of its own gets each when it has come; one that asks too
    early in the thread that gives the masks would wait for itself, and is told so.

    Args:
        frames: all frames of the video.
        real_time: how fast they come.
        last: index of the last prompt.
    """

    def __init__(self, frames: Iterator[Frame], real_time: RealTime, last: int) -> None:
        self._frames, self._last = frames, last
        self._clock = Clock(real_time)
        self._offered = self._over = False
        self._changed, self._giving = threading.Condition(), threading.get_ident()
        self.took = self._clock.took

    def misses(self, index: int) -> bool:
        """Whether frame `index` is not shown; else the method may ask for it now."""
        with self._changed:
            if self._offered:  # and it did not ask for the former
                next(self._frames)
            if index <= self._last:
                self._clock.waits()
            missed = self._clock.misses()
            if missed:
                next(self._frames)
            self._offered = not missed
            self._changed.notify_all()
            return missed

    def close(self) -> None:
        """Let no more come."""
        with self._changed:
            self._offered, self._over = False, True
            self._changed.notify_all()

    def __next__(self) -> Frame:
        with self._changed:
            if threading.get_ident() != self._giving:
                self._changed.wait_for(lambda: self._offered or self._over, PATIENCE)
            if self._over:
                raise StopIteration
            if not self._offered:
                raise MethodError(
                    "the method asks for a frame before it has given the mask of the one before; "
                    "--real-time is for methods that take a frame and give its mask, in turn"
                )
            self._offered = False
            return next(self._frames)
