"""`vosbench show`: the masks of runs over the frames of a sequence, as a video."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, cast

import typer

from vosbench.cli.options import Rate, Replace, Root, completing, out_folder

Shown = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUNS...",
        help="Folders of runs, scored or not, or of `evaluate --name NAME --out DIR`.",
    ),
]
Sequence = Annotated[
    str,
    typer.Option(help="Which sequence.", show_default="the only one that the runs have"),
]
Truth = Annotated[
    str,
    typer.Option(
        help="Show the truth: beside = in a pane of its own, over = its outline over the masks.",
        show_default="not",
        autocompletion=completing(lambda: ("beside", "over")),
    ),
]
Errors = Annotated[
    bool, typer.Option("--errors", help="Show what is right, missed and false, not objects.")
]
Colours = Annotated[
    str,
    typer.Option(
        help="Colours of the objects: those of DAVIS masks, or safe for colour-blind people.",
        autocompletion=completing(lambda: ("davis", "safe")),
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(
        help="Scale of the frames, e.g. 0.5.",
        show_default="an .mp4 is at most 1920x1080, a .gif 480 wide, 720 with several panes",
    ),
]


def show(
    runs: Shown,
    out: Annotated[Path, out_folder()],
    sequence: Sequence = "",
    truth: Truth = "",
    errors: Errors = False,
    colours: Colours = "davis",
    fps: Rate = None,
    scale: Scale = None,
    root: Root = None,
    replace: Replace = False,
) -> None:
    """Draw the masks of runs over the frames of a sequence, as an .mp4 or .gif.

    Several runs come side by side under their names, with J of the frame where they were scored.
    A .gif shows at most 80 frames, evenly spread.
    """
    from vosbench.cli import progress
    from vosbench.filming import show as showing

    try:
        with progress.of_stages() as on_frame:
            shown = showing.show(
                runs, out, sequence=sequence, root=root, truth=cast("showing.Truth", truth),
                errors=errors, colours=cast("showing.Colours", colours), fps=fps, scale=scale,
                replace=replace, progress=partial(on_frame, "drawing"),
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(f"stopped; nothing was written to {out}", err=True)
        raise typer.Exit(130) from None
    typer.echo(str(shown))
