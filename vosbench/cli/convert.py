"""`vosbench convert`: the same masks in another form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.options import MASKS, Sequences, completing, split_list

Out = Annotated[Path, typer.Argument(help="A new folder; for rle a new JSON file.")]
To = Annotated[
    str,
    typer.Option(
        help="Form: png (one label map a frame), objects (one PNG an object, as SA-V has them) or "
        "rle (one JSON file, as YouTube-VIS has it).",
        show_default="rle for a name that ends in .json, else png",
        autocompletion=completing(lambda: ("png", "objects", "rle")),
    ),
]
Flatten = Annotated[
    bool,
    typer.Option(
        "--flatten",
        help="Make label maps of objects that overlap or are numbered 0, too; it says by which "
        "rule.",
    ),
]

AsIds = Annotated[
    bool,
    typer.Option(
        "--ids",
        help="Take the values of pictures as object ids, even where they look like a soft map; "
        "with --to objects or rle they cannot be taken for one again.",
    ),
]


def convert(
    source: Annotated[Path, MASKS],
    out: Out,
    to: To = "",
    sequences: Sequences = None,
    flatten: Flatten = False,
    ids: AsIds = False,
) -> None:
    """Write masks in another form: label maps, one PNG an object, or run lengths in JSON.

    Pictures in the colours of DAVIS masks become palette PNGs. What a form cannot hold is refused,
    and OUT must not be there yet.
    """
    from vosbench import api

    named = split_list(sequences, "--sequences")
    done = api.convert(source, out, to=to, sequences=named, flatten=flatten, as_ids=ids)
    for note in done.notes:
        typer.echo(f"note: {note}")
    many = (
        f"{count} {noun}{'s' * (count != 1)}"
        for count, noun in ((done.sequences, "sequence"), (done.frames, "frame"))
    )
    typer.echo(f"{done.out}: {', '.join(many)}")
