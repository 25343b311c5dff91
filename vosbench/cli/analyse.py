"""`vosbench analyse`: tables that explain scores, from files on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench import formats
from vosbench.cli.options import (
    AGAINST_HELP,
    RUNS,
    WHAT_HELP,
    Format,
    Root,
    out_folder,
    split_list,
)
from vosbench.cli.scored_runs import refuse_missing, scored
from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.tables import Table


def analyse(
    runs: Annotated[list[Path], RUNS],
    what: Annotated[
        str,
        typer.Option(help=WHAT_HELP, show_default="all that need no dataset"),
    ] = "",
    report: Format = "",
    out: Annotated[Path | None, out_folder("none; print the tables")] = None,
    against: Annotated[
        str,
        typer.Option(help=AGAINST_HELP, show_default="the best run"),
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

    scores, published, significance, sequences, presence, attributes, ablation, ablation-F,
    sweep, runtime, protocol-time, protocol-memory, memory-curve, over-time, worst-objects,
    worst-frames and loss read the runs only, three of them those of run --protocol-time; size,
    speed and drift also need the dataset. `all` computes all of them.

    With --out each table is written in every format, unless --format names one.
    """
    from vosbench.analysis import catalogue
    from vosbench.analysis.groups import groups_or_not_scored

    if out is not None and any((out / name).exists() for name in ("run.json", "summary.json")):
        raise UsageError(
            f"--out {out} holds scores, and the tables would replace scores.csv; name another "
            "folder"
        )
    names = catalogue.choose(split_list(what, "--what"))
    pair = _pair(by) if by else None
    if report:
        formats.check(report)
    nothing = True
    times = all(catalogue.ANALYSES[name].needs == "time" for name in names)
    found = groups_or_not_scored(scored(runs, or_not=times))
    for table in catalogue.tables(found, names, root=root, against=against, by=pair):
        if isinstance(table, catalogue.Left):
            typer.echo(f"skipped: {table}", err=True)
            continue
        nothing = False
        if out is None:
            typer.echo(formats.render(table, report or formats.TERMINAL))
        else:
            _write(table, (report,) if report else formats.names(), out)
    if nothing:
        raise UsageError("no table could be made; the notes above say why")
    refuse_missing(runs)


def _write(table: Table, names: Sequence[str], out: Path) -> None:
    """Write a table into a folder in these formats and print the paths."""
    from vosbench.files import write_text

    out.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = out / f"{table.name}{formats.suffix(name)}"
        write_text(path, formats.render(table, name))
        typer.echo(path)


def _pair(by: str) -> tuple[str, str]:
    names = split_list(by, "--by")
    if len(names) != 2:
        raise UsageError(f"--by {by!r} must name two options: rows,columns")
    return names[0], names[1]
