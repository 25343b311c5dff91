"""A run's scores as arrays: each object's J and F by the frames since its prompt."""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError
from vosbench.files import read_json

if TYPE_CHECKING:
    from vosbench.results import Result

Floats = npt.NDArray[np.float64]
_COUNTS = {"sequences": [{"sequence": str, "frames": [str], "places": [int], "prompts": dict}]}


class Series(NamedTuple):
    """The scores of one object over its scored frames, in order.

    since: frames between this one and the object's prompt, 1 for the frame after it, or before it
        where masks were carried both ways.
    """

    frames: tuple[str, ...]
    since: npt.NDArray[np.intp]
    J: Floats
    F: Floats


def series(run: Result) -> dict[tuple[str, int], Series]:
    """Sequence and object -> scores in scores.csv; made once for each run.

    The places of frames and prompts in the video are those in the run's counts. Where there are
    none, a frame's is that among the run's masks, scored or not, else that among the scored
    frames, and an object that is first scored later than others of its sequence is taken to start
    on the frame before.

    Raises:
        UsageError, DataError: as `Result.frame_scores`.
    """
    return run.once(_series)


def _series(run: Result) -> dict[tuple[str, int], Series]:
    rows = run.frame_scores
    stems: dict[str, set[str]] = {}
    for (name, _), listed in rows.items():
        stems.setdefault(name, set()).update(each.frame for each in listed)
    counted = _counted(run)
    counted = {
        name: of for name, of in counted.items() if stems.get(name, {""}) <= of.places.keys()
    }
    places = {
        name: counted[name].places if name in counted else _places(run, name, of)
        for name, of in stems.items()
    }
    opening = {name: min(places[name][stem] for stem in of) for name, of in stems.items()}
    by_object = {}
    for (name, number), listed in rows.items():
        frames, *scores = zip(*listed, strict=True)
        at = np.array([places[name][frame] for frame in frames], np.intp)
        start = 0 if at[0] == opening[name] else at[0] - 1
        if name in counted:
            start = counted[name].prompts.get(str(number), start)
        j, f = (np.array(each, np.float64) for each in scores)
        by_object[name, number] = Series(frames, abs(at - start), j, f)
    return by_object


class _Counted(NamedTuple):
    """What the counts know of a sequence: frame name, and object, -> index in the video."""

    places: dict[str, int]
    prompts: dict[str, int]


def _counted(run: Result) -> dict[str, _Counted]:
    """By sequence, as the counts have it that the scores were made of."""
    found: dict[str, _Counted] = {}
    # those of a run lie in its own folder, also for another protocol's scores
    places = dict.fromkeys((run.folder, run.counts.parent if run.counts else None))
    beside = (sorted(folder.glob("counts*.json")) for folder in places if folder)
    for path in itertools.chain(*beside):
        with contextlib.suppress(DataError):  # damaged ones are made anew by `evaluate`
            for each in read_json(path, _COUNTS, what="what was counted", remedy="")["sequences"]:
                at = dict(zip(each["frames"], each["places"], strict=False))
                prompts = {key: n for key, n in each["prompts"].items() if isinstance(n, int)}
                found.setdefault(each["sequence"], _Counted(at, prompts))
    return found


def _places(run: Result, name: str, scored: set[str]) -> dict[str, int]:
    """Frame name -> index in the sequence, as far as the files show it, one an object or not."""
    inside = (run.masks / name).rglob("*") if run.masks else ()
    masks = sorted({path.stem for path in inside if path.suffix.lower() == ".png"})
    whole = masks if scored <= set(masks) else ["", *sorted(scored)]
    return {stem: place for place, stem in enumerate(whole)}
