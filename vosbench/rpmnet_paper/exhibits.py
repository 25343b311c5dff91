"""Make every table and figure of RPM-Net (Kim et al., WACV 2020) that the runs allow.

Tables 2 to 4 and Fig. 5, 6 and 8 come from the runs' files, Fig. 4 also from the frames; Fig. 7, 9
and 10 (and 1) look into the methods anew, which takes minutes: what that gives is kept and reused.
What goes beyond the paper, more iterations and references, stands apart and is called so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vosbench.analysis.ablation import ablation
from vosbench.analysis.attributes import attributes
from vosbench.analysis.groups import Group, groups, options_of, sequences_of, told_as_usual
from vosbench.drawing import from_masks
from vosbench.drawing.exhibit import Exhibit, Exhibition
from vosbench.drawing.figure import Figure
from vosbench.errors import UsageError
from vosbench.reporting import figures
from vosbench.reporting.opened import opened
from vosbench.rpmnet_paper import missing, readings, tables
from vosbench.rpmnet_paper.looking import OWN, Say, looked
from vosbench.rpmnet_paper.readings import MODULES, gridded, is_papers

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.tables import Table
    from vosbench.toolbox.reports.looks import Looks
    from vosbench.types import Dataset


def exhibition(
    results: Iterable[Result], kept: Path, *, root: Path | None = None, say: Say | None = None
) -> Exhibition:
    """The paper's tables and figures in its order, and last what is missing.

    Args:
        results: scored runs of whatever datasets; those by other prompts are no part of it.
        kept: folder of what was computed from the methods, one folder in it for each group.
        root: where the data lie now: a dataset's folder, or the one that holds all.
        say: is told what is being computed.
    """
    found = groups(filter(told_as_usual, results))
    looks = figures.looks_of(found, drawn_together(found))
    at_hand = {group.name: opened(group, root).dataset for group in found}
    parts: list[tuple[str, Exhibit]] = []
    left_out: list[str] = []
    for group in found:
        dataset = at_hand[group.name]
        parts.append((group.name, _of_runs(group, dataset, looks)))
        if dataset is not None:
            shown, left = looked(group, dataset, kept / group.name, looks, say)
            parts.append((group.name, shown))
            left_out += left

    def of(name: str, title: str, start: tuple[str, ...], *tables: str) -> Exhibit:
        """Of all groups, figures whose names start so, and the tables, named after the group."""
        drawn, made = [], []
        for group_name, part in parts:
            named = part.prefixed(group_name)
            starts = tuple(f"{group_name}-{each}" for each in start)
            drawn += [f for f in named.figures if f.name.startswith(starts)]
            made += [t for t in named.tables if t.name.removeprefix(f"{group_name}-") in tables]
        return Exhibit(name, title, tuple(made), tuple(drawn))

    further = (
        of("beyond", "Beyond the paper: more iterations, more references", ("beyond",)),
        of("figure-9-iterations", "Beyond the paper: Fig. 9 again for each iteration",
           ("cosine-by-iteration",), "cosine-iterations"),
        of("references", "Beyond the paper: what each reference gives",
           ("shares", "references"), "references"),
    )  # fmt: skip
    lacking = missing.missing(found, root=root)
    of_paper = (tables.scores(found), tables.other_datasets(found), tables.runtimes(found))
    return Exhibition(
        "paper",
        "Tables and figures of RPM-Net (WACV 2020)",
        (
            *(Exhibit(table.name, table.title, (table,)) for table in of_paper),
            of("figure-4", "Fig. 4: results of the techniques", ("qualitative",)),
            of("figure-5", "Fig. 5: attributes", ("attributes",)),
            of("figure-6", "Fig. 6: backbone and matching module", ("ablation",), "ablation-J"),
            of("figure-7", "Fig. 7: score and receptive field", ("score-by-field",)),
            of("figure-8", "Fig. 8: results of the matching modules", ("modules",)),
            of("figure-9", "Fig. 9: likeness of embeddings", ("cosine-bars", "cosine-map"),
               "receptive-field"),
            of("figure-10", "Fig. 10 and 1: PCA of embeddings, and samples", ("pca",),
               "embedding-pca"),
            *(exhibit for exhibit in further if exhibit.tables or exhibit.figures),
            *([Exhibit(lacking.name, lacking.title, (lacking,))] if lacking.rows else []),
        ),
        looks,
        tuple(left_out),
    )  # fmt: skip


def drawn_together(groups: Iterable[Group]) -> Iterator[list[str]]:
    """The names of the runs that share a figure."""
    for group in groups:
        yield [run.name for run in _followers(group)]
        yield [run.name for run in by_module(group)]
        yield [run.name for run in readings.iterated(group.results).values()]


def by_module(group: Group) -> list[Result]:
    """One run for each matching module, in the paper's order: the least special of those there.

    Where there is one, a run that reads as the paper does.
    """
    return [*readings.by_module(group.results).values()]


def _grid(group: Group) -> list[Result]:
    """The runs of the paper's own modules, without the CRF."""
    return [
        run
        for run in gridded(group.results)
        if options_of(run)["matching"] in MODULES
        and options_of(run).get("refine", "none") == "none"
    ]


def _followers(group: Group) -> list[Result]:
    """The least special run of each technique of the paper, as many as colours serve."""
    runs = [found[0] for found in tables.techniques([group]).values() if found]
    return runs[: figures.SERIES]


def _of_runs(group: Group, dataset: Dataset | None, looks: Looks) -> Exhibit:
    """What the runs' files give; figures with frames only where the dataset is at hand."""
    runs, grid = _followers(group), _grid(group)
    title, whose = f"{group.title}.", " of the paper's techniques"
    made = (ablation(group.only(grid)),) if grid else ()
    drawn: list[Figure] = []
    by_attribute = _attributes(group.only(runs))
    if by_attribute is not None:
        names = [run.name for run in runs]
        drawn.append(figures.by_attribute(by_attribute, names, title, of=whose, known=looks))
    for table in made:
        drawn += figures.by_options(table, group.title)
    if dataset is not None:
        drawn += figures.last_frames(runs, dataset, title, of=whose)
        drawn += _modules(group, dataset)
    return Exhibit("runs", group.title, made, tuple(drawn))


def _attributes(group: Group) -> Table | None:
    """J by attribute, where a scored sequence has one."""
    try:
        return attributes(group) if group.results else None
    except UsageError:
        return None


def _modules(group: Group, dataset: Dataset) -> Iterator[Figure]:
    """A frame as each matching module carries its mask (Fig. 8), and as we read it beyond that."""
    yield from _masks("modules", "by matching module", by_module(group), group, dataset)
    further = [run for run in gridded(group.results) if not is_papers(run)]
    modules = {options_of(run)["matching"] for run in further}
    usual = [run for run in by_module(group) if options_of(run)["matching"] in modules]
    both = {run.name: run for run in (*usual, *sorted(further, key=lambda run: run.name))}
    if further:
        what = "as the paper reads, and with more iterations and references"
        yield from _masks("beyond", what, [*both.values()], group, dataset)


def _masks(
    name: str, what: str, runs: list[Result], group: Group, dataset: Dataset
) -> Iterator[Figure]:
    """The masks of several runs on the last scored frame of the paper's sequence, or of another."""
    if len(runs) > 1 and from_masks.drawable(runs):
        scored = sequences_of(group.results[0])
        shown = OWN if OWN in scored else scored[0]
        yield Figure(
            name,
            f"Last scored frame of {shown}: truth and masks {what}, with J; {group.title}.",
            f"A frame of {shown} with the masks of {', '.join(run.name for run in runs)}.",
            from_masks.side_by_side(dataset.sequence(shown), runs),
            pictures=True,
        )
