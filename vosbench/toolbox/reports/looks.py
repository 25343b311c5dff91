"""The colour, marker, dash and hatch of each run, the same in every table and figure.

Colours are Okabe and Ito's (jfly.uni-koeln.de/color), safe for colour-blind readers, with grey for
their yellow, which is weak on white paper; the rest tells runs apart in a grey print.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

COLOURS = (
    "#0072B2",  # blue
    "#E69F00",  # orange
    "#009E73",  # green
    "#CC79A7",  # purple
    "#56B4E9",  # sky blue
    "#D55E00",  # vermilion
    "#000000",
    "#8A8A8A",  # grey
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 1.7), (1.1, 1.7), (5, 1.7, 1.1, 1.7))
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "||||", "oo", "--")


class Look(NamedTuple):
    """How a run is drawn; dash: lengths of stroke and gap in widths of the line, () for none."""

    colour: str
    marker: str
    dash: tuple[float, ...]
    hatch: str


Looks = Mapping[str, Look]


def look(place: int, again: int = 0) -> Look:
    """The look with the n-th colour, and when that comes again, with other marks beside it.

    >>> look(1) == look(9), look(1).colour == look(1, 1).colour, look(1).dash == look(1, 1).dash
    (True, True, False)
    """
    mark = place % len(COLOURS) + again
    return Look(
        COLOURS[place % len(COLOURS)],
        MARKERS[mark % len(MARKERS)],
        DASHES[mark % len(DASHES)],
        HATCHES[mark % len(HATCHES)],
    )


def looks(names: Iterable[str], together: Iterable[Collection[str]] = ()) -> dict[str, Look]:
    """A look for each name, in order; eight colours serve first those that are drawn together.

    A name takes the first colour that no name before it has with which it shares a collection of
    `together`, of those the one used least.

    >>> found = looks("abcdefghij", ["abcdefgh", "aij"])
    >>> [COLOURS.index(found[name].colour) for name in "abhij"]
    [0, 1, 7, 1, 2]
    """
    places: dict[str, int] = {}
    uses: Counter[int] = Counter()
    drawn = [set(each) for each in together]
    found = {}
    for name in dict.fromkeys(names):
        beside = set().union(*(each for each in drawn if name in each))
        taken = {places[other] for other in beside & places.keys()}
        place = min(range(len(COLOURS)), key=lambda n: (n in taken, uses[n], n))
        found[name] = look(place, uses[place])
        places[name] = place
        uses[place] += 1
    return found


def completed(known: Looks | None, names: Iterable[str]) -> dict[str, Look]:
    """The looks of these names: the known ones, by their place where there is none."""
    return {name: (known or {}).get(name) or look(n) for n, name in enumerate(names)}
