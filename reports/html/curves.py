"""Scores over time -> paths of an SVG; a colour and a dash for each run, the same on all pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from vosbench.toolbox.page import Section, ShownRun

# Okabe and Ito, Color Universal Design (2008), without yellow and black, which vanish on a white
# and on a dark page; grey is added.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a8a8a")
DASHES = ("", "7 3", "2 3", "9 3 2 3")


class Style(NamedTuple):
    """How a run is drawn; dashes tell runs apart without colour."""

    colour: str
    dash: str


def styles(names: Iterable[str]) -> dict[str, Style]:
    """A style for each name, in the order they come; the same name has the same everywhere."""
    return {
        name: Style(COLOURS[n % len(COLOURS)], DASHES[n % len(DASHES)])
        for n, name in enumerate(dict.fromkeys(names))
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
