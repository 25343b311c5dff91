"""Scored runs and the tables of analyses -> the paper's figures, each with caption and alt text.

The drawing itself is in toolbox/figures; this says which values go where. Nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from vosbench.analysis import ablation, attributes, failures
from vosbench.analysis.runs import card_or_none, one_group, options_of, sequences_of
from vosbench.analysis.sweep import BASE
from vosbench.analysis.tables import BOUNDS, Cell, Table, is_bound
from vosbench.api import Result
from vosbench.errors import UsageError
from vosbench.masks import read_mask
from vosbench.toolbox.figures import charts, pictures
from vosbench.toolbox.figures.charts import Curve, Value
from vosbench.toolbox.figures.pictures import Tile
from vosbench.toolbox.figures.style import save
from vosbench.toolbox.looks import COLOURS, Looks
from vosbench.types import Dataset, Sequence

STRIPS = 6  # sequences in one figure: more do not fit on a page
BANDS = 3  # lines up to which their bands can be told apart
CONDITIONS = {"size": "the object's size", "speed": "the speed of its motion"}
SERIES = len(COLOURS)  # what ranks below is not drawn, as the caption says


@dataclass(frozen=True)
class Drawn:
    """A figure under a name fit for a file; alt says in words what there is to see.

    pictures: it holds frames, so that its SVG is the larger file.
    """

    name: str
    caption: str
    alt: str
    figure: Figure
    pictures: bool = False

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Write FOLDER/<name>.png and .svg."""
        return save(self.figure, folder / self.name)


def of_runs(
    results: Seq[Result],
    dataset: Dataset | None = None,
    tables: Mapping[str, Table] | None = None,
    looks: Looks | None = None,
) -> Iterator[Drawn]:
    """Every figure that runs on the same data allow; strips need the dataset at hand.

    tables: those of the analyses `size`, `speed` and `sweep` by name, where they were made. looks:
    of the runs, by name.

    Raises:
        UsageError: the runs are not of the same data.
    """
    group = one_group(results)
    runs, rest = group.results[:SERIES], group.results[SERIES:]
    less = f" The {len(runs)} best of {len(group.results)} runs." if rest else ""
    names = ", ".join(run.name for run in runs)
    yield from by_attribute(runs, f"{group.title}.{less}", looks=looks)
    yield from by_option(gridded(group.results), group.title)
    if tables and "sweep" in tables:
        yield Drawn(
            "sweep",
            "J of each setting beside its base, with 95 % intervals, paired, over sequences; "
            f"{group.title}.",
            f"Dots with whiskers: the difference in J of each row of {tables['sweep'].title}.",
            sweep_dots(tables["sweep"]),
        )
    for option, panel in sweeps(group.results).items():
        yield Drawn(
            f"sweep-{option}",
            f"J by {option}, all other options as they are; {group.title}.",
            f"Lines of J by {option} for {', '.join(panel)}.",
            sweep_lines({option: panel}),
        )
    for name, what in CONDITIONS.items():
        if tables and name in tables:
            yield Drawn(
                name,
                f"J by {what}, mean over frames, with 95 % intervals over sequences, n: "
                f"frames; {group.title}.{less}",
                f"Bars of J by {what} for {names}.",
                condition_bars(tables[name], [run.name for run in runs], looks=looks),
            )
    if all(run.folder is not None for run in runs):
        band = ", with 95 % bands over sequences" if len(runs) <= BANDS else ""
        yield Drawn(
            "over-time",
            f"J by frames since the prompt{band}; {group.title}.{less}",
            f"Lines of J over time for {names}.",
            time_lines(failures.over_time(runs, step=5), looks=looks),
        )
        yield Drawn(
            "over-time-sequences",
            f"J over time in each sequence, mean over its objects; {group.title}.{less}",
            f"Small lines of J over time, one panel per sequence, for {names}.",
            sequence_lines(runs, looks=looks),
        )
    if dataset is not None:
        yield from last_frames(runs, dataset, f"{group.title}.{less}")


def by_attribute(
    runs: Seq[Result], said: str, *, of: str = "", looks: Looks | None = None
) -> Iterator[Drawn]:
    """J by attribute, where a scored sequence has one; `of` whom it is and `said`: for the caption.

    `by_option` and `last_frames` likewise give one figure or none.
    """
    card = card_or_none(runs[0]) if runs else None
    if card and any(card.attributes.get(name) for name in sequences_of(runs[0])):
        yield Drawn(
            "attributes",
            f"J by attribute{of}, with 95 % intervals over sequences; {said}",
            f"Bars of J by attribute for {', '.join(run.name for run in runs)}.",
            attribute_bars(attributes.attributes(runs), looks=looks),
        )


def by_option(grid: Seq[Result], title: str) -> Iterator[Drawn]:
    """J by backbone and matching module, where runs have several modules."""
    if len({options_of(run)["matching"] for run in grid}) > 1:
        yield Drawn(
            "ablation",
            "J by backbone and matching module, with 95 % intervals over sequences; a gap: no "
            f"run; {title}.",
            f"Bars of J by matching module, one colour per backbone, of {len(grid)} runs.",
            ablation_bars(ablation.ablation(grid)),
        )


def last_frames(runs: Seq[Result], dataset: Dataset, said: str, *, of: str = "") -> Iterator[Drawn]:
    """Truth and masks of the first few scored sequences, where the masks are at hand."""
    if runs and drawable(runs):
        shown = sequences_of(runs[0])[:STRIPS]
        yield Drawn(
            "qualitative",
            f"Last scored frame: truth and masks{of}, with J; {said}",
            f"Frames of {', '.join(shown)} with the masks of the truth and of "
            f"{', '.join(run.name for run in runs)}.",
            qualitative([dataset.sequence(name) for name in shown], runs),
            pictures=True,
        )


def attribute_bars(table: Table, *, metric: str = "J", looks: Looks | None = None) -> Figure:
    """The table `attributes` as bars (Fig. 5); under each attribute, how many sequences have it."""
    groups: dict[str, str] = {}
    series: dict[str, list[Value]] = {}
    for row in table.records():
        code = str(row["attribute"])
        groups[code] = f"{code.replace(' ', chr(10))}\nn={row['sequences']}"
        series.setdefault(str(row["run"]), []).append(value_of(row, metric))
    return charts.grouped_bars(
        list(groups.values()), series, ylabel=f"{metric} mean (%)", looks=looks
    )


def condition_bars(table: Table, names: Seq[str], *, looks: Looks | None = None) -> Figure:
    """The table `size` or `speed` as bars of some runs; under each bin, on how many frames."""
    rows = [row for row in table.records() if row["frames"]]
    first = table.columns[0].name
    return charts.grouped_bars(
        [f"{row[first]}\nn={row['frames']}" for row in rows],
        {name: [value_of(row, name) for row in rows] for name in names},
        ylabel="J mean (%)",
        looks=looks,
    )


def ablation_bars(table: Table) -> Figure:
    """The table `ablation-*` as bars (Fig. 6): a group per column, a colour per row."""
    names = [column.name for column in table.columns[1:] if not is_bound(column)]
    first = table.columns[0].name
    series = {str(row[first]): [value_of(row, name) for name in names] for row in table.records()}
    metric = table.title.partition(" ")[0]
    return charts.grouped_bars(names, series, ylabel=f"{metric} mean (%)")


def time_lines(table: Table, *, looks: Looks | None = None) -> Figure:
    """The table `over-time` as one line per run, with its band where runs are few."""
    names = [column.name for column in table.columns[3:] if not is_bound(column)]
    rows = list(table.records())
    curves = {}
    for name in names:
        known = [row for row in rows if row[name] is not None]
        middle = [(_must(row["from"]) + _must(row["to"])) / 2 for row in known]
        banded = [row for row in known if row[f"{name} low"] is not None]
        shown = len(banded) == len(known) and len(names) <= BANDS
        low, high = (
            [_must(row[f"{name} {end}"]) for row in known] if shown else ()
            for end in ("low", "high")
        )
        curves[name] = Curve(middle, [_must(row[name]) for row in known], low, high)
    return charts.line_panels(
        {"": curves}, xlabel="frames since the prompt", ylabel="J mean (%)", looks=looks
    )


def sequence_lines(results: Seq[Result], *, looks: Looks | None = None) -> Figure:
    """J over time in every sequence, mean over its objects, one panel each."""
    panels: dict[str, dict[str, Curve]] = {}
    for run in results:
        sums: dict[str, dict[int, list[float]]] = {}
        for (sequence, _), each in failures.series(run).items():
            for since, score in zip(each.since.tolist(), each.J.tolist(), strict=True):
                sums.setdefault(sequence, {}).setdefault(since, []).append(score)
        for sequence, by_frame in sums.items():
            at = sorted(by_frame)
            means = [sum(by_frame[frame]) / len(by_frame[frame]) for frame in at]
            panels.setdefault(sequence, {})[run.name] = Curve(at, means)
    return charts.line_panels(panels, xlabel="frames since the prompt", ylabel="J (%)", looks=looks)


def sweeps(results: Seq[Result], *, metric: str = "J") -> dict[str, dict[str, Curve]]:
    """Option -> method -> score by the option's value, from runs that differ in it alone.

    Only numbers are swept. Runs of one method that differ in another option too are lines of their
    own, whose labels name what tells them from the option's other lines.
    """
    methods: dict[str, list[Result]] = {}
    for run in results:
        if run.manifest and run.summary[metric]["mean"] is not None:
            methods.setdefault(run.manifest["identity"]["method"], []).append(run)
    found: dict[str, dict[str, Curve]] = {}
    for method, own in sorted(methods.items()):
        keys = sorted({key for run in own for key in options_of(run)} - {"weights"})
        varying = [k for k in keys if len({str(options_of(run).get(k)) for run in own}) > 1]
        for option in varying:
            others = [key for key in varying if key != option]
            lines: dict[tuple[str, ...], dict[float, float]] = {}
            for run in own:
                options, score = options_of(run), run.summary[metric]["mean"]
                value, at = options.get(option), tuple(f"{k}={options.get(k)}" for k in others)
                if isinstance(value, int | float) and not isinstance(value, bool):
                    lines.setdefault(at, {})[value] = score
            lines = {at: line for at, line in lines.items() if len(line) > 2}  # else no course
            for at, line in lines.items():
                apart = [own for own, *rest in zip(at, *lines, strict=True) if len({*rest}) > 1]
                curve = Curve(sorted(line), [line[x] for x in sorted(line)])
                found.setdefault(option, {})[" ".join([method, *apart])] = curve
    return found


def sweep_dots(table: Table) -> Figure:
    """The table `sweep` as differences to the base: a row for each setting."""
    series: dict[str, dict[str, Value]] = {}
    for row in table.records():
        if row["setting"] != BASE:
            own = series.setdefault(f"{row['method']}", {})
            own[str(row["setting"])] = value_of(row, "J to base")
    settings = dict.fromkeys(setting for own in series.values() for setting in own)
    return charts.dots(sorted(settings, key=_by_option), series, xlabel="J to base (points)")


def _by_option(setting: str) -> tuple[int, str, float, str]:
    """Single options by name, then their values, numbers by size; several at once last."""
    option, _, value = setting.partition("=")
    try:
        return setting.count("="), option, float(value), ""
    except ValueError:
        return setting.count("="), option, math.inf, value


def sweep_lines(panels: Mapping[str, Mapping[str, Curve]]) -> Figure:
    """One panel per option: how far the score moves with it."""
    return charts.line_panels(panels, xlabel="{}", ylabel="J mean (%)", markers=True)


def qualitative(sequences: Seq[Sequence], results: Seq[Result], *, at: float = 1.0) -> Figure:
    """Strips of one frame per sequence: truth, then every run with its J (Fig. 4, 8).

    Args:
        sequences: one strip each.
        results: runs whose masks lie beside them.
        at: which of the annotated frames after the prompt, from 0 for the first to 1 for the last
            that every run was scored on.

    Raises:
        UsageError: a sequence has no truth, or a run no masks.
    """
    known = [failures.series(run) for run in results]
    rows = [(s.name, _tiles(s, results, known, at)) for s in sequences]
    heads = rows[:1] + [(n, [t._replace(caption="") for t in tiles]) for n, tiles in rows[1:]]
    return pictures.strips(heads)


def side_by_side(sequence: Sequence, results: Seq[Result], *, across: int = 3) -> Figure:
    """One frame, the last scored one: truth and every run's mask with its J, in rows (Fig. 8).

    Raises:
        UsageError: as `qualitative`.
    """
    tiles = _tiles(sequence, results, [failures.series(run) for run in results], 1.0)
    return pictures.strips(
        [("", tiles[start : start + across]) for start in range(0, len(tiles), across)]
    )


def _tiles(
    sequence: Sequence,
    results: Seq[Result],
    known: Seq[Mapping[tuple[str, int], failures.Series]],
    at: float,
) -> list[Tile]:
    """The truth of a frame and the mask of every run, whose scores are `known`."""
    own = [[s for (name, _), s in each.items() if name == sequence.name] for each in known]
    stems = [{frame for each in objects for frame in each.frames} for objects in own]
    shared = set.intersection(*stems) if stems else set()
    scored = [index for index in sequence.truth if sequence.frame_names[index] in shared]
    if not scored:
        raise UsageError(f"{sequence.name} has no scored frame; nothing to draw")
    index = scored[round(at * (len(scored) - 1))]
    frame, stem = sequence.frames[index], sequence.frame_names[index]
    tiles = [Tile(pictures.overlay(frame, sequence.truth[index]), "truth", f"frame {stem}")]
    for run, objects in zip(results, own, strict=True):
        if run.masks is None:
            raise UsageError(f"{run.name} has no masks to draw")
        mask = read_mask(run.masks / sequence.name / f"{stem}.png")
        found = [float(s.J[s.frames.index(stem)]) for s in objects if stem in s.frames]
        score = f"J {100 * sum(found) / len(found):.0f}"
        tiles.append(Tile(pictures.overlay(frame, mask), run.name, score))
    return tiles


def drawable(results: Seq[Result]) -> bool:
    """Whether the masks of all runs are at hand."""
    return all(run.masks is not None and run.masks.is_dir() for run in results)


def gridded(results: Seq[Result]) -> list[Result]:
    """The runs whose method has a backbone and a matching module to choose."""
    return [run for run in results if {"backbone", "matching"} <= options_of(run).keys()]


def value_of(row: Mapping[str, Cell], name: str) -> Value:
    """A cell of a table's record with the bounds of its interval."""
    return Value(*(number(row[f"{name}{end}"]) for end in ("", *BOUNDS)))


def number(cell: Cell) -> float | None:
    """A cell of a column of numbers, as charts take it."""
    return None if cell is None else float(cell)


def _must(cell: str | int | float | None) -> float:
    assert cell is not None, "an undefined value among defined ones"
    return float(cell)
