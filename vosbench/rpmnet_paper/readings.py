"""Tell how a run of RPM-Net reads former frames: as the paper does, or as we do beyond it.

The paper predicts offsets once and reads the frame before. The options `iterations`, `search`,
`memory` and `first` go beyond that, and no such run stands for a technique of the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vosbench.analysis.groups import options_of
from vosbench.files import misfit

if TYPE_CHECKING:
    from vosbench.results import Result

MODULES = (  # the paper's matching modules
    "conv-1", "conv-3", "conv-5", "dilation-3", "dilation-6", "dilation-9", "deformable",
)  # fmt: skip
ORDER = (*MODULES, "correlation")  # and ours
GRID: Mapping[str, Any] = {  # the options that tell RPM-Net's runs, and of what kind they are
    "backbone": str, "matching": str, "iterations?": int, "search?": (int, float),
    "memory?": [int], "first?": str, "refine?": str,
}  # fmt: skip
FIRST = {"direct": "first", "chained": "first chained", "both": "first, first chained"}
NOTE = (
    "reading: how often offsets are predicted, whether something more alike is then looked for "
    "(and offsets predicted once more), and which frames are read; the paper's is 1 iteration and "
    "t-1, the frame before; first: the prompt's frame, first chained: the same along "
    "the chain of offsets that leads there"
)


def gridded(runs: Iterable[Result]) -> list[Result]:
    """The runs whose method has RPM-Net's options; others may mean else by such names."""
    return [run for run in runs if not misfit(options_of(run), GRID)]


def by_module(runs: Iterable[Result]) -> dict[str, Result]:
    """Matching module, in the paper's order -> its least special run, first as the paper reads."""
    found: dict[str, Result] = {}
    for run in sorted(gridded(runs), key=lambda r: (not is_papers(r), len(r.name), r.name)):
        found.setdefault(str(options_of(run)["matching"]), run)
    return {module: found[module] for module in ORDER if module in found}


def iterations_of(run: Result) -> int:
    """How often offsets are predicted for a pair of frames."""
    return int(options_of(run).get("iterations", 1)) if gridded([run]) else 1


def remembers(run: Result) -> bool:
    """Whether a run of RPM-Net reads more than the frame before; others mean else by `memory`."""
    options = options_of(run)
    if not gridded([run]):
        return False
    return list(options.get("memory", [1])) != [1] or options.get("first", "none") != "none"


def is_papers(run: Result) -> bool:
    """Whether the run reads as the paper does: the frame before, once."""
    searches = bool(options_of(run).get("search", 0))
    return iterations_of(run) == 1 and not searches and not remembers(run)


def reading(run: Result) -> str | None:
    """The iterations and the references of a run in words; None for other methods."""
    if not gridded([run]):
        return None
    options, count = options_of(run), iterations_of(run)
    frames = [f"t-{back}" for back in options.get("memory", [1])]
    frames += [FIRST[first] for first in [options.get("first", "none")] if first in FIRST]
    searched = ", a search" if options.get("search") else ""
    return f"{count} iteration{'' if count == 1 else 's'}{searched}; {', '.join(frames)}"


def iterated(runs: Iterable[Result]) -> dict[str, Result]:
    """Matching module -> its run that matches more than once and reads the frame before alone."""
    return by_module(run for run in runs if iterations_of(run) > 1 and not remembers(run))


def remembering(runs: Iterable[Result]) -> dict[str, Result]:
    """Matching module -> its run that reads more than the frame before."""
    return by_module(filter(remembers, runs))
