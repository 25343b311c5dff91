"""Read frames ahead of a slow method and write its masks behind it, each in a thread of its own.

Both threads begin when the method has shown that it is slow, and where a core is left for them.
What they do shows in the times of a method that wants all cores itself; --protocol-time has none.
What waits in between is bounded, and an error in a thread is raised where the work without threads
would have raised it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from vosbench.types import Frame, Layers, Masks

CORES = 2  # for each process: on one, they would only take turns with the method
SLOW = 0.02  # seconds: a method that took more for each of its last frames is slow
OF_LAST = 2  # frames; what is set up once may make one of a fast method slow
COUNT = 4  # frames or masks that wait; more would even out nothing but pauses of the disk
ROOM = 2**25  # bytes of what waits: one frame of 4K has 25 MB, and one may always wait
PATIENCE = 5.0  # seconds for a read that is under way when nobody wants its frame any more

T = TypeVar("T")


def is_slow(seconds: Sequence[float]) -> bool:
    """Whether a method that took so long for each frame so far has shown that it is slow."""
    return len(seconds) >= OF_LAST and min(seconds[-OF_LAST:]) > SLOW


class Ahead(Iterator[Frame]):
    """Frames in their order; after `start` a thread reads them before they are asked for.

    seconds: what the thread that gives masks spent reading them, or waiting for them, so far. What
        a method reads in a thread of its own is not in it, as the two go on at once.
    error: what reading raised in a thread of the method. There the frames only end: nobody else
        would hear of it, and the method would wait for its thread.

    Args:
        frames: where they come from; used by one thread at a time.
    """

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames, self.seconds = frames, 0.0
        self._reading = threading.Lock()  # a method may ask from a thread of its own
        self._waiting: _Channel[Frame | _Raised] | None = None
        self._thread: threading.Thread | None = None
        self._process, self._driver = os.getpid(), threading.get_ident()
        self.error: Exception | None = None

    def start(self) -> None:
        """Read ahead from now on."""
        with self._reading:
            self._waiting = _Channel()
        self._thread = threading.Thread(target=self._read, args=(self._waiting,), daemon=True)
        self._thread.start()

    def _read(self, waiting: _Channel[Frame | _Raised]) -> None:
        wanted = True
        while wanted:
            try:
                with self._reading:
                    frame = next(self._frames)
            except BaseException as error:  # the end of the frames, too
                waiting.put(_Raised(error), 0)
                return
            wanted = waiting.put(frame, frame.nbytes)

    def __next__(self) -> Frame:
        started = time.perf_counter()
        try:
            return self._next()
        except StopIteration:
            raise
        except Exception as error:
            if threading.get_ident() == self._driver:
                raise
            self.error = error
            raise StopIteration from None
        finally:
            if threading.get_ident() == self._driver:  # else the method computes meanwhile
                self.seconds += time.perf_counter() - started

    def _next(self) -> Frame:
        if self._waiting is None:
            with self._reading:
                if self._waiting is None:  # still, after waiting for a thread of the method
                    return next(self._frames)
        if os.getpid() != self._process:
            raise RuntimeError("frames cannot be read on in a process that was forked meanwhile")
        found = self._waiting.get()
        if isinstance(found, _Raised):
            self._waiting.close()
            raise found.error
        if found is None:
            raise StopIteration
        return found

    def close(self) -> None:
        """Stop reading ahead; what was read and not asked for is dropped."""
        if self._waiting is not None and self._thread is not None:
            self._waiting.close()
            self._thread.join(PATIENCE)


class Behind:
    """What is to be done with the masks of each frame, in order; after `start` in a thread.

    Left by an exception of a method, it still does what it was given before, and raises what went
    wrong in that: it came first.
    """

    def __init__(self, write: Callable[[str, Masks], object]) -> None:
        self._write = write
        self._waiting: _Channel[tuple[str, Masks]] = _Channel()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Write in a thread from now on."""
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def put(self, name: str, masks: Masks, *, borrowed: bool) -> None:
        """Write the masks of a frame, or let them be written.

        borrowed: the method may change them when it goes on.

        Raises:
            BaseException: what writing them, or former ones, has raised.
        """
        if self._thread is None:
            self._write(name, masks)
            return
        if isinstance(masks, Layers):
            masks = Layers(masks.ids, masks.stack.copy()) if borrowed else masks
            size = masks.stack.nbytes
        else:
            masks = masks.copy() if borrowed else masks
            size = masks.nbytes
        if not self._waiting.put((name, masks), size) and self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while (given := self._waiting.get()) is not None:
                self._write(*given)
        except BaseException as error:
            self._error = error
            self._waiting.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._thread is None:
            return
        if error is not None and not isinstance(error, Exception):  # Ctrl-C: nobody wants them
            self._waiting.close()
        self._waiting.end()
        self._thread.join()
        if self._error is not None and self._error is not error:
            raise self._error from None


class _Raised:
    """What reading raised, on its way to who asks for the frame."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Channel(Generic[T]):
    """What waits between two threads, COUNT things and ROOM bytes at most, but always one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._things: deque[tuple[T, int]] = deque()
        self._bytes = 0
        self._ended = self._closed = False

    def put(self, thing: T, size: int) -> bool:
        """Add a thing when there is room; False where it is no longer wanted."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room(size))
            if self._closed:
                return False
            self._things.append((thing, size))
            self._bytes += size
            self._changed.notify_all()
            return True

    def _has_room(self, size: int) -> bool:
        few = len(self._things) < COUNT and self._bytes + size <= ROOM
        return few or not self._things

    def get(self) -> T | None:
        """Take the next thing when it is there; None where no more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._things or self._ended or self._closed)
            if not self._things:
                return None
            thing, size = self._things.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return thing

    def end(self) -> None:
        """Let no more come; what waits is still wanted."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drop what waits, and let no more come."""
        with self._changed:
            self._closed = True
            self._things.clear()
            self._changed.notify_all()
