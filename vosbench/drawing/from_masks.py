"""Draw qualitative figures: frames with masks over them (Fig. 4, 8 of RPM-Net)."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from vosbench.drawing import pictures
from vosbench.drawing.pictures import Tile
from vosbench.errors import UsageError
from vosbench.masks import in_ids
from vosbench.stored import can_be_opened, open_stored
from vosbench.toolbox.reports import stills

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.types import Frame, Mask, Sequence


def qualitative(
    sequences: Seq[Sequence], results: Seq[Result], *, late: bool = False, prompts: bool = False
) -> Figure:
    """Strips of one frame per sequence: truth, then every run with its J (Fig. 4, 8).

    Args:
        sequences: one strip each.
        results: runs whose masks lie beside them.
        late: show the frame three quarters into those that every run was scored on, not the last.
        prompts: begin each strip with the first frame and its prompt.

    Raises:
        UsageError: a sequence has no scored frame, or a run no masks.
    """
    rows = list(zip((s.name for s in sequences), _tiles(sequences, results, late), strict=True))
    if prompts:
        rows = [
            (name, [_prompt(sequence), *tiles])
            for sequence, (name, tiles) in zip(sequences, rows, strict=True)
        ]
    heads = rows[:1] + [(n, [t._replace(caption="") for t in tiles]) for n, tiles in rows[1:]]
    return pictures.strips(heads)


def side_by_side(sequence: Sequence, results: Seq[Result], *, across: int = 3) -> Figure:
    """One frame, the last scored one: truth and every run's mask with its J, in rows (Fig. 8).

    Raises:
        UsageError: as `qualitative`.
    """
    (tiles,) = _tiles([sequence], results, late=False)
    return pictures.strips(
        [("", tiles[start : start + across]) for start in range(0, len(tiles), across)]
    )


def highest_median_lowest(results: Seq[Result]) -> tuple[str, ...]:
    """The sequences with these J, mean over the runs, so that none is picked by hand.

    Raises:
        UsageError: no sequence is scored in every run.
    """
    sums: dict[str, list[float]] = {}
    for run in results:
        for row in run.summary["sequences"]:
            if row["J"]["mean"] is not None:
                sums.setdefault(row["sequence"], []).append(row["J"]["mean"])
    shared = [name for name, scores in sums.items() if len(scores) == len(results)]
    ranked = sorted(shared, key=lambda name: -sum(sums[name]))
    if not ranked:
        raise UsageError("the runs share no scored sequence; nothing to draw")
    return tuple(dict.fromkeys([ranked[0], ranked[len(ranked) // 2], ranked[-1]]))


def drawable(results: Seq[Result]) -> bool:
    """Whether the masks of all runs are at hand."""
    return all(run.masks is not None and can_be_opened(run.masks) for run in results)


def _tiles(sequences: Seq[Sequence], results: Seq[Result], late: bool) -> list[list[Tile]]:
    """Of one frame of each sequence, the truth and the mask of every run with its J."""
    scores: list[dict[tuple[str, str], list[float]]] = []  # by run: (sequence, frame) -> objects' J
    for run in results:
        if run.masks is None:
            raise UsageError(f"{run.name} has no masks to draw")
        scores.append({})
        for (name, _), rows in run.frame_scores.items():
            for row in rows:
                scores[-1].setdefault((name, row.frame), []).append(row.J)
    strips = []
    for sequence in sequences:
        name, stems = sequence.name, sequence.frame_names
        scored = [i for i in sequence.truth if all((name, stems[i]) in of for of in scores)]
        if not scored:
            raise UsageError(f"{name} has no scored frame; nothing to draw")
        index = stills.late(scored) if late else scored[-1]
        frame, stem = sequence.frames[index], stems[index]
        truth = stills.drawn(sequence.truth[index], sequence)
        strips.append([Tile(_laid(frame, truth), "truth", f"frame {stem}")])
        for run, of in zip(results, scores, strict=True):
            assert run.masks is not None, "looked at above"
            masks = in_ids(open_stored(run.masks).read(name, stem), sequence.truth)
            mask = stills.drawn(masks, sequence)
            found = of[name, stem]
            corner = f"J {100 * sum(found) / len(found):.0f}"
            strips[-1].append(Tile(_laid(frame, mask), run.name, corner))
    return strips


def _prompt(sequence: Sequence) -> Tile:
    """The first frame with a prompt."""
    first = min(sequence.prompts)
    corner = f"frame {sequence.frame_names[first]}"
    prompt = stills.drawn(sequence.prompts[first], sequence)
    return Tile(_laid(sequence.frames[first], prompt), "prompt", corner)


def _laid(frame: Frame, mask: Mask) -> Frame:
    """As a figure shows it: in colours that colour-blind readers tell apart."""
    return stills.overlay(frame, mask, safe=True)
