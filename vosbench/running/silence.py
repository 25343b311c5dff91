"""Say on stderr where a method gives no mask for long; one thread watches all of a process."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sized

SILENCE = 60.0  # seconds without a mask that a person should hear of
LOOK = 1.0  # seconds between two looks

_lock = threading.Lock()
_watched: set[_Watched] = set()
_at_work = False  # whether there is a thread that watches


@contextlib.contextmanager
def watching(sequence: str, total: int, done: Sized) -> Iterator[None]:
    """Say where no mask comes for SILENCE seconds, once a frame; `done` grows with every mask."""
    global _at_work
    watched = _Watched(sequence, total, done)
    with _lock:
        _watched.add(watched)
        if not _at_work:
            _at_work = True
            threading.Thread(target=_watch, daemon=True).start()
    try:
        yield
    finally:
        with _lock:
            _watched.discard(watched)


class _Watched:
    """A sequence in work, and when it last gave a mask."""

    def __init__(self, sequence: str, total: int, done: Sized) -> None:
        self.sequence, self.total, self.done = sequence, total, done
        self.seen, self.since, self.told = 0, time.monotonic(), -1

    def look(self) -> None:
        now, done = time.monotonic(), len(self.done)
        if done != self.seen:
            self.seen, self.since = done, now
        elif now - self.since >= SILENCE and done != self.told:
            self.told = done
            sys.stderr.write(
                f"{self.sequence}: no mask for {SILENCE:.0f} s or more, {done} of {self.total} are "
                "done; after Ctrl-C the same command goes on\n"
            )


def _watch() -> None:
    """Look at all that is watched, until there is nothing more."""
    global _at_work
    while True:
        time.sleep(min(LOOK, SILENCE / 2))
        with _lock:
            if not _watched:
                _at_work = False
                return
            watched = tuple(_watched)
        for each in watched:
            each.look()
