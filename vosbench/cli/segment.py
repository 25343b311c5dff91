"""`vosbench segment`: carry objects through a clip of your own, without a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from vosbench.cli.options import (
    METHOD_NAME,
    Device,
    Direction,
    Rate,
    Replace,
    Seed,
    Settings,
    out_folder,
)
from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.segmenting.segment import Progress, Segmented
    from vosbench.types import Mark

PROMPT = "What to segment"
Clip = Annotated[Path, typer.Argument(help="A video, or a folder of pictures.")]
Masks = Annotated[
    list[Path] | None,
    typer.Option(
        "--mask",
        help="Mask on one frame, a PNG of object ids; or repeat it, one file an object.",
        rich_help_panel=PROMPT,
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        metavar="X,Y,W,H",
        help="Box around an object, in pixels; repeat it for more objects.",
        rich_help_panel=PROMPT,
    ),
]
Points = Annotated[
    list[str] | None,
    typer.Option(
        "--point",
        metavar="X,Y",
        help="Click on object 1, in pixels; 2:X,Y on object 2. Repeatable.",
        rich_help_panel=PROMPT,
    ),
]
Outside = Annotated[
    list[str] | None,
    typer.Option(
        "--not",
        metavar="X,Y",
        help="Click on what does not belong to object 1; 2:X,Y to object 2. Repeatable.",
        rich_help_panel=PROMPT,
    ),
]
At = Annotated[
    int,
    typer.Option(
        "--frame",
        help="Frame on which mask, boxes and clicks are, counted from 0; with --direction both "
        "objects are carried to those before it, too.",
        rich_help_panel=PROMPT,
    ),
]


def segment(
    clip: Clip,
    out: Annotated[Path, out_folder()],
    method: Annotated[str, METHOD_NAME],
    mask: Masks = None,
    box: Boxes = None,
    point: Points = None,
    outside: Outside = None,
    frame: At = 0,
    direction: Direction = None,
    settings: Settings = None,
    seed: Seed = None,
    device: Device = None,
    fps: Rate = None,
    replace: Replace = False,
) -> None:
    """Carry objects through a clip: masks, boxes, run lengths and a film of them in a folder.

    Point at the objects by a mask, by boxes or by clicks. What is written appears when all of it is
    there; a command that was stopped leaves nothing, and begins anew.
    """
    from vosbench.cli import progress
    from vosbench.options import parse_settings
    from vosbench.segmenting import pointing
    from vosbench.segmenting import segment as segmenting

    marks: dict[int, Mark] = pointing.marks_of(box or [], point or [], outside or [])
    if not marks and not mask:
        raise UsageError(
            "what is to be segmented? give --mask first.png, --box x,y,w,h or --point x,y"
        )

    def work(on_frame: Progress) -> Segmented:
        return segmenting.segment(
            clip, out, method=method, mask=mask or None, marks=marks, frame=frame,
            direction=cast("Any", direction or "forward"),
            options=parse_settings(settings or []), device=device or "cpu", seed=seed or 0,
            fps=fps, replace=replace, progress=on_frame,
        )  # fmt: skip

    try:
        with progress.prints_on_stderr(), progress.of_stages() as on_frame:
            done = work(on_frame)
    except KeyboardInterrupt:
        typer.echo(
            f"stopped; nothing was written to {out}, and the same command begins anew", err=True
        )
        raise typer.Exit(130) from None
    for remark in done.remarks:
        typer.echo(f"note: {remark}", err=True)
    typer.echo(str(done))
