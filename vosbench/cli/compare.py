"""`vosbench compare`: scored runs side by side, and which differences are significant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vosbench import formats
from vosbench.cli.options import RUNS, AsJson, Format, Sequences, split_list
from vosbench.cli.scored_runs import score_tables, scored
from vosbench.errors import UsageError

if TYPE_CHECKING:
    from vosbench.results import Result


def compare(
    runs: Annotated[list[Path], RUNS],
    report: Format = formats.TERMINAL,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the truth and every run's masks into this PNG.")
    ] = None,
    sequences: Sequences = None,
    as_json: AsJson = False,
) -> None:
    """Compare scored runs side by side: one table per dataset and protocol."""
    formats.check(report)
    results = scored(runs)
    if picture is not None:
        draw(results, picture, split_list(sequences, "--sequences"))
    if as_json:
        typer.echo(json.dumps([result.record() for result in results], indent=1))
    else:
        typer.echo(score_tables(results, report))
    if report == formats.TERMINAL and not as_json:
        from vosbench.analysis.comparison import verdicts

        for sentence in verdicts(results):
            typer.echo(sentence)
    if picture is not None:
        typer.echo(f"picture: {picture}", err=as_json or report != formats.TERMINAL)


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
        data.add((of["name"], of["split"], run.data.resolution))
    if len(data) > 1:
        found = ", ".join(sorted(" ".join(filter(None, each)) for each in data))
        raise UsageError(f"a picture needs runs of one dataset, got {found}; name those of one")
    dataset = dataset_of(results[0])
    names = sequences or from_masks.highest_median_lowest(results)
    clips = [dataset.sequence(name) for name in names]
    style.write(from_masks.qualitative(clips, results, late=True, prompts=True), path)
