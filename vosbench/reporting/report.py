"""Write a report of scored runs: tables and figures as files, and a page that shows them.

It is written beside its place under another name and moved there when it is whole. report.json
lists what was written, and a folder that holds anything else is not replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench import registry, stored
from vosbench.analysis import catalogue, runtime
from vosbench.analysis.catalogue import Left
from vosbench.analysis.groups import (
    Group,
    card_or_none,
    groups,
    sequence_means,
    sequences_of,
    title_of,
)
from vosbench.analysis.side_by_side import by_sequence
from vosbench.analysis.timed import is_timed
from vosbench.errors import UsageError, needing
from vosbench.files import (
    built_beside,
    listing,
    place_of,
    refuse_foreign,
    write_json,
)
from vosbench.options import as_typed
from vosbench.provenance import VERSION
from vosbench.reporting import figures
from vosbench.reporting.opened import opened
from vosbench.reporting.page_tables import show, write_files
from vosbench.toolbox.reports.page import (
    Page,
    Scores,
    Section,
    ShownExhibit,
    ShownFigure,
    ShownRun,
    ShownTable,
)
from vosbench.types import Dataset, FolderReportPlugin

if TYPE_CHECKING:
    from vosbench.drawing.exhibit import Exhibition
    from vosbench.drawing.figure import Figure
    from vosbench.results import Result
    from vosbench.tables import Table
    from vosbench.toolbox.reports.looks import Looks


MARK = "report.json"  # in every report's folder: which runs it shows, and all files of it

OPEN = ("scores", "published")  # tables that are seen at once
# Figures whose names begin so are folded: the page has its own, which open the viewer.
FOLDED = ("over-time-sequences", "qualitative")


@dataclass(frozen=True)
class Made:
    """What was written: the page to open, and what is not in it, with the reason."""

    page: Path
    left_out: tuple[str, ...]


def count(results: Seq[Result]) -> int:
    """How many sequences a report of these runs will go through."""
    return sum(len(sequences_of(group.results[0])) for group in groups(results))


def check(out: Path, style: str = "html") -> None:
    """Raise UsageError unless there is such a style, and its report may take this place."""
    _plugin(style)
    _refuse_others(place_of(out))


def _plugin(style: str) -> FolderReportPlugin:
    """The report plugin of that name; UsageError if it gives text."""
    plugin = registry.load_report(style)
    if not isinstance(plugin, FolderReportPlugin):
        raise UsageError(f"report {style!r} gives text, not a folder; see `vosbench list reports`")
    return plugin


def write(
    results: Seq[Result],
    out: Path,
    *,
    title: str,
    style: str = "html",
    root: Path | None = None,
    width: int = 480,
    exhibition: Exhibition | None = None,
    progress: Callable[[str], None] | None = None,
) -> Made:
    """Write a report of runs of whatever datasets; each dataset and protocol is a section.

    Args:
        results: scored runs.
        out: the report's folder.
        title: heading of the page.
        style: a report that is a folder.
        root: where the data lie now: a dataset's folder, or the one that holds all.
        width: pixels that wider frames are reduced to.
        exhibition: what is shown before all sections, such as the tables and figures of a paper.
        progress: is told each sequence.

    Raises:
        UsageError: `out` holds what no report wrote, or the style gives no folder.
    """
    plugin = _plugin(style)
    shown, out = out, place_of(out)
    with built_beside(out, _refuse_others) as building:
        found = groups(results)
        looks = (exhibition.looks if exhibition else None) or figures.looks_of(found)
        sections = [_section(group, building, root, looks) for group in found]
        times, untimed = _split([_timed(found)])
        page = Page(
            title=title,
            made_by=f"vosbench {VERSION}",
            sections=tuple(section for section, _ in sections),
            looks=looks,
            tables=_tables(times, building, "tables"),
            exhibits=_exhibited(exhibition, building) if exhibition else (),
            exhibited=exhibition.title if exhibition else "",
            width=width,
            progress=progress,
        )
        with needing(f"report {style!r}"):
            plugin.write(page, building)
        files = sorted({*listing(building), MARK})
        about = {"vosbench": VERSION, "runs": _listed(found), "files": files}
        write_json(building / MARK, about)
    left_out = [
        *(why for _, left in sections for why in left),
        *(exhibition.left_out if exhibition else ()),
        *untimed,
    ]
    return Made(shown / "index.html", tuple(dict.fromkeys(left_out)))


def _refuse_others(out: Path) -> None:
    """Raise UsageError unless a report may take this place: of nothing, or of a report alone."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        said = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not {"vosbench", "runs"} <= said.keys():
        raise UsageError(
            f"{out} is not a report (it has no {MARK} of one) and is not "
            "replaced; give another --out"
        )
    files = said.get("files")
    if not isinstance(files, list):
        raise UsageError(
            f"{out} is a report of an earlier version, which does not list its files, and is not "
            "replaced; remove it, or name another --out"
        )
    refuse_foreign(out, [name for name in files if isinstance(name, str)], what="the report")


def _listed(found: Seq[Group]) -> list[dict[str, Any]]:
    """Which runs a report shows, for programs."""
    return [
        {"section": group.name, "name": run.name, "folder": str(run.folder)}
        for group in found
        for run in group.results
    ]


def _section(
    group: Group, out: Path, root: Path | None, looks: Looks
) -> tuple[Section, tuple[str, ...]]:
    """One group of runs with its tables and figures written, and what is left out of it."""
    data = group.results[0].summary["dataset"]
    dataset, source, absent = opened(group, root)
    made, left_out = _split(_analysed(group, root, dataset))
    if absent:
        left_out = (*left_out, f"{group.title}: frames and masks: {absent}")
    left_out = (*left_out, *filter(None, map(_no_masks, group.results)))
    card = card_or_none(group.results[0])
    section = Section(
        name=group.name,
        title=group.title,
        source=f"{data['name']}-{data['split']}-{source}",
        notes=group.notes,
        runs=tuple(_run(result) for result in group.results),
        sequences=sequences_of(group.results[0]),
        tags=card.attributes if card else {},
        tables=tuple(_within(group, table) for table in _tables(made, out, f"tables/{group.name}")),
        figures=_figures(group, dataset, out, looks, made),
        united=group.results[0].summary["protocol"]["objects"] == "united",
        open=dataset.sequence if dataset else None,
        absent=absent,
    )
    return section, left_out


def _run(result: Result) -> ShownRun:
    """A run with its scores per frame."""
    found: dict[str, dict[int, Scores]] = {}
    for (name, number), rows in result.frame_scores.items():
        found.setdefault(name, {})[number] = Scores(
            {row.frame: row.J for row in rows}, {row.frame: row.F for row in rows}
        )
    return ShownRun(
        name=result.name,
        about=_about(result.manifest) if result.manifest else "masks made by another tool",
        mean=result.summary["J"]["mean"],
        means=sequence_means(result),
        scores=found,
        masks=stored.opened(result.masks),
    )


def _no_masks(result: Result) -> str:
    """Why a run is not seen in the viewer; "" where it is."""
    if result.masks is None:
        return (
            f"masks of {result.name}: {result.folder} does not say where they are; evaluate them "
            "again with --name and --out"
        )
    return (
        "" if result.masks.exists() else f"masks of {result.name}: not at {result.masks} any more"
    )


def _about(manifest: Mapping[str, Any]) -> str:
    """How a run was made, in one line; all of it is in its run.json."""
    identity, environment = manifest["identity"], manifest["environment"]
    options = ", ".join(f"{key}={as_typed(value)}" for key, value in identity["options"].items())
    weights = [identity["files"].get("weights", "")[:8], *manifest.get("shipped_weights", [])]
    parts = (
        options or "no options",
        f"weights {' '.join(weights)}" if weights[0] else "",
        f"prompt {identity['prompt']}" if "prompt" in identity else "",
        f"seed {identity['seed']} on {identity['device']} ({environment['processor']})",
        f"commit {environment['commit']}" if environment.get("commit") else "",
        manifest["method_source"],
    )
    return "; ".join(filter(None, parts))


def _figures(
    group: Group, dataset: Dataset | None, out: Path, looks: Looks, made: Seq[Table]
) -> tuple[ShownFigure, ...]:
    """The figures of a group, written; their captions lack what the section's heading says."""
    tables = {table.name: table for table in made}
    return tuple(
        _saved(
            replace(figure, caption=figure.caption.replace(f"; {group.title}", "")),
            out,
            f"figures/{group.name}",
        )
        for figure in figures.of_group(group, dataset, tables, looks)
    )


def _saved(figure: Figure, out: Path, where: str) -> ShownFigure:
    """Write a figure; of pictures the page shows the PNG, which is smaller than their SVG."""
    png, svg = (path.relative_to(out).as_posix() for path in figure.save(out / where))
    shown = png if figure.pictures else svg
    folded = figure.name.startswith(FOLDED)
    return ShownFigure(figure.name, figure.caption, shown, figure.alt, (png, svg), folded)


def _exhibited(exhibition: Exhibition, out: Path) -> tuple[ShownExhibit, ...]:
    """What is shown before all sections, written."""
    return tuple(
        ShownExhibit(
            exhibit.name,
            exhibit.title,
            _tables(exhibit.tables, out, f"tables/{exhibition.name}", fold=False),
            tuple(_saved(each, out, f"figures/{exhibition.name}") for each in exhibit.figures),
            "" if exhibit.tables or exhibit.figures else "No run at hand allows it.",
        )
        for exhibit in exhibition.exhibits
    )


def _analysed(group: Group, root: Path | None, dataset: Dataset | None) -> Iterator[Table | Left]:
    """Every analysis of a group; those that read the truth only where it is at hand."""
    yield by_sequence(group)  # scores, where the catalogue has differences
    there = {"runs": True, "truth": bool(dataset), "time": any(map(is_timed, group.results))}
    names = [
        name
        for name, analysis in catalogue.ANALYSES.items()
        if name not in ("sequences", "runtime") and there[analysis.needs]
    ]
    yield from catalogue.tables([group], names, root=root)


def _within(group: Group, table: ShownTable) -> ShownTable:
    """The table without what the section says already: its heading, and its notes but once."""
    title = table.title
    for said in (group.title, title_of(group.results[0])):
        title = title.removesuffix(f": {said}")
    notes = table.notes
    if table.name != "scores":
        notes = tuple(note for note in notes if note not in group.notes)
    return replace(table, title=title, notes=notes)


def _timed(groups: Seq[Group]) -> Table | Left:
    """The times of all runs, of whatever data."""
    try:
        return runtime.runtime(*groups)
    except UsageError as error:
        return Left("all data", "runtime", str(error))


def _split(made: Iterable[Table | Left]) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """The tables that the runs allow, and what is said of the others."""
    tables, left = [], []
    for table in made:
        if isinstance(table, Left):
            left.append(str(table))
        else:
            tables.append(table)
    return tuple(tables), tuple(left)


def _tables(
    tables: Iterable[Table], out: Path, where: str, *, fold: bool = True
) -> tuple[ShownTable, ...]:
    """Write tables in all formats; of those of a section, few are seen at once."""
    return tuple(
        show(table, write_files(table, out, where), folded=fold and table.name not in OPEN)
        for table in tables
    )
