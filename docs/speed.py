"""J against milliseconds of all methods: python docs/speed.py build/paper/runs/*-davis2016.

Prints the table as markdown and draws docs/figures/speed.png. A frame's time is that of `run
--protocol-time` where all runs have it, else what was noted while the masks were made.
"""

from __future__ import annotations

import io
import statistics
import sys
from pathlib import Path

from PIL import Image

from vosbench.analysis.groups import Group, one_group
from vosbench.analysis.scores import scores
from vosbench.analysis.timed import busy, is_timed, notes, timed
from vosbench.drawing.from_tables import number, value_of
from vosbench.drawing.score_by_time import Timing, score_by_time
from vosbench.errors import UsageError, VosbenchError
from vosbench.formats import render
from vosbench.results import load
from vosbench.tables import Column, Table, with_interval

OUT = Path(__file__).parent / "figures" / "speed.png"
DPI, COLOURS = 150, 64  # as many are enough for a page


def table_of(group: Group) -> Table:
    """The runs that have a time, the fastest first."""
    measured = scores(group)
    by_protocol, told = {}, [note for note in measured.notes if note.startswith("ms/frame")]
    if all(is_timed(run) for run in group.results):
        runs, left = timed(group)
        by_protocol = {one.run.name: 1000 * statistics.median(one.warm) for one in runs}
        told = ["ms/frame: median by protocol", *notes(runs, left), *busy(runs)]
    rows = [
        (
            row["run"],
            by_protocol.get(str(row["run"]), row.get("ms/frame")),
            *(row[name] for name in ("J", "J low", "J high")),
        )
        for row in measured.records()
    ]
    known = sorted((row for row in rows if row[1] is not None), key=lambda row: number(row[1]) or 0)
    if not known:
        raise UsageError("none of these runs has a time: give runs of `vosbench run` or a suite")
    return Table(
        name="speed",
        title=f"J against time: {group.title}",
        columns=(
            Column("run"),
            Column("ms/frame", better="lower"),
            *with_interval(Column("J", "%", better="higher")),
        ),
        rows=tuple(known),
        notes=(*group.notes, *told),
    )


def draw(table: Table, path: Path) -> None:
    """Write a small PNG."""
    points = [
        Timing(str(row["run"]), number(row["ms/frame"]) or 0, value_of(row, "J"))
        for row in table.records()
    ]
    content = io.BytesIO()
    figure = score_by_time(points, ylabel="J mean (%)")
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(content) as image:
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    path.parent.mkdir(exist_ok=True)
    small.save(path, optimize=True)


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit((__doc__ or "").strip())
    try:
        found = table_of(one_group([load(Path(folder)) for folder in sys.argv[1:]]))
    except VosbenchError as error:
        sys.exit(f"error: {error}")
    sys.stdout.write(render(found, "markdown") + "\n")
    draw(found, OUT)
