"""A loaded run with all that its table needs read, and what of its masks has changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vosbench.errors import DataError
from vosbench.files import read_json
from vosbench.masks import MasksDigest
from vosbench.results import Result
from vosbench.stored import StoredMasks, can_be_opened, open_stored

COUNTS = {"sequences": [{"sequence": str, "stamps": {"masks": str, "made?": str}}]}


def as_scored(run: Result) -> Result:
    """The run with its frames' scores read and its `changed` filled.

    Masks are looked at, not read; but those of a run that were written anew, as by a copy of its
    folder, are held against the hash that was kept when they were made.

    Raises:
        DataError: scores.csv or the file of counts is damaged, or not of this run.
    """
    _ = run.frame_scores  # raises where the files do not belong together
    return replace(run, changed=_changed(run))


def _changed(run: Result) -> tuple[str, ...]:
    if run.counts is None or run.masks is None or not can_be_opened(run.masks):
        return ()
    try:
        kept = read_json(run.counts, COUNTS, what="what was counted", remedy="evaluate again")
    except FileNotFoundError:
        return ()
    stored = open_stored(run.masks)
    stamps = {each["sequence"]: each["stamps"] for each in kept["sequences"]}
    names = (row["sequence"] for row in run.summary["sequences"])
    return tuple(name for name in names if name in stamps and _differs(stored, name, stamps[name]))


def _differs(stored: StoredMasks, name: str, stamps: Mapping[str, str]) -> bool:
    """Whether the masks of a sequence are others than those that have these stamps."""
    try:
        if stored.stamp(name) == stamps["masks"]:
            return False
        if not stamps.get("made"):
            return True
        digest = MasksDigest()
        for frame in sorted(stored.frames(name)):
            digest.add(stored.read(name, frame))
    except DataError:
        return True
    return bool(digest.sha256 != stamps["made"])
