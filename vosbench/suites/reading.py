"""Read and check a suite's file; unknown keys, names and options are refused."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vosbench import registry
from vosbench.errors import DataError, PluginError, UsageError, VosbenchError, did_you_mean
from vosbench.options import as_typed
from vosbench.protocols import USUAL, PromptAt
from vosbench.resolve import method_options
from vosbench.running.config import MASK, check_at, known_prompt
from vosbench.training.settings import choose
from vosbench.types import check_name

FOLDER = Path(__file__).parent
REPORTS = ("page", "paper")
BESIDE = (
    "seed",
    "prompt",
    "prompt_at",
    "direction",
)  # of a grid's keys those that are of the run, not options
MOST = 10_000  # runs in a grid: more is a slip, and months of work

_NAMES = (list, str, 'a list of names, ["a", "b"]')
_NEVER_NONE = ("mean", "sequences")  # left out they mean something else than none: to train, all
# keys whose value is not text: its type, the type of its items, and both in words
_KINDS: Mapping[str, tuple[type, type, str]] = {
    "train": (list, dict, "entries [[train]]"),
    "run": (list, dict, "entries [[run]]"),
    "datasets": _NAMES,
    "score": _NAMES,
    "mean": _NAMES,
    "sequences": _NAMES,
    "set": (dict, str, "a table, { key = value }"),
    "grid": (dict, str, "a table of lists, { key = [value, value] }"),
    "seed": (int, str, "a whole number"),
    "install": (bool, str, "true or false"),
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """One `[[train]]`; see execute.py."""

    name: str
    method: str
    set: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    mean: tuple[str, ...] = ()
    score: tuple[str, ...] = ()
    install: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """One `[[run]]`: a method with options on datasets."""

    method: str
    set: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    root: str = ""
    sequences: tuple[str, ...] = ()
    prompt: str = MASK
    prompt_at: str = USUAL.frame
    direction: Literal["forward", "both"] = "forward"
    seed: int = 0

    def words(self) -> str:
        """The run in words, e.g. `label-propagation preset=crw seed=1`."""
        prompt = "" if self.prompt == MASK else self.prompt
        at = PromptAt(self.prompt_at, self.direction).words
        beside = {"prompt": prompt, **at, "seed": self.seed, "root": self.root}
        said = {**self.set, **{key: value for key, value in beside.items() if value}}
        return " ".join([self.method, *(f"{key}={as_typed(value)}" for key, value in said.items())])


@dataclass(frozen=True)
class Suite:
    """The content of a suite's file."""

    title: str
    trainings: tuple[Training, ...]
    runs: tuple[Run, ...]
    report: str = ""


_KEYS = tuple(f.name for f in dataclasses.fields(Run))


def names() -> tuple[str, ...]:
    """The names of the suites that come with vosbench."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def read(name: str) -> Suite:
    """Read a suite by its name or its file.

    Raises:
        UsageError: no such suite or file, not TOML, an unknown key, dataset or method.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        hint = "" if name.endswith(".toml") else f"; {did_you_mean(name, names())}"
        raise UsageError(f"there is no suite {name}{hint}; give a name or a .toml file")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:  # numbers of 5,000 digits are no TOML either
        raise UsageError(f"suite {path} is not TOML: {error}") from None
    _check(content, ("title", "datasets", "report", "train", "run"), path)
    report = content.get("report", "")
    if report not in ("", *REPORTS):
        raise UsageError(f"{path}: report = {report!r}; {did_you_mean(report, REPORTS)}")
    datasets = {"datasets": content.get("datasets", [])}
    trainings = [_entry(Training, entry, path) for entry in content.get("train", ())]
    runs = [
        _entry(Run, datasets | each, path)
        for entry in content.get("run", ())
        for each in _spread(entry, path)
    ]
    lists = (*(run.datasets for run in runs), *(training.score for training in trainings))
    _check_plugins("methods", (entry.method for entry in (*trainings, *runs)), path)
    _check_plugins("datasets", itertools.chain(*lists), path)
    _check_prompts(runs, path)
    if not trainings:  # with trainings, options may name weights that do not exist yet
        _check_options(runs, path)
    _check_work(trainings, runs, path)
    named = [training.name for training in trainings]
    folded = [name.casefold() for name in named]  # as on disks that do not tell a from A
    for name in named:
        try:
            check_name(name, "training", path)
            fits = folded.count(name.casefold()) == 1
        except DataError:
            fits = False
        if not fits:
            raise UsageError(
                f"{path}: name {name!r} must be a valid file name, and of one training only"
            )
    _check_means(trainings, path)
    return Suite(content.get("title", path.stem), tuple(trainings), tuple(runs), report)


def _check_work(trainings: Sequence[Training], runs: Sequence[Run], path: Path) -> None:
    """UsageError for a suite without work, or with a run on no dataset."""
    if not trainings and not runs:
        raise UsageError(f"{path} holds no work: expected [[train]] or [[run]] entries")
    for run in runs:
        if not run.datasets:
            raise UsageError(
                f'{path}: {run.words()} is on no dataset: write datasets = ["NAME"] into its '
                "[[run]], or at the top for all"
            )


def _check_means(trainings: Sequence[Training], path: Path) -> None:
    """UsageError for a mean of what does not stand above it, or that would also be trained."""
    above: dict[str, Training] = {}
    for training in trainings:
        if training.mean and (training.set or training.seed):
            raise UsageError(
                f"{path}: training {training.name!r} is a mean of others: set and seed are theirs"
            )
        if len(training.mean) == 1 or len(set(training.mean)) < len(training.mean):
            raise UsageError(
                f"{path}: training {training.name!r}: mean = {list(training.mean)}: expected two "
                "or more different trainings"
            )
        for name in training.mean:
            if name not in above:
                raise UsageError(
                    f"{path}: training {training.name!r} is a mean of {name!r}, and no training "
                    f"of that name stands above it; {did_you_mean(name, tuple(above))}"
                )
            if above[name].method != training.method:
                raise UsageError(
                    f"{path}: training {training.name!r} of {training.method} is a mean of "
                    f"{name!r}, which is of {above[name].method}"
                )
            if above[name].mean:
                raise UsageError(
                    f"{path}: training {training.name!r} is a mean of {name!r}, a mean itself; "
                    f"name its trainings: {', '.join(above[name].mean)}"
                )
        _check_alike([above[name] for name in training.mean], training.name, path)
        above[training.name] = training


def _check_alike(members: Sequence[Training], name: str, path: Path) -> None:
    """UsageError where trainings differ in more than the seed: there is no mean of their weights.

    Said before they train, which takes hours; what cannot be trained at all is said later.
    """
    try:
        chosen = [choose(each.method, {k: str(v) for k, v in each.set.items()}) for each in members]
    except VosbenchError:
        return
    decided = [(each.recipe, each.options, each.training, each.settings) for each in chosen]
    for member, own in zip(members, decided, strict=True):
        if own != decided[0]:
            raise UsageError(
                f"{path}: training {name!r} is a mean of {members[0].name!r} and {member.name!r}, "
                "whose set differ; take the mean of trainings that differ in their seed alone"
            )


def _check_plugins(kind: str, used: Iterable[str], path: Path) -> None:
    """UsageError for a name that no plugin has."""
    for name in dict.fromkeys(used):
        try:
            registry.find(kind, name)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None


def _check(values: Mapping[str, Any], known: Collection[str], path: Path) -> None:
    """UsageError for an unknown key or a value of the wrong type."""
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{path}: unknown key {key!r}; {did_you_mean(key, known)}")
        kind, of, wanted = _KINDS.get(key, (str, str, "text"))
        if type(value) is not kind or (
            isinstance(value, list) and any(type(v) is not of for v in value)
        ):
            raise UsageError(f"{path}: {key} = {value!r}: expected {wanted}")
        if key in _NEVER_NONE and not value:
            raise UsageError(f"{path}: {key} = []: expected one name or more, or no {key}")


def _spread(entry: Mapping[str, Any], path: Path) -> list[dict[str, Any]]:
    """One `[[run]]` for each combination of the grid's values; the last key changes fastest."""
    _check(entry, (*_KEYS, "grid"), path)
    rest = dict(entry)
    grid, fixed = rest.pop("grid", {}), rest.get("set", {})
    for key, values in grid.items():
        if not isinstance(values, list) or not values:
            raise UsageError(f"{path}: grid: {key} = {values!r}: expected a list of values")
        if key in fixed or (key in BESIDE and key in rest):
            raise UsageError(f"{path}: {key} is both in the grid of a [[run]] and outside of it")
    count = math.prod(map(len, grid.values()))
    if count > MOST:
        sizes = " x ".join(f"{len(values)} {key}" for key, values in grid.items())
        raise UsageError(
            f"{path}: the grid of a [[run]] has {count:,} combinations ({sizes}); at most "
            f"{MOST:,} are run: take values out, or write several suites"
        )
    spread = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        own = {key: chosen.pop(key) for key in BESIDE if key in grid}
        spread.append({**rest, **own, "set": {**fixed, **chosen}})
    return spread


def _entry(kind: type, values: Mapping[str, Any], path: Path) -> Any:
    fields = dataclasses.fields(kind)
    _check(values, [f.name for f in fields], path)
    for f in fields:
        needed = f.default is f.default_factory is dataclasses.MISSING
        if needed and f.name not in values:
            entry = "train" if kind is Training else "run"
            raise UsageError(f"{path}: a [[{entry}]] has no {f.name}")
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def _check_prompts(runs: Iterable[Run], path: Path) -> None:
    """UsageError for a prompt, a frame to prompt at or a direction that there is none of."""
    for run in runs:
        try:
            known_prompt(run.prompt)
            check_at(PromptAt(run.prompt_at, run.direction))
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None


def _check_options(runs: Iterable[Run], path: Path) -> None:
    """UsageError for an unknown option of a method or a value that it cannot have."""
    for run in runs:
        try:
            with contextlib.suppress(PluginError):  # only its runs will be skipped
                method_options(run.method, run.set)
        except UsageError as error:
            beside = sorted(run.set.keys() & set(_KEYS))
            hint = f"; in a [[run]], write {', '.join(beside)} beside set" if beside else ""
            raise UsageError(f"{path}: {run.words()}: {error}{hint}") from None
