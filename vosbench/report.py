"""Scored runs -> a report's folder: tables and figures as files, and a page that shows them.

It is written beside its place under another name and moved there when it is whole.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vosbench import __version__, registry
from vosbench.analysis import catalogue, runtime
from vosbench.analysis.catalogue import Left
from vosbench.analysis.runs import Group, card_or_none, groups, title_of
from vosbench.analysis.tables import Table
from vosbench.api import Result
from vosbench.atomic import write_json
from vosbench.config import fingerprint, open_dataset
from vosbench.errors import DataError, UsageError
from vosbench.report_tables import by_sequence, show, write_files
from vosbench.toolbox.page import Page, Scores, Section, ShownFigure, ShownRun, ShownTable
from vosbench.types import Dataset

MARK = "report.json"  # in every report's folder, so that nothing else is ever replaced

OPEN = ("scores", "published")  # tables that are seen at once, unless they are long
LONG = 16  # rows
FOLDED = ("over-time-sequences", "qualitative")  # the page has its own, that open the viewer


@dataclass(frozen=True)
class Made:
    """What was written: the page to open, and what is not in it, with the reason."""

    page: Path
    left_out: tuple[str, ...]


def count(results: Seq[Result]) -> int:
    """How many sequences a report of these runs will go through."""
    return sum(len(_scored(group)) for group in groups(results))


def write(
    results: Seq[Result],
    out: Path,
    *,
    title: str,
    style: str = "html",
    root: Path | None = None,
    width: int = 480,
    progress: Callable[[str], None] | None = None,
) -> Made:
    """Write a report of runs of whatever datasets; each dataset and protocol is a section.

    root: where the data of all runs lie now. width: pixels that wider frames are reduced to.

    Raises:
        UsageError: `out` is no report but holds something, or the style gives no folder.
    """
    leaf = registry.load("reports", style, offering="write")
    if out.exists() and not (out / MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is no report (it has no {MARK}) and is not replaced; name another")
    out.parent.mkdir(parents=True, exist_ok=True)
    building = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        left_out: list[str] = []
        found = groups(results)
        sections = tuple(_section(group, building, root, left_out) for group in found)
        page = Page(
            title=title,
            made_by=f"vosbench {__version__}",
            sections=sections,
            tables=_tables([_timed(results)], building, "tables", left_out),
            width=width,
            progress=progress,
        )
        leaf.write(page, building)
        write_json(building / MARK, {"vosbench": __version__, "runs": _listed(found)})
        shutil.rmtree(out, ignore_errors=True)
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Made(out / "index.html", tuple(left_out))


def _listed(found: Seq[Group]) -> list[dict[str, Any]]:
    """Which runs a report shows, for programs."""
    return [
        {"section": group.name, "name": run.name, "folder": str(run.folder)}
        for group in found
        for run in group.results
    ]


def _section(group: Group, out: Path, root: Path | None, left_out: list[str]) -> Section:
    """One group of runs with its tables and figures written."""
    data = group.results[0].summary["dataset"]
    dataset, source, absent = _open(group, root)
    if absent:
        left_out.append(f"{group.title}: frames and masks: {absent}")
    card = card_or_none(group.results[0])
    return Section(
        name=group.name,
        title=group.title,
        source=f"{data['name']}-{data['split']}-{source}",
        notes=group.notes,
        runs=tuple(_run(result) for result in group.results),
        sequences=_scored(group),
        tags=card.attributes if card else {},
        tables=tuple(
            _within(group, table)
            for table in _tables(
                _analysed(group, root, dataset), out, f"tables/{group.name}", left_out
            )
        ),
        figures=_figures(group, dataset, out),
        united=group.results[0].summary["protocol"]["objects"] == "united",
        open=dataset.sequence if dataset else None,
        absent=absent,
    )


def _open(group: Group, root: Path | None) -> tuple[Dataset | None, str, str]:
    """The dataset of a group, what tells its frames from others, or why it is not at hand."""
    data = group.results[0].summary["dataset"]
    manifests = [result.manifest for result in group.results if result.manifest]
    resolution = manifests[0]["identity"]["resolution"] if manifests else ""
    if root is None and manifests and manifests[0]["root"]:
        root = Path(manifests[0]["root"])
    if root is not None and not root.is_dir():
        return None, "", f"the data are not in {root}; --root DIR names where they lie now"
    try:
        dataset = open_dataset(data["name"], root=root, split=data["split"], resolution=resolution)
    except (UsageError, DataError) as error:
        return None, "", str(error)
    missing = [name for name in _scored(group) if name not in dataset.names]
    if missing:
        return None, "", f"{data['name']} in {root} has no sequence {missing[0]!r}"
    return dataset, fingerprint([str(root), resolution])[:6], ""


def _scored(group: Group) -> tuple[str, ...]:
    return tuple(row["sequence"] for row in group.results[0].summary["sequences"])


def _run(result: Result) -> ShownRun:
    """A run with its scores per frame."""
    if result.folder is None:
        raise UsageError(f"the scores of {result.name} were not written; evaluate with --out DIR")
    found: dict[str, dict[int, tuple[dict[str, float], dict[str, float]]]] = {}
    with (result.folder / "scores.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            number, frame = int(row["object"]), row["frame"]
            one = found.setdefault(row["sequence"], {}).setdefault(number, ({}, {}))
            one[0][frame], one[1][frame] = float(row["J"]), float(row["F"])
    masks = result.masks if result.masks and result.masks.is_dir() else None
    return ShownRun(
        name=result.name,
        about=_about(result.manifest) if result.manifest else "masks made by another tool",
        mean=result.summary["J"]["mean"],
        means={row["sequence"]: row["J"]["mean"] for row in result.summary["sequences"]},
        scores={
            name: {number: Scores(*each) for number, each in objects.items()}
            for name, objects in found.items()
        },
        masks=masks,
    )


def _about(manifest: Mapping[str, Any]) -> str:
    """How a run was made, in one line; all of it is in its run.json."""
    identity, environment = manifest["identity"], manifest["environment"]
    options = ", ".join(f"{key}={value}" for key, value in identity["options"].items())
    weights = identity["files"].get("weights", "")
    parts = (
        options or "no options",
        f"weights {weights[:8]}" if weights else "",
        f"seed {identity['seed']} on {identity['device']} ({environment['processor']})",
        f"commit {environment['commit']}" if environment.get("commit") else "",
        manifest["method_source"],
    )
    return "; ".join(filter(None, parts))


def _figures(group: Group, dataset: Dataset | None, out: Path) -> tuple[ShownFigure, ...]:
    from vosbench import figures  # matplotlib

    made = []
    for drawn in figures.of_runs(group.results, dataset):
        paths = drawn.save(out / "figures" / group.name)
        files = tuple(path.relative_to(out).as_posix() for path in paths)
        folded = drawn.name in FOLDED
        shown = next(file for file in files if file.endswith(".png" if folded else ".svg"))
        caption = drawn.caption.replace(f"; {group.title}", "")  # it is the section's heading
        made.append(ShownFigure(drawn.name, caption, shown, drawn.alt, files, folded))
    return tuple(made)


def _analysed(group: Group, root: Path | None, dataset: Dataset | None) -> Iterator[Table | Left]:
    """Every analysis of a group; those that read the truth only where it is at hand."""
    yield by_sequence(group.results)  # scores, where the catalogue has differences
    names = [
        name
        for name, analysis in catalogue.ANALYSES.items()
        if name not in ("sequences", "runtime") and (dataset or analysis.needs == "runs")
    ]
    yield from catalogue.tables(group.results, names, root=root)


def _within(group: Group, table: ShownTable) -> ShownTable:
    """The table without what the section says already: its heading, and its notes but once."""
    title = table.title
    for said in (group.title, title_of(group.results[0])):
        title = title.removesuffix(f": {said}")
    notes = table.notes
    if table.name != "scores":
        notes = tuple(note for note in notes if note not in group.notes)
    return replace(table, title=title, notes=notes)


def _timed(results: Seq[Result]) -> Table | Left:
    """The times of all runs, of whatever data."""
    try:
        return runtime.runtime(results)
    except UsageError as error:
        return Left("all data", "runtime", str(error))


def _tables(
    made: Iterable[Table | Left], out: Path, where: str, left_out: list[str]
) -> tuple[ShownTable, ...]:
    """Write every table that the runs allow in all formats; the others are told, not hidden."""
    shown = []
    for table in made:
        if isinstance(table, Left):
            left_out.append(f"{table.name} of {table.group}: {table.why}")
        else:
            folded = table.name not in OPEN or len(table.rows) > LONG
            shown.append(show(table, write_files(table, out, where), folded=folded))
    return tuple(shown)
