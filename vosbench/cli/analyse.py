"""`vosbench analyse`, and the sentences under `vosbench compare`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.scored_runs import scored
from vosbench.errors import UsageError


class Format(StrEnum):
    """How tables are written."""

    text = "text"
    markdown = "markdown"
    latex = "latex"
    csv = "csv"
    json = "json"


def analyse(
    runs: Annotated[list[Path], typer.Argument(help="Scored runs; what is none is left out.")],
    what: Annotated[
        str, typer.Option(help="Which: a,b,c, or all. [default: those that need the runs only]")
    ] = "",
    kind: Annotated[
        Format | None, typer.Option("--format", help="[default: text; with --out, every one]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write one file per table into here.")] = None,
    against: Annotated[
        str, typer.Option(help="Run to compare the others with, by name. [default: the best]")
    ] = "",
    by: Annotated[
        str,
        typer.Option(
            help="ROWS,COLUMNS: two options, for ablation. [default: backbone,matching or "
            "backbone,preset]"
        ),
    ] = "",
    root: Annotated[
        Path | None, typer.Option(help="Where the data lie, for size, speed and drift.")
    ] = None,
) -> None:
    """Print or write tables: attributes, significance, failures, time; all from files on disk.

    scores, published, significance, sequences, attributes, ablation, ablation-F, sweep,
    runtime, over-time, worst-objects, worst-frames and loss read the runs; size, speed and drift
    also read the dataset's truth.
    """
    from vosbench.analysis import catalogue
    from vosbench.files import write_text
    from vosbench.formats import SUFFIXES, render

    names = catalogue.choose(filter(None, (name.strip() for name in what.split(","))))
    pair = _pair(by) if by else None
    results = scored(runs)
    made = 0
    for each in catalogue.tables(results, names, root=root, against=against, by=pair):
        if isinstance(each, catalogue.Left):
            typer.echo(f"left out: {each}", err=True)
            continue
        made += 1
        if out is None:
            typer.echo(render(each, kind.value if kind else "text"))
            continue
        out.mkdir(parents=True, exist_ok=True)
        for each_kind in [kind.value] if kind else SUFFIXES:
            path = out / f"{each.name}{SUFFIXES[each_kind]}"
            write_text(path, render(each, each_kind))
            typer.echo(path)
    if not made:
        raise UsageError("no table could be made; what is missing is said above")


def _pair(by: str) -> tuple[str, str]:
    row, comma, column = (part.strip() for part in by.partition(","))
    if not (row and comma and column) or "," in column:
        raise UsageError(f"--by {by!r} must name two options: rows,columns")
    return row, column
