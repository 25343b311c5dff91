"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from vosbench import registry
from vosbench.errors import UsageError


def split_names(text: str) -> tuple[str, ...]:
    """`a,b,c` as names, () for none given; UsageError where text names none."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if text and not names:
        raise UsageError(f"--sequences {text!r} names none; write a,b,c")
    return names


def names(kind: str) -> Callable[[str], list[str]]:
    """What completes a name of this kind."""
    return lambda incomplete: [n for n in registry.names(kind) if n.startswith(incomplete)]


DatasetArgument = Annotated[str, typer.Argument(autocompletion=names("datasets"))]
Root = Annotated[
    Path | None,
    typer.Option(help="Where the data lie. [default: the dataset's folder in VOSBENCH_DATA]"),
]
Split = Annotated[str, typer.Option(help="Split; empty for the dataset's default (mostly val).")]
Resolution = Annotated[str, typer.Option(help="Resolution where the archive has several.")]
Sequences = Annotated[str, typer.Option(help="Only these sequences: a,b,c.")]
ProtocolName = Annotated[str, typer.Option(help="Scoring protocol; empty for the dataset's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
