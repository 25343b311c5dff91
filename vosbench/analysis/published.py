"""Published scores of papers and leaderboards, each with its source, beside measured ones.

They lie in reports/published/*.csv, of this project and of every folder of VOSBENCH_PLUGINS. A
published score stays in a column of its own; what is not as it was published is said in its row.
"""

from __future__ import annotations

import csv
import fnmatch
import functools
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench import registry
from vosbench.analysis.groups import Group, card_or_none, implied, plugin_of, told_as_usual
from vosbench.errors import DataError, PluginError, UsageError
from vosbench.files import jsonable
from vosbench.options import as_typed
from vosbench.resolve import method_options
from vosbench.results import figure
from vosbench.tables import Cell, Column, Table

if TYPE_CHECKING:
    from vosbench.results import Result

METRICS = ("J", "F", "J&F")


@dataclass(frozen=True)
class PublishedScore:
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


def published(
    dataset: str = "", *, split: str = "", metric: str = "", file: str = ""
) -> tuple[PublishedScore, ...]:
    """All published scores, or those of a dataset, a split, a metric, a file by its stem.

    Raises:
        DataError: a table has other columns, an empty technique, source or read_where, or a value
            that is no number.
    """
    wanted = {"dataset": dataset, "split": split, "metric": metric, "file": file}
    return tuple(
        score
        for path in registry.data_files("reports", "published/*.csv")
        for score in _read(path)
        if all(getattr(score, key) == value for key, value in wanted.items() if value)
    )


def _read(path: Path) -> Iterable[PublishedScore]:
    fields = [name for name in PublishedScore.__dataclass_fields__ if name != "file"]
    try:
        rows = csv.reader(
            io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True
        )
        listed = [(rows.line_num, row) for row in rows if row]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}; write it as UTF-8 and CSV") from None
    columns = listed[0][1] if listed else None
    if columns != fields:
        raise DataError(f"{path} has the columns {columns}, expected {fields}")
    for number, cells in listed[1:]:
        where = f"{path}, line {number}"
        if len(cells) != len(fields):
            raise DataError(
                f"{where}: {len(cells)} cells, expected {len(fields)}; a text with a comma in it "
                "stands in double quotes"
            )
        yield _score(dict(zip(fields, cells, strict=True)), where, path.stem)


def _score(row: dict[str, str], where: str, file: str) -> PublishedScore:
    """One row of a table; DataError where something in it is missing or cannot be read."""
    empty = [k for k in ("technique", "dataset", "source", "read_where") if not row[k]]
    if empty:
        raise DataError(f"{where}: no {', '.join(empty)}: say where it is from")
    if strange := [pair for pair in row["options"].split() if "=" not in pair]:
        raise DataError(f"{where}: options: {strange[0]!r} is not of the form key=value")
    try:
        value = float(row.pop("value"))
    except ValueError as error:
        raise DataError(f"{where}: value: {error}") from None
    if not math.isfinite(value):
        raise DataError(f"{where}: value: {value} is no score; leave the row out")
    return PublishedScore(**row, value=value, file=file)


def beside(group: Group) -> Table:
    """Published scores for this dataset and split, beside our runs with the same setup.

    Leaderboards give only the techniques that were scored here, by their folder's name.

    Raises:
        UsageError: nothing was published on the data of these runs.
    """
    data = group.results[0].summary["dataset"]
    listed = [s for s in published(data["name"], split=data["split"]) if s.metric in METRICS]
    rows: list[tuple[Cell, ...]] = []
    paired: set[str] = set()
    for score in listed:
        runs = [run for run in group.results if follows(run, score)]
        paired.update(run.name for run in runs)
        value = score.value / 100
        for run in runs:
            measured = figure(run.summary, score.metric)
            differs = "; ".join(deviations(run, score)) or None
            rows.append((
                score.technique, score.metric, value, measured,
                None if measured is None else measured - value, run.name, differs,
                f"{score.source}: {score.read_where}",
            ))  # fmt: skip
        if not runs and not score.file.endswith("leaderboard"):
            where = f"{score.source}: {score.read_where}"
            rows.append((score.technique, score.metric, value, None, None, None, None, where))
    if not any(row[3] is not None for row in rows):
        raise UsageError(f"no published score of {group.title} belongs to one of these runs")
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


def follows(run: Result, score: PublishedScore) -> bool:
    """Whether this run reproduces the setup of a published score: all are of masks, as given."""
    if not told_as_usual(run):
        return False
    if score.file.endswith("leaderboard"):  # it tells how a technique is called, no more
        return score.technique in (run.name, run.folder.name if run.folder else "")
    if run.manifest is None:
        return False
    identity = run.manifest["identity"]
    if not score.method or plugin_of(identity["method"]) != score.method:
        return False
    pairs = dict(pair.split("=", 1) for pair in score.options.split())
    if score.preset:  # its network was trained: a run without weights is another thing
        pairs["preset"] = score.preset
        if "weights" not in identity["files"]:
            return False
    options = {**_usual(score.method), **identity["options"]}
    return all(fnmatch.fnmatch(as_typed(options.get(key)), value) for key, value in pairs.items())


@functools.cache
def _usual(method: str) -> Mapping[str, Any]:
    """What a method's options are where a run is from before there were some: their defaults."""
    try:
        usual: dict[str, Any] = jsonable(method_options(method, {}))
    except (UsageError, PluginError):  # a method that is not here
        return {}
    return usual


def deviations(run: Result, score: PublishedScore) -> list[str]:
    """How this run differs from the published setup, as far as we can tell."""
    data, protocol = run.summary["dataset"], run.summary["protocol"]["name"]
    differences = []
    if data["sequences"] < data["card_sequences"]:
        differences.append(f"sequences: {data['sequences']} of {data['card_sequences']}")
    card = card_or_none(run)
    if card and protocol != card.protocols[0].name:
        differences.append(f"protocol: {protocol}, not {card.protocols[0].name}")
    if run.manifest is None:
        return differences
    identity = run.manifest["identity"]
    if card and card.resolutions and identity["resolution"] not in ("", card.resolutions[0]):
        differences.append(f"resolution: {identity['resolution']}, not {card.resolutions[0]}")
    options = identity["options"]
    if sha256 := identity["files"].get("weights"):
        differences.append(f"weights: {sha256[:8]}, not known to be the paper's")
    elif "weights" in options:
        differences.append("weights: none were read")
    differences += ended_with(run)
    if score.preset:
        named = ("preset", *(pair.partition("=")[0] for pair in score.options.split()))
        usual = implied(run, named)
        differences += [
            f"{key}={as_typed(value)}, not {as_typed(usual[key])}"
            for key, value in options.items()
            if key in usual and value != usual[key]
        ]
    if score.setup:
        ours = [f"{key}={options[key]}" for key in ("backbone", "size") if key in options]
        differences.append(f"setup: {' '.join(ours) or identity['method']}; paper: {score.setup}")
    return differences


def ended_with(run: Result) -> list[str]:
    """What the training of a run's weights complained of at its end."""
    return [f"their training ended with: {said}" for said in run.complaints]
