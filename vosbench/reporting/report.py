"""Scored runs -> a report's folder: tables and figures as files, and a page that shows them.

It is written beside its place under another name and moved there when it is whole. report.json
lists what was written, and a folder that holds anything else is not replaced.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench import __version__, registry
from vosbench.analysis import catalogue, runtime
from vosbench.analysis.catalogue import Left
from vosbench.analysis.groups import (
    Group,
    card_or_none,
    dataset_of,
    groups,
    sequence_means,
    sequences_of,
    title_of,
)
from vosbench.errors import DataError, UsageError
from vosbench.files import (
    fingerprint,
    listing,
    place_of,
    refuse_foreign,
    remove,
    replace_folder,
    write_json,
)
from vosbench.reporting.page_tables import by_sequence, show, write_files
from vosbench.results import Result
from vosbench.tables import Table
from vosbench.toolbox.reports.looks import Looks, looks
from vosbench.toolbox.reports.page import (
    Exhibit,
    Page,
    Scores,
    Section,
    ShownFigure,
    ShownRun,
    ShownTable,
)
from vosbench.types import Dataset

if TYPE_CHECKING:
    from vosbench.drawing.figure import Drawn, KeptFigure


MARK = "report.json"  # in every report's folder: which runs it shows, and all files of it

OPEN = ("scores", "published")  # tables that are seen at once
FOLDED = ("over-time-sequences", "qualitative")  # the page has its own, that open the viewer


@dataclass(frozen=True)
class Made:
    """What was written: the page to open, and what is not in it, with the reason."""

    page: Path
    left_out: tuple[str, ...]


def count(results: Seq[Result]) -> int:
    """How many sequences a report of these runs will go through."""
    return sum(len(sequences_of(group.results[0])) for group in groups(results))


def write(
    results: Seq[Result],
    out: Path,
    *,
    title: str,
    style: str = "html",
    root: Path | None = None,
    width: int = 480,
    paper: bool = False,
    features: Path | None = None,
    say: Callable[[str], None] | None = None,
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
        paper: also show the tables and figures of the RPM-Net paper.
        features: what `vosbench inspect` wrote, to be shown; with `paper`, where what is computed
            for it is kept, by default beside the report.
        say: is told what takes long.
        progress: is told each sequence.

    Raises:
        UsageError: `out` holds what no report wrote, the style gives no folder, or there is
            nothing to show in `features`.
    """
    plugin = registry.load("reports", style, offering="write")
    shown, out = out, place_of(out)
    _refuse_others(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    building = out.with_name(f".{out.name}.{os.getpid()}.part")
    remove(building, inside=out.parent)
    building.mkdir()
    try:
        left_out: list[str] = []
        found = groups(results)
        opened = {group.name: _open(group, root) for group in found}
        known = _looks(found, paper)
        sections = tuple(
            _section(group, opened[group.name], building, root, known, left_out) for group in found
        )
        exhibited = ""
        exhibits: tuple[Exhibit, ...] = ()
        if paper:
            kept = features or out.with_name(f"{out.name}-features")
            exhibited, exhibits = _of_paper(
                found, opened, kept, building, root, known, left_out, say
            )
        elif features is not None:
            exhibited, exhibits = "What embeddings are alike in", _inspected(features, building)
        page = Page(
            title=title,
            made_by=f"vosbench {__version__}",
            sections=sections,
            looks=known,
            tables=_tables([_timed(found)], building, "tables", left_out),
            exhibits=exhibits,
            exhibited=exhibited,
            width=width,
            progress=progress,
        )
        plugin.write(page, building)
        files = sorted({*listing(building), MARK})
        about = {"vosbench": __version__, "runs": _listed(found), "files": files}
        write_json(building / MARK, about)
        _refuse_others(out)  # somebody may have put something there meanwhile
        replace_folder(building, out)
    finally:
        with contextlib.suppress(OSError):
            remove(building, inside=out.parent)
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
            f"{out} is no report (it has no {MARK} of one) and is not replaced; name another --out"
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


def _looks(found: Seq[Group], paper: bool) -> Looks:
    """What each run looks like in all of the report: tables, figures and viewer."""
    from vosbench.reporting import figures  # matplotlib

    together = [[run.name for run in group.results[: figures.SERIES]] for group in found]
    if paper:
        from vosbench.rpmnet_paper.exhibits import drawn_together  # torch

        together += drawn_together(found)
    return looks((run.name for group in found for run in group.results), together)


def _section(
    group: Group,
    opened: Opened,
    out: Path,
    root: Path | None,
    known: Looks,
    left_out: list[str],
) -> Section:
    """One group of runs with its tables and figures written."""
    data = group.results[0].summary["dataset"]
    dataset, source, absent = opened
    made = list(_analysed(group, root, dataset))
    if absent:
        left_out.append(f"{group.title}: frames and masks: {absent}")
    card = card_or_none(group.results[0])
    return Section(
        name=group.name,
        title=group.title,
        source=f"{data['name']}-{data['split']}-{source}",
        notes=group.notes,
        runs=tuple(_run(result) for result in group.results),
        sequences=sequences_of(group.results[0]),
        tags=card.attributes if card else {},
        tables=tuple(
            _within(group, table) for table in _tables(made, out, f"tables/{group.name}", left_out)
        ),
        figures=_figures(group, dataset, out, known, made),
        united=group.results[0].summary["protocol"]["objects"] == "united",
        open=dataset.sequence if dataset else None,
        absent=absent,
    )


class Opened(NamedTuple):
    """The dataset of a group, what tells its frames from others, or why it is not at hand."""

    dataset: Dataset | None
    source: str = ""
    absent: str = ""


def _open(group: Group, root: Path | None) -> Opened:
    run = next((result for result in group.results if result.manifest), group.results[0])
    try:
        dataset = dataset_of(run, root=root)
    except (UsageError, DataError) as error:
        return Opened(None, absent=str(error))
    missing = [name for name in sequences_of(group.results[0]) if name not in dataset.names]
    if missing:
        absent = f"{dataset.card.name} has no sequence {missing[0]!r} where it was looked for"
        return Opened(None, absent=f"{absent}; --root DIR names where the data lie now")
    identity = run.manifest["identity"] if run.manifest else {}
    recorded = run.manifest["root"] if run.manifest else None
    source = fingerprint([str(root or recorded), identity.get("resolution", "")])[:6]
    return Opened(dataset, source)


def _run(result: Result) -> ShownRun:
    """A run with its scores per frame."""
    found: dict[str, dict[int, Scores]] = {}
    for (name, number), rows in result.frame_scores.items():
        found.setdefault(name, {})[number] = Scores(
            {row.frame: row.J for row in rows}, {row.frame: row.F for row in rows}
        )
    masks = result.masks if result.masks and result.masks.is_dir() else None
    return ShownRun(
        name=result.name,
        about=_about(result.manifest) if result.manifest else "masks made by another tool",
        mean=result.summary["J"]["mean"],
        means=sequence_means(result),
        scores=found,
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


def _figures(
    group: Group, dataset: Dataset | None, out: Path, known: Looks, made: Seq[Table | Left]
) -> tuple[ShownFigure, ...]:
    from vosbench.reporting import figures  # matplotlib

    tables = {table.name: table for table in made if isinstance(table, Table)}
    return tuple(
        _drawn(
            replace(drawn, caption=drawn.caption.replace(f"; {group.title}", "")),  # the heading
            out,
            f"figures/{group.name}",
        )
        for drawn in figures.of_runs(group, dataset, tables, known)
    )


def _drawn(drawn: Drawn | KeptFigure, out: Path, where: str) -> ShownFigure:
    """Write a figure; of pictures the page shows the PNG, which is smaller than their SVG."""
    paths = drawn.save(out / where)
    files = tuple(path.relative_to(out).as_posix() for path in paths)
    png, svg = files
    shown = png if drawn.pictures else svg
    return ShownFigure(drawn.name, drawn.caption, shown, drawn.alt, files, drawn.name in FOLDED)


def _of_paper(
    found: Seq[Group],
    opened: Mapping[str, Opened],
    kept: Path,
    out: Path,
    root: Path | None,
    known: Looks,
    left_out: list[str],
    say: Callable[[str], None] | None,
) -> tuple[str, tuple[Exhibit, ...]]:
    """The paper's tables and figures, written."""
    from vosbench.rpmnet_paper import exhibits as paper  # matplotlib, torch

    at_hand = {name: each.dataset for name, each in opened.items() if each.dataset}
    pieces = paper.pieces(found, at_hand, kept, looks=known, root=root, left_out=left_out, say=say)
    return paper.TITLE, tuple(
        Exhibit(
            piece.name,
            piece.title,
            _tables(piece.tables, out, "tables/paper", left_out, fold=False),
            tuple(_drawn(figure, out, "figures/paper") for figure in piece.figures),
            "" if piece.tables or piece.figures else "No run at hand allows it.",
        )
        for piece in pieces
    )


def _inspected(folder: Path, out: Path) -> tuple[Exhibit, ...]:
    """What `vosbench inspect` wrote, or a report of the paper kept, one exhibit for each folder."""
    from vosbench.inspection import folder as features_folder

    exhibits = []
    for each in (folder, *sorted(path for path in folder.glob("*") if path.is_dir())):
        looked = features_folder.read(each)
        if looked is not None:
            where = f"features/{each.name}"
            tables = _tables(looked.tables, out, f"tables/{where}", [], fold=False)
            drawn = tuple(_drawn(figure, out, f"figures/{where}") for figure in looked.figures)
            exhibits.append(Exhibit(f"features-{each.name}", each.name, tables, drawn))
    if not exhibits:
        raise UsageError(
            f"{folder} holds nothing to show (no {features_folder.MARK}); "
            f"`vosbench inspect RUN ... --out {folder}` makes it"
        )
    return tuple(exhibits)


def _analysed(group: Group, root: Path | None, dataset: Dataset | None) -> Iterator[Table | Left]:
    """Every analysis of a group; those that read the truth only where it is at hand."""
    yield by_sequence(group)  # scores, where the catalogue has differences
    names = [
        name
        for name, analysis in catalogue.ANALYSES.items()
        if name not in ("sequences", "runtime") and (dataset or analysis.needs == "runs")
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


def _tables(
    made: Iterable[Table | Left], out: Path, where: str, left_out: list[str], *, fold: bool = True
) -> tuple[ShownTable, ...]:
    """Write every table that the runs allow in all formats; the others are told, not hidden."""
    shown = []
    for table in made:
        if isinstance(table, Left):
            left_out.append(str(table))
        else:
            folded = fold and table.name not in OPEN
            shown.append(show(table, write_files(table, out, where), folded=folded))
    return tuple(shown)
