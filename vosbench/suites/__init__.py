"""A suite: a TOML list of trainings and runs, of which only what is missing is done.

    title = "What the table says"
    datasets = ["synthetic", "davis2016"]     # for every run that names none

    [[train]]                                 # made before the runs
    name = "rpmnet-conv-3"                    # weights/<name>.safetensors in the suite's folder
    method = "rpmnet-conv-3"
    set = { steps = 1500 }
    score = ["davis2016"]                     # its scores there go into the card
    install = true                            # also put among the weights that vosbench ships

    [[run]]
    method = "optical-flow"
    set = { label = "soft" }
    note = "shown to people"

Its folder holds runs/, trainings/ and weights/, and can be moved.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vosbench import api, registry, training
from vosbench import run as running
from vosbench.atomic import write_json
from vosbench.config import RunConfig, card_of, resolve_root
from vosbench.errors import UsageError, VosbenchError, did_you_mean
from vosbench.training_plan import TrainConfig, plan

FOLDER = Path(__file__).parent

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Training:
    """One `[[train]]`: see the module's text."""

    name: str
    method: str
    set: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    score: tuple[str, ...] = ()
    install: bool = False


@dataclass(frozen=True, kw_only=True)
class Run:
    """One `[[run]]`: a method with options on datasets."""

    method: str
    set: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class Suite:
    """What a suite's file says."""

    title: str
    trainings: tuple[Training, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Done:
    """The scored runs by folder, and what could not be done, with why."""

    folders: tuple[Path, ...]
    missing: Mapping[str, str]


def names() -> tuple[str, ...]:
    """The suites that vosbench brings along."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def read(name: str) -> Suite:
    """A suite by name or by its file.

    Raises:
        UsageError: no such suite or file, no TOML, an unknown key, dataset or method.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        hint = "" if name.endswith(".toml") else f"; {did_you_mean(name, names())}"
        raise UsageError(f"there is no suite {name}{hint}; give a name or a .toml file")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"suite {path} is not TOML: {error}") from None
    for key in content:
        if key not in (known := ("title", "datasets", "train", "run")):
            raise UsageError(f"{path}: unknown key {key!r}; {did_you_mean(key, known)}")
    datasets = tuple(content.get("datasets", ()))
    trainings = [_entry(Training, entry, path) for entry in content.get("train", ())]
    runs = [_entry(Run, {"datasets": datasets, **e}, path) for e in content.get("run", ())]
    for entry in (*trainings, *runs):
        registry.find("methods", entry.method)
    for dataset in {d for run in runs for d in run.datasets} | {
        d for made in trainings for d in made.score
    }:
        registry.find("datasets", dataset)
    return Suite(content.get("title", path.stem), tuple(trainings), tuple(runs))


def _entry(kind: type, values: Mapping[str, Any], path: Path) -> Any:
    known = [f.name for f in dataclasses.fields(kind)]
    for key in values:
        if key not in known:
            raise UsageError(f"{path}: unknown key {key!r}; {did_you_mean(key, known)}")
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    try:
        return kind(**tuples)
    except TypeError as error:
        raise UsageError(f"{path}: an entry {dict(values)}: {error}") from None


def execute(
    suite: Suite,
    out: Path,
    *,
    videos: Path | None = None,
    workers: int = 1,
    device: str = "cpu",
    tell: Tell,
    running_bar: Callable[[running.Plan], contextlib.AbstractContextManager[Any]],
    training_bar: training.Showing,
) -> Done:
    """Do what is missing of a suite, one entry after the other; a failed one does not stop it.

    Args:
        suite: from `read`.
        out: the suite's folder.
        videos: unlabelled clips for its trainings.
        workers, device: of every run and training.
        tell: what a person should read.
        running_bar, training_bar: see progress.
    """
    missing: dict[str, str] = {}
    for made in suite.trainings:
        with _noting(missing, f"training {made.name}", tell):
            _train(made, out, videos, device=device, tell=tell, training_bar=training_bar)
    folders = []
    for run in suite.runs:
        for dataset in run.datasets:
            options = " ".join(f"{k}={v}" for k, v in run.set.items())
            with _noting(missing, f"{run.method} {options} on {dataset}".replace("  ", " "), tell):
                resolve_root(card_of(dataset), None)
                config = RunConfig(
                    method=run.method, dataset=dataset, options=run.set, seed=run.seed,
                    device=device, workers=workers, out=out / "runs",
                )  # fmt: skip
                folders.append(_run(config, tell, running_bar))
    return Done(tuple(dict.fromkeys(folders)), missing)


@contextlib.contextmanager
def _noting(missing: dict[str, str], what: str, tell: Tell) -> Iterator[None]:
    tell(what)
    try:
        yield
    except VosbenchError as error:
        missing[what] = str(error)
        tell(f"  left out: {error}")


def _run(config: RunConfig, tell: Tell, running_bar: Any) -> Path:
    planned = running.plan(config)
    if planned.missing or not (planned.folder / "summary.json").is_file():
        with running_bar(planned) as (on_sequence, on_frame):
            ran = running.run(planned, on_sequence=on_sequence, on_frame=on_frame)
        if ran.failed:
            tell(api.failures(ran))
        api.score_run(planned.folder)
    return planned.folder


def _train(
    made: Training,
    out: Path,
    videos: Path | None,
    *,
    device: str,
    tell: Tell,
    training_bar: training.Showing,
) -> None:
    from vosbench.toolbox import weights

    kept = out / "weights" / f"{made.name}.safetensors"
    if not kept.is_file():
        if videos is None:
            raise UsageError("it learns from unlabelled clips: give --videos DIR")
        folder = out / "trainings" / made.name
        config = TrainConfig(
            method=made.method, videos=videos, values={k: str(v) for k, v in made.set.items()},
            out=folder, seed=made.seed, device=device, threads=1,
            resume=any(folder.glob("*/training.json")),
        )  # fmt: skip
        ended = training.train(plan(config), showing=training_bar)
        if ended.weights is None:
            raise UsageError("stopped; the same command goes on")
        kept.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".json", ".safetensors"):
            shutil.copyfile(ended.weights.with_suffix(suffix), kept.with_suffix(suffix))
    card = json.loads(kept.with_suffix(".json").read_text(encoding="utf-8"))
    card.setdefault("scores", {})
    options = {k: v for k, v in card["all_options"].items() if k != "weights"}
    for dataset in made.score:
        if dataset not in card["scores"]:
            tell(f"  its scores on {dataset}")
            scored = api.run(
                made.method, dataset, options=options | {"weights": kept}, out=out / "runs",
                device=device,
            )  # fmt: skip
            card["scores"][dataset] = _short(scored.summary)
            write_json(kept.with_suffix(".json"), card)
    if made.install:
        for suffix in (".json", ".safetensors"):
            shutil.copyfile(kept.with_suffix(suffix), weights.FOLDER / f"{made.name}{suffix}")


def _short(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What a card tells of scores: the protocol, the means, and J and F of each sequence."""
    return {
        "protocol": summary["protocol"]["name"],
        "sequences": len(summary["sequences"]),
        "list_sha256": summary["dataset"]["list_sha256"],
        **{m: {k: _rounded(v) for k, v in summary[m].items()} for m in ("J", "F")},
        "per_sequence": {
            row["sequence"]: {m: _rounded(row[m]["mean"]) for m in ("J", "F")}
            for row in summary["sequences"]
        },
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
