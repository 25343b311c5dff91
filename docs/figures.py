"""The documents' figures, from suites' runs: python docs/figures.py suites/paper suites/sweep.

Attributes: J on the synthetic sequences that isolate them. Masks: one frame of the sequences with
the highest, the median and the lowest J, mean over these runs, so that none is picked by hand.
Sweep: what each option of label propagation alone changes.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from vosbench.analysis.attributes import attributes
from vosbench.analysis.groups import dataset_of, one_group
from vosbench.analysis.sweep import sweep
from vosbench.drawing import from_masks, from_tables
from vosbench.errors import UsageError
from vosbench.results import load

OUT = Path(__file__).with_name("figures")
METHODS = ("copy-first", "optical-flow", "rpmnet-conv-3", "rpmnet", "colour-reconstruction")
DPI = 150


def of_paper(suite: Path) -> None:
    """Draw attributes and masks from SUITE/runs/<method>-synthetic."""
    folders = [suite / "runs" / f"{method}-synthetic" for method in METHODS]
    missing = [folder.name for folder in folders if not (folder / "summary.json").is_file()]
    if missing:
        raise UsageError(f"{suite} lacks the runs {', '.join(missing)}; `vosbench suite paper`")
    runs = [load(folder) for folder in folders]
    _save(from_tables.attribute_bars(attributes(one_group(runs))), "attributes", colours=64)
    dataset = dataset_of(runs[0])
    chosen = [dataset.sequence(name) for name in from_masks.highest_median_lowest(runs)]
    _save(from_masks.qualitative(chosen, runs, late=True), "masks", colours=96)


def of_sweep(suite: Path) -> None:
    """Draw the differences of all runs of SUITE to their base."""
    runs = [load(folder.parent) for folder in sorted(suite.glob("runs/*/summary.json"))]
    _save(from_tables.sweep_dots(sweep(one_group(runs))), "sweep", colours=64)


def _save(figure: Figure, name: str, *, colours: int) -> None:
    """Write a small PNG: so many colours are enough for a page."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(content) as image:
        small = image.convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    OUT.mkdir(exist_ok=True)
    small.save(OUT / f"{name}.png", optimize=True)


if __name__ == "__main__":
    of_paper(Path(sys.argv[1]))
    of_sweep(Path(sys.argv[2]))
