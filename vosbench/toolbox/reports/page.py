"""The content of a report page: sections of runs, tables, figures and sequences.

Everything here is ready to be shown: cells are text, scores are rounded, files lie where their
paths say. Only frames and masks are still to be read, a sequence at a time, through `open`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from vosbench.stored import StoredMasks
from vosbench.toolbox.reports.looks import Looks
from vosbench.types import Sequence


class Scores(NamedTuple):
    """One object in one sequence: scored frame's name -> score, 0-1."""

    J: Mapping[str, float]
    F: Mapping[str, float]


class Place(NamedTuple):
    """A moment of a sequence that the viewer can open; empty `frame` or `run`: any."""

    sequence: str
    frame: str = ""
    run: str = ""


@dataclass(frozen=True)
class ShownTable:
    """A table as text, and the files that hold it, relative to the report's folder.

    numeric: which columns hold numbers. bar: the column whose scores, x 100, are worth a bar.
    best: cells, as (row, column), that are the best of their column. places: per row, what it is
    about, where that can be looked at. folded: only for who asks.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    notes: tuple[str, ...] = ()
    bar: int | None = None
    best: frozenset[tuple[int, int]] = frozenset()
    places: tuple[Place | None, ...] = ()
    files: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class ShownFigure:
    """A picture in the report's folder, in all its formats; `folded`: shown on request only."""

    name: str
    caption: str
    picture: str
    alt: str
    files: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class ShownRun:
    """A run within a section; `means` are its J per sequence, `mean` is over all, as it was scored.

    masks: as they are stored; None where they are not at hand.
    scores: sequence -> object -> scores per frame.
    """

    name: str
    about: str
    mean: float | None
    means: Mapping[str, float | None]
    scores: Mapping[str, Mapping[int, Scores]]
    masks: StoredMasks | None


@dataclass(frozen=True)
class Section:
    """Runs that were scored on the same data, alike; best first.

    name: fit for a file's name. source: what frames come from; sections of one source show the
    same frames. sequences: those scored, in the dataset's order. tags: attributes per sequence.
    open: gives a sequence; None where the data are not at hand, `absent` then says why.
    """

    name: str
    title: str
    source: str
    notes: tuple[str, ...]
    runs: tuple[ShownRun, ...]
    sequences: tuple[str, ...]
    tags: Mapping[str, tuple[str, ...]]
    tables: tuple[ShownTable, ...]
    figures: tuple[ShownFigure, ...]
    united: bool
    open: Callable[[str], Sequence] | None
    absent: str = ""


@dataclass(frozen=True)
class ShownExhibit:
    """Tables and figures under a heading of their own, such as a paper's Fig. 5.

    name: fit for a file's name. said: what there is to say, such as that a run is missing for it.
    """

    name: str
    title: str
    tables: tuple[ShownTable, ...] = ()
    figures: tuple[ShownFigure, ...] = ()
    said: str = ""


@dataclass(frozen=True)
class Page:
    """A whole report; `tables` and `figures` are those over several sections.

    exhibits: under the heading `exhibited`, before all sections. looks: of every run, by name.
    width: pixels that frames are reduced to, where they are wider.
    """

    title: str
    made_by: str
    sections: tuple[Section, ...]
    looks: Looks
    tables: tuple[ShownTable, ...] = ()
    figures: tuple[ShownFigure, ...] = ()
    exhibits: tuple[ShownExhibit, ...] = ()
    exhibited: str = ""
    width: int = 480
    progress: Callable[[str], None] | None = None
