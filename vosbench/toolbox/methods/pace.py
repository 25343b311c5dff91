"""What a slow method takes on a CPU, told while it runs."""

from __future__ import annotations

import os
import sys

SLOW = 0.3  # seconds a frame: the 1,999 frames of DAVIS-2017 val then take ten minutes


class Pace:
    """Says once on stderr what a slow method takes on a CPU; its first step, a warm-up, is let be.

    what: the method, in words that open the message. remedy: what to do, in words that end it.
    """

    def __init__(self, what: str, *, device: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy
        self._left = 2 if device == "cpu" else 0

    def took(self, seconds: float, objects: int) -> None:
        """Count a step of so many seconds, for so many objects."""
        self._left -= 1
        if self._left == 0 and seconds >= SLOW:
            sys.stderr.write(
                f"{self.what}: {seconds:.1f} s for a frame with {objects} "
                f"object{'s' * (objects > 1)} on {os.cpu_count() or 1} cores, so about "
                f"{100 * seconds / 60:.0f} min for 100; {self.remedy}\n"
            )
