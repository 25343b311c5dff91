"""Frames with masks laid over them -> qualitative figures (Fig. 4, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq

from matplotlib.figure import Figure

from vosbench.analysis import failures
from vosbench.drawing import pictures
from vosbench.drawing.pictures import Tile
from vosbench.errors import UsageError
from vosbench.masks import read_mask
from vosbench.results import Result
from vosbench.types import Sequence


def qualitative(sequences: Seq[Sequence], results: Seq[Result], *, at: float = 1.0) -> Figure:
    """Strips of one frame per sequence: truth, then every run with its J (Fig. 4, 8).

    Args:
        sequences: one strip each.
        results: runs whose masks lie beside them.
        at: which of the annotated frames after the prompt, from 0 for the first to 1 for the last
            that every run was scored on.

    Raises:
        UsageError: a sequence has no truth, or a run no masks.
    """
    known = [failures.series(run) for run in results]
    rows = [(s.name, _tiles(s, results, known, at)) for s in sequences]
    heads = rows[:1] + [(n, [t._replace(caption="") for t in tiles]) for n, tiles in rows[1:]]
    return pictures.strips(heads)


def side_by_side(sequence: Sequence, results: Seq[Result], *, across: int = 3) -> Figure:
    """One frame, the last scored one: truth and every run's mask with its J, in rows (Fig. 8).

    Raises:
        UsageError: as `qualitative`.
    """
    tiles = _tiles(sequence, results, [failures.series(run) for run in results], 1.0)
    return pictures.strips(
        [("", tiles[start : start + across]) for start in range(0, len(tiles), across)]
    )


def _tiles(
    sequence: Sequence,
    results: Seq[Result],
    known: Seq[Mapping[tuple[str, int], failures.Series]],
    at: float,
) -> list[Tile]:
    """The truth of a frame and the mask of every run, whose scores are `known`."""
    own = [[s for (name, _), s in each.items() if name == sequence.name] for each in known]
    stems = [{frame for each in objects for frame in each.frames} for objects in own]
    shared = set.intersection(*stems) if stems else set()
    scored = [index for index in sequence.truth if sequence.frame_names[index] in shared]
    if not scored:
        raise UsageError(f"{sequence.name} has no scored frame; nothing to draw")
    index = scored[round(at * (len(scored) - 1))]
    frame, stem = sequence.frames[index], sequence.frame_names[index]
    tiles = [Tile(pictures.overlay(frame, sequence.truth[index]), "truth", f"frame {stem}")]
    for run, objects in zip(results, own, strict=True):
        if run.masks is None:
            raise UsageError(f"{run.name} has no masks to draw")
        mask = read_mask(run.masks / sequence.name / f"{stem}.png")
        found = [float(s.J[s.frames.index(stem)]) for s in objects if stem in s.frames]
        score = f"J {100 * sum(found) / len(found):.0f}"
        tiles.append(Tile(pictures.overlay(frame, mask), run.name, score))
    return tiles


def drawable(results: Seq[Result]) -> bool:
    """Whether the masks of all runs are at hand."""
    return all(run.masks is not None and run.masks.is_dir() for run in results)
