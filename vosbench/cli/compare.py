"""`vosbench compare`: scored runs side by side, as a table, in words, as one figure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench import formats
from vosbench.cli.options import RUNS, AsJson, Format, Sequences, out_folder, split_list
from vosbench.cli.scored_runs import refuse_missing, scored
from vosbench.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from vosbench.results import Result


Picture = Annotated[
    Path | None, typer.Option(help="Also draw the truth and every run's masks into this PNG.")
]
Columns = Annotated[
    str,
    typer.Option(
        help="Columns of the table beside the run's name, e.g. J,F or 'J&F'.",
        show_default="all; in LaTeX the means",
    ),
]
Plot = Annotated[
    str,
    typer.Option(
        help="Draw one figure into --out: attributes, over-time, sequences or memory (of runs "
        "with --protocol-time).",
        show_default=False,
    ),
]


def compare(
    runs: Annotated[list[Path], RUNS],
    report: Format = formats.TERMINAL,
    columns: Columns = "",
    picture: Picture = None,
    sequences: Sequences = None,
    plot: Plot = "",
    out: Annotated[Path | None, out_folder()] = None,
    as_json: AsJson = False,
) -> None:
    """Compare scored runs side by side: one table per dataset and protocol.

    Below it stands which run is better, and on which sequences they differ most. --format csv
    gives the scores of every run in each sequence instead.
    """
    formats.check(report)
    check_plot(plot, out)
    if sequences and picture is None:
        raise UsageError(
            "--sequences chooses what --picture draws, and the table is of all that were scored; "
            "give --picture FILE.png, or evaluate the runs with --sequences into another --out"
        )
    results = scored(runs)
    text = "" if as_json else _tables(results, report, split_list(columns, "--columns"))
    if picture is not None:
        draw(results, picture, split_list(sequences, "--sequences"))
    caption = _plotted(results, plot, out) if out is not None else ""
    typer.echo(json.dumps([run.record() for run in results], indent=1) if as_json else text)
    quiet = as_json or report != formats.TERMINAL  # stdout is for the table alone
    if not quiet:
        from vosbench.analysis.comparison import verdicts
        from vosbench.analysis.side_by_side import most_different

        for sentence in (*verdicts(results), *most_different(results)):
            typer.echo(sentence)
    if picture is not None:
        typer.echo(f"picture: {picture}", err=quiet)
    if caption:
        typer.echo(f"figure: {out}\n{caption}", err=quiet)
    refuse_missing(runs)


def _tables(results: list[Result], report: str, columns: tuple[str, ...]) -> str:
    """The tables as text, with these columns."""
    from vosbench.analysis import side_by_side
    from vosbench.analysis.groups import groups
    from vosbench.analysis.scores import scores

    found = groups(results)
    if report == formats.SHEET:
        tables = [
            side_by_side.by_sequence(group, columns or side_by_side.metrics_of(group))
            for group in found
        ]
    else:
        tables = [scores(group, intervals=False) for group in found]
        if columns:
            tables = side_by_side.with_columns(tables, columns)
        elif report == formats.PAPER:
            tables = [side_by_side.paper(table) for table in tables]
    if report == formats.PAPER:  # their names become labels, which must differ
        named = zip(tables, found, strict=True)
        tables = [replace(table, name=f"{table.name}-{group.name}") for table, group in named]
    return "\n".join(formats.render(table, report) for table in tables).rstrip("\n")


def check_plot(what: str, out: Path | None) -> None:
    """Raise UsageError unless both or neither are given, and a figure can be written so."""
    if not what and out is None:
        return
    from vosbench.drawing.style import SUFFIXES
    from vosbench.reporting.figures import PLOTS

    if not what or out is None:
        missing = "--plot" if not what else "--out"
        raise UsageError(
            f"{missing} is missing: --plot {'|'.join(PLOTS)} --out FILE draws one figure"
        )
    if what not in PLOTS:
        raise UsageError(f"unknown plot {what!r}; {did_you_mean(what, PLOTS)}")
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"a figure is written as one of {', '.join(SUFFIXES)}, got {out}")


def _plotted(results: list[Result], what: str, path: Path) -> str:
    """Draw one figure of runs of one dataset; its caption."""
    from vosbench.analysis.groups import one_group
    from vosbench.drawing import style
    from vosbench.reporting import figures

    figure = figures.single(one_group(results), what)
    assert not isinstance(figure.drawing, Path), "drawn just now"
    style.write(figure.drawing, path)
    return figure.caption


def draw(results: list[Result], path: Path, sequences: tuple[str, ...]) -> None:
    """Draw prompt, truth and all runs late in some sequences; by default of high, middle, low J.

    Raises:
        UsageError: the runs are not of one dataset, or do not remember where their masks are.
    """
    from vosbench.analysis.groups import dataset_of
    from vosbench.drawing import from_masks, style

    if path.suffix.lower() != ".png":
        raise UsageError(f"a picture is written as .png, got {path}")
    data = set()
    for run in results:
        if run.data is None:
            raise UsageError(
                f"a picture needs to know where masks and truth of {run.name} are; evaluate its "
                "masks again with --name and --out"
            )
        if run.masks is None or not run.masks.exists():
            raise UsageError(f"the masks of {run.name} are not at {run.masks} any more")
        of = run.summary["dataset"]
        data.add((of["name"], of["split"], run.data.resolution, *run.data.at.words.values()))
    if len(data) > 1:
        found = ", ".join(sorted(" ".join(filter(None, each)) for each in data))
        raise UsageError(f"a picture needs runs of one dataset, got {found}; name those of one")
    dataset = dataset_of(results[0])
    names = sequences or from_masks.highest_median_lowest(results)
    clips = [dataset.sequence(name) for name in names]
    style.write(from_masks.qualitative(clips, results, late=True, prompts=True), path)
