"""What a video will cost: the memory of the frames that are kept, the time of each frame."""

from __future__ import annotations

import math

from vosbench.toolbox.methods import cost
from vosbench.toolbox.methods.label_propagation.settings import Propagation

REMEDY = "use a smaller --set size=480, a larger stride, or fewer frames (--set last=5)"
TILE = 8  # cells, the side of the tiles of attention.py on CPU


def check(channels: int, h: int, w: int, settings: Propagation, *, device: str) -> None:
    """Hold frames of h x w cells against this machine.

    Raises:
        DataError: what is kept of them does not fit into its memory.
    """
    frames = kept(settings)
    what = f"frames of {h}x{w} cells with {channels} channels, {frames} of which are kept"
    cost.check_memory(
        needed=4.0 * (frames + 1) * h * w * channels, device=device, what=what, remedy=REMEDY
    )
    if device == "cpu":
        keys = frames * reached(h, w, settings)
        cost.tell_time(2.0 * h * w * keys * channels, what=what, remedy=REMEDY)


def kept(settings: Propagation) -> int:
    """How many frames are in memory at most, later prompts aside."""
    named = settings.frames()
    reach = -min(named) if named else settings.last
    firsts = {0} if settings.first else set()
    return len(firsts | {i for i in named or () if i >= 0}) + max(0, reach)


def reached(h: int, w: int, settings: Propagation) -> int:
    """With how many cells of a frame each cell is compared."""
    if settings.window == "none":
        return h * w
    side = TILE + 2 * math.floor(settings.radius)
    return min(h, side) * min(w, side)
