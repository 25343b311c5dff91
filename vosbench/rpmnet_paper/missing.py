"""List the runs that the paper's tables and Fig. 6 still need, with the command for each."""

from __future__ import annotations

import fnmatch
import functools
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vosbench import registry
from vosbench.analysis.groups import Group, data_of, located, options_of, plugin_of
from vosbench.analysis.published import follows, published
from vosbench.errors import DataError, UsageError
from vosbench.files import jsonable
from vosbench.options import as_typed
from vosbench.resolve import card_of, choose_method, method_options, open_dataset
from vosbench.rpmnet_paper import FILE, SECONDS
from vosbench.rpmnet_paper.readings import MODULES, gridded, is_papers
from vosbench.tables import Column, Table

Row = tuple[str, str, str]


def missing(groups: Sequence[Group], *, root: Path | None = None) -> Table:
    """Every run that the tables and Fig. 6 lack; `root`: where the data lie now."""
    tables = sorted(_scores(groups, root), key=lambda row: row[0])
    rows = [*tables, *_modules(groups, root)]
    notes = []
    if any("DIR" in command for *_, command in rows):
        notes.append("DIR: the folder that holds the datasets, or into which they are fetched")
    if any("CLIPS" in command for *_, command in rows):
        notes.append("CLIPS: a folder of unlabelled videos; no weights are shipped for these")
    if any("--out RUNS" in command for *_, command in rows):
        notes.append("RUNS: the folder that holds the runs of this report")
    return Table(
        name="missing",
        title="What is missing, and the command that makes it",
        columns=(Column("for"), Column("what"), Column("command")),
        rows=tuple(rows),
        notes=tuple(notes),
    )


@functools.cache
def name_of(method: str, options: str) -> str:
    """The shortest registered name whose defaults are these options, `key=value` pairs with *."""
    fit = []
    for name in registry.names("methods"):
        if plugin_of(name) == method:
            defaults = jsonable(method_options(name, {}))
            pairs = (pair.split("=", 1) for pair in options.split())
            if all(fnmatch.fnmatch(as_typed(defaults.get(key)), value) for key, value in pairs):
                fit.append(name)
    assert fit, f"no method is {method} with {options}"
    return min(fit, key=lambda name: (len(name), name))


def _scores(groups: Sequence[Group], root: Path | None) -> Iterator[Row]:
    """What Tables 2 and 3 lack: the data, where they are not at hand, then runs on them."""
    wanted: dict[str, dict[str, str]] = {}
    for reported in published(file=FILE):
        runs = (run for g in groups if data_of(g) == reported.dataset for run in g.results)
        if (
            reported.method
            and reported.metric != SECONDS
            and not any(follows(r, reported) for r in runs)
        ):
            method = name_of(reported.method, reported.options)
            wanted.setdefault(reported.dataset, {})[reported.technique] = method
    for dataset, methods in wanted.items():
        table = "Table 2" if dataset == "davis2017" else "Table 3"
        flags = _flags(groups, dataset, root)
        if card_of(dataset).folder and _found(groups, dataset, root) is None:
            fetch = f"download {dataset} --root DIR" if card_of(dataset).archives else (
                f"info {dataset}"
            )  # fmt: skip
            yield table, f"the data of {dataset}", f"vosbench data {fetch}"
        for technique, method in methods.items():
            command = f"vosbench run --method {method} --dataset {dataset}{flags}"
            yield table, f"{technique} on {dataset}", command


def _modules(groups: Sequence[Group], root: Path | None) -> Iterator[Row]:
    """The cells of the paper's grid that the first group with one lacks."""
    for group in groups:
        grid = [options_of(run) for run in filter(is_papers, gridded(group.results))]
        made = {(each["backbone"], each["matching"]) for each in grid}
        flags = _flags(groups, data_of(group), root)
        for backbone in dict.fromkeys(each["backbone"] for each in grid):
            for module in MODULES:
                if (backbone, module) not in made:
                    command = _command(backbone, module, data_of(group), flags)
                    yield "Fig. 6", f"{module} on {backbone}, {data_of(group)}", command
        if grid:
            return


def _command(backbone: str, module: str, dataset: str, flags: str) -> str:
    """Run a module with a backbone, after training it where no weights are shipped."""
    read = "iterations=1 search=0.0 memory=1 first=none"  # as the paper does
    method = name_of("rpmnet", f"matching={module} refine=none {read}")
    usual: Any = method_options(method, {})
    words = f"--method {method}"
    if usual.backbone != backbone:
        words += f" --set backbone={backbone}"
    try:
        choose_method(method, {"backbone": backbone}).own_files()
    except UsageError:
        out = f"trainings/{module}-{backbone}"
        return (
            f"vosbench train {words} --set start=none --videos CLIPS --out {out} && "
            f"vosbench run {words} --set weights=$(echo {out}/*/weights.safetensors) "
            f"--dataset {dataset}{flags}"
        )
    return f"vosbench run {words} --dataset {dataset}{flags}"


def _flags(groups: Sequence[Group], dataset: str, root: Path | None) -> str:
    """Where the data lie and where the runs do, by names: a report may go to another machine."""
    flags = ""
    if folder := card_of(dataset).folder:
        found = _found(groups, dataset, root)
        flags += f" --root {_below(found, f'DIR/{found.name if found else folder}')}"
    folders = {
        run.folder.parent
        for group in groups
        for run in group.results
        if run.folder and run.manifest
    }
    if len(folders) == 1:
        flags += f" --out {_below(folders.pop(), 'RUNS')}"
    return flags


def _found(groups: Sequence[Group], dataset: str, root: Path | None) -> Path | None:
    """Where a dataset lies; None where it is not at hand."""
    before = [g.results[0].data for g in groups if data_of(g) == dataset]
    recorded = next((data.root for data in before if data and data.root), None)
    try:
        found = located(card_of(dataset), root, recorded)
        open_dataset(dataset, root=found)
    except (UsageError, DataError):
        return None
    return found


def _below(path: Path | None, name: str) -> str:
    """A path within the working directory as a shell takes it, relative; else what it is called."""
    here = Path.cwd()
    if path is None or not path.resolve().is_relative_to(here):
        return name
    return shlex.quote(str(path.resolve().relative_to(here)))
