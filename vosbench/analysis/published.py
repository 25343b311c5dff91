"""Figures of papers and leaderboards, each with its source, beside what was measured here.

They lie in reports/published/*.csv, of this project and of every folder of VOSBENCH_PLUGINS. A
published figure stays in a column of its own; what is not as it was published is said in its row.
"""

from __future__ import annotations

import csv
import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vosbench import registry
from vosbench.analysis.groups import Group, card_or_none, implied, plugin_of
from vosbench.errors import DataError, UsageError
from vosbench.results import Result
from vosbench.tables import Cell, Column, Table

METRICS = ("J", "F", "J&F")


@dataclass(frozen=True)
class Figure:
    """One published number.

    value: x 100 as published, or seconds for the metric `seconds a frame`. read_where: what was
    read to copy it. preset: of label propagation, where it was made so. method, options: what here
    follows it, as a plugin's name and `key=value` pairs (with * as in a shell); "" where nothing
    does. setup: what is known of how it was made. file: the stem of its CSV.
    """

    technique: str
    dataset: str
    split: str
    metric: str
    value: float
    source: str
    read_where: str
    preset: str
    method: str
    options: str
    setup: str
    file: str


def published(dataset: str = "", *, split: str = "", metric: str = "") -> tuple[Figure, ...]:
    """All published figures, or those of a dataset, a split, a metric.

    Raises:
        DataError: a table has other columns, an empty technique, source or read_where, or a value
            that is no number.
    """
    wanted = {"dataset": dataset, "split": split, "metric": metric}
    return tuple(
        figure
        for path in registry.data_files("reports", "published/*.csv")
        for figure in _read(path)
        if all(getattr(figure, key) == value for key, value in wanted.items() if value)
    )


def _read(path: Path) -> Iterable[Figure]:
    fields = [name for name in Figure.__dataclass_fields__ if name != "file"]
    with path.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines)
        if rows.fieldnames != fields:
            raise DataError(f"{path} has the columns {rows.fieldnames}, expected {fields}")
        for number, row in enumerate(rows, start=2):
            empty = [k for k in ("technique", "dataset", "source", "read_where") if not row[k]]
            if empty:
                raise DataError(
                    f"{path}, line {number}: no {', '.join(empty)}: say where it is from"
                )
            try:
                value = float(row.pop("value"))
            except (TypeError, ValueError) as error:
                raise DataError(f"{path}, line {number}: value: {error}") from None
            yield Figure(**row, value=value, file=path.stem)


def beside(group: Group) -> Table:
    """What papers report on this dataset and split, and what was measured here by the same means.

    Leaderboards give only the techniques that were scored here, by their folder's name.

    Raises:
        UsageError: nothing was published on the data of these runs.
    """
    data = group.results[0].summary["dataset"]
    figures = [f for f in published(data["name"], split=data["split"]) if f.metric in METRICS]
    rows: list[tuple[Cell, ...]] = []
    paired: set[str] = set()
    for figure in figures:
        runs = [run for run in group.results if follows(run, figure)]
        paired.update(run.name for run in runs)
        value = figure.value / 100
        for run in runs:
            summary = run.summary
            score = summary["J&F"] if figure.metric == "J&F" else summary[figure.metric]["mean"]
            differs = "; ".join(deviations(run, figure)) or None
            rows.append((
                figure.technique, figure.metric, value, score, score - value, run.name, differs,
                f"{figure.source}: {figure.read_where}",
            ))  # fmt: skip
        if not runs and not figure.file.endswith("leaderboard"):
            where = f"{figure.source}: {figure.read_where}"
            rows.append((figure.technique, figure.metric, value, None, None, None, None, where))
    if not rows:
        raise UsageError(f"no published figure of {group.title} belongs to one of these runs")
    rows.sort(key=lambda row: row[3] is None)  # what was measured here first
    alone = [run.name for run in group.results if run.name not in paired]
    notes = ["published: read in the source named; measured: by this software, on the run named"]
    if alone:
        notes.append(f"nothing published follows: {', '.join(alone)}")
    return Table(
        name="published",
        title=f"Published beside measured: {group.title}",
        columns=(
            Column("technique"),
            Column("metric"),
            Column("published", "%", better="higher"),
            Column("measured", "%", better="higher"),
            Column("difference", "%", signed=True),
            Column("run"),
            Column("not as published"),
            Column("source"),
        ),
        rows=tuple(rows),
        notes=(*notes, *group.notes),
    )


def follows(run: Result, figure: Figure) -> bool:
    """Whether a run does what a figure was made by: same method and options, or same name."""
    if figure.file.endswith("leaderboard"):  # it tells how a technique is called, no more
        return figure.technique in (run.name, run.folder.name if run.folder else "")
    identity = run.manifest["identity"] if run.manifest else None
    if identity is None or not figure.method or plugin_of(identity["method"]) != figure.method:
        return False
    pairs = dict(pair.split("=", 1) for pair in figure.options.split())
    if figure.preset:  # its network was trained: a run without weights is another thing
        pairs["preset"] = figure.preset
        if "weights" not in identity["files"]:
            return False
    options = identity["options"]
    return all(fnmatch.fnmatch(str(options.get(key)), value) for key, value in pairs.items())


def deviations(run: Result, figure: Figure) -> list[str]:
    """In what a measured run is not as the figure was published, as far as can be told."""
    data, protocol = run.summary["dataset"], run.summary["protocol"]["name"]
    found = []
    if data["sequences"] < data["card_sequences"]:
        found.append(f"sequences: {data['sequences']} of {data['card_sequences']}")
    card = card_or_none(run)
    if card and protocol != card.protocols[0].name:
        found.append(f"protocol: {protocol}, not {card.protocols[0].name}")
    if run.manifest is None:
        return found
    identity = run.manifest["identity"]
    if card and card.resolutions and identity["resolution"] not in ("", card.resolutions[0]):
        found.append(f"resolution: {identity['resolution']}, not {card.resolutions[0]}")
    options = identity["options"]
    if sha256 := identity["files"].get("weights"):
        found.append(f"weights: {sha256[:8]}, not known to be the paper's")
    elif "weights" in options:
        found.append("weights: none were read")
    if figure.preset:
        named = ("preset", *(pair.partition("=")[0] for pair in figure.options.split()))
        usual = implied(run, named)
        found += [
            f"{key}={value}, not {usual[key]}"
            for key, value in options.items()
            if key in usual and value != usual[key]
        ]
    if figure.setup:
        ours = [f"{key}={options[key]}" for key in ("backbone", "size") if key in options]
        found.append(f"setup: {' '.join(ours) or identity['method']}; paper: {figure.setup}")
    return found


def figures(dataset: str = "", *, split: str = "", metric: str = "") -> Table:
    """All published figures that fit as one table, highest first within a metric."""
    found = sorted(
        published(dataset, split=split, metric=metric),
        key=lambda f: (f.dataset, f.metric, -f.value),
    )
    return Table(
        name="published-figures",
        title="Published figures, as published",
        columns=tuple(
            Column(name, digits=2 if name == "value" else 1)
            for name in (
                "technique",
                "dataset",
                "split",
                "metric",
                "value",
                "preset",
                "source",
                "read where",
            )
        ),
        rows=tuple(
            (
                f.technique,
                f.dataset,
                f.split,
                f.metric,
                f.value,
                f.preset or None,
                f.source,
                f.read_where,
            )
            for f in found
        ),
        notes=("values x 100, seconds a frame in seconds; none was measured by this software",),
    )
