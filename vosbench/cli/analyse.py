"""`vosbench analyse`: tables that explain scores, from files on disk."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vosbench.cli.options import FORMAT_HELP, RUNS, WHAT_HELP, Root, out_folder, split_list
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
    runs: Annotated[list[Path], RUNS],
    what: Annotated[
        str,
        typer.Option(
            help=WHAT_HELP,
            show_default="all that need no dataset",
        ),
    ] = "",
    kind: Annotated[
        Format | None,
        typer.Option("--format", help=FORMAT_HELP, show_default="text; with --out, all"),
    ] = None,
    out: Annotated[Path | None, out_folder("none; print the tables")] = None,
    against: Annotated[
        str,
        typer.Option(
            help="Name of the run that the others are compared with.", show_default="the best run"
        ),
    ] = "",
    by: Annotated[
        str,
        typer.Option(
            help="Two options for the rows and columns of an ablation.",
            show_default="backbone,matching or backbone,preset",
        ),
    ] = "",
    root: Root = None,
) -> None:
    """Analyse scored runs: significance, attributes, failures, time and more.

    scores, published, significance, sequences, attributes, ablation, ablation-F, sweep,
    runtime, over-time, worst-objects, worst-frames and loss read the runs only; size, speed and
    drift also need the dataset. `all` computes all of them.
    """
    from vosbench.analysis import catalogue
    from vosbench.analysis.groups import groups
    from vosbench.files import write_text
    from vosbench.formats import SUFFIXES, render

    names = catalogue.choose(split_list(what, "--what"))
    pair = _pair(by) if by else None
    made = 0
    for each in catalogue.tables(groups(scored(runs)), names, root=root, against=against, by=pair):
        if isinstance(each, catalogue.Left):
            typer.echo(f"skipped: {each}", err=True)
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
        raise UsageError("no table could be made; the notes above say why")


def _pair(by: str) -> tuple[str, str]:
    names = split_list(by, "--by")
    if len(names) != 2:
        raise UsageError(f"--by {by!r} must name two options: rows,columns")
    return names[0], names[1]
