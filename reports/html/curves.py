"""Draw scores over time as SVG paths, each run in its colour and dash."""

from __future__ import annotations

from typing import NamedTuple

from vosbench.toolbox.reports.looks import Looks
from vosbench.toolbox.reports.page import Section, ShownRun

WIDTH = 1.8  # pixels of a line, as in style.css


class Style(NamedTuple):
    """How a run is drawn in an SVG; dashes tell runs apart without colour."""

    colour: str
    dash: str


def styles(looks: Looks) -> dict[str, Style]:
    """The looks of runs for an SVG; black is the ink's colour, as a dark page would hide it."""
    return {
        name: Style(
            "currentColor" if look.colour == "#000000" else look.colour,
            " ".join(f"{WIDTH * length:.1f}" for length in look.dash),
        )
        for name, look in looks.items()
    }


def over_time(run: ShownRun, sequence: str) -> dict[str, float]:
    """J of each scored frame, the mean over the objects scored in it."""
    values: dict[str, list[float]] = {}
    for scores in run.scores.get(sequence, {}).values():
        for frame, score in scores.J.items():
            values.setdefault(frame, []).append(score)
    return {frame: sum(each) / len(each) for frame, each in values.items()}


def paths(section: Section, sequence: str) -> list[tuple[str, str]]:
    """(run, path) in a box of 100 by 100: frames from left to right, J from 0 below to 1."""
    by_run = {run.name: over_time(run, sequence) for run in section.runs}
    frames = list(dict.fromkeys(frame for values in by_run.values() for frame in values))
    step = 100 / max(1, len(frames) - 1)
    return [
        (
            name,
            "M"
            + "L".join(
                f"{step * n:.1f} {100 - 100 * values[frame]:.1f}"
                for n, frame in enumerate(frames)
                if frame in values
            ),
        )
        for name, values in by_run.items()
        if values
    ]


def said(section: Section, sequence: str) -> str:
    """The curves in words, for who cannot see them."""
    parts = []
    for run in section.runs:
        values = list(over_time(run, sequence).values())
        if values:
            parts.append(
                f"{run.name} from {100 * values[0]:.0f} to {100 * values[-1]:.0f}, "
                f"lowest {100 * min(values):.0f}"
            )
    return f"J over the frames of {sequence}: {'; '.join(parts) or 'not scored'}"
