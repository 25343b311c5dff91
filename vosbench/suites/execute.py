"""Run a suite: a TOML list of trainings and runs. What is done already is skipped.

    title = "What the table says"
    datasets = ["synthetic", "davis2016"]     # for every run that names none itself
    report = "paper"                          # at the end: "page", "paper" (with --paper) or none

    [[train]]                                 # trainings come before the runs
    name = "rpmnet-conv-3"                    # weights/<name>.safetensors in the suite's folder
    method = "rpmnet-conv-3"
    set = { steps = 1500 }
    seed = 0
    score = ["davis2016"]                     # write its scores there into the card
    install = true                            # also copy to the weights that vosbench ships

    [[train]]
    name = "rpmnet-conv-3-mean"
    method = "rpmnet-conv-3"
    mean = ["rpmnet-conv-3", "seed-1"]        # the mean of the weights of trainings above

    [[run]]
    method = "optical-flow"
    set = { label = "soft" }
    datasets = ["folder"]
    root = "clips"                            # default: from VOSBENCH_DATA
    sequences = ["bird"]                      # default: all
    prompt = "mask"                           # or "box", "points:3", "click-center"
    prompt_at = "first"                       # or "mid", or a frame's name or number
    direction = "forward"                     # or "both"

    [[run]]
    method = "label-propagation"
    grid = { preset = ["crw", "dino"], seed = [0, 1, 2] }      # six runs

Its folder holds runs/, trainings/, weights/ and report/, and can be moved.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vosbench import results
from vosbench.errors import IncompleteRunError, OtherRunError, UsageError, VosbenchError
from vosbench.files import write_json
from vosbench.resolve import card_of, open_dataset, resolve_root
from vosbench.run_and_score import failures, score_run
from vosbench.running.config import RunConfig
from vosbench.running.execute import compute
from vosbench.running.plan import RunPlan, plan_run
from vosbench.suites import trainings
from vosbench.suites.reading import Run, Suite, Training, names, read
from vosbench.training import loop

__all__ = ["Done", "Run", "Suite", "Training", "execute", "names", "read"]

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Done:
    """The folders of the finished runs, and what was not done, with the reason.

    missing: what failed. not_at_hand: datasets that are not under VOSBENCH_DATA; not a failure.
    """

    folders: tuple[Path, ...]
    missing: Mapping[str, str]
    not_at_hand: Mapping[str, str]


def execute(
    suite: Suite,
    out: Path,
    *,
    videos: Path | None = None,
    workers: int = 1,
    device: str = "cpu",
    own_process: bool = False,
    timeout: float | None = None,
    tell: Tell,
    running_bar: Callable[[RunPlan], contextlib.AbstractContextManager[Any]],
    training_bar: loop.Showing,
) -> Done:
    """Do what is missing in a suite, one entry after the other; a failed one does not stop it.

    Args:
        suite: from `read`.
        out: the suite's folder.
        videos: unlabelled clips for its trainings.
        workers, device: for every run and training.
        own_process, timeout: for every run, as of RunConfig.
        tell: called with each line that a person should read.
        running_bar, training_bar: such as `running` and `training` of cli/progress.py.

    Raises:
        KeyboardInterrupt: a training was stopped; the same call continues it.
    """
    missing: dict[str, str] = {}
    config_of = functools.partial(
        RunConfig, device=device, workers=workers, own_process=own_process, timeout=timeout,
        out=out / "runs",
    )  # fmt: skip
    for training in suite.trainings:
        with _noting(missing, f"training {training.name}", tell):
            kept = trainings.weights_in(out, training.name)
            card = trainings.make(training, out, videos, device=device, bar=training_bar)
            options = {k: v for k, v in card["all_options"].items() if k != "weights"}
            if training.install:
                trainings.install(training, options, kept)
            # Score installed weights as later runs will find them, so that these are the same runs.
            which = {} if training.install else {"weights": kept}
            for dataset in training.score:
                if dataset not in card["scores"]:
                    tell(f"  its scores on {dataset}")
                    config = config_of(
                        method=training.method, dataset=dataset, options=options | which
                    )
                    summary = results.load(_run(config, running_bar)).summary
                    card["scores"][dataset] = trainings.short(summary)
                    write_json(kept.with_suffix(".json"), card)
            if training.install:
                trainings.install(training, options, kept)
    not_at_hand: dict[str, str] = {}
    absent = _absent(suite)
    for (dataset, root), why in absent.items():
        count = sum(dataset in run.datasets and run.root == root for run in suite.runs)
        left_out = missing if root or _lies(dataset) else not_at_hand
        left_out[f"{dataset} ({count} {'run' if count == 1 else 'runs'})"] = why
        tell(f"skipped: {dataset}: {why}")
    folders = []
    for run in suite.runs:
        for dataset in run.datasets:
            if (dataset, run.root) in absent:
                continue
            with _noting(missing, f"{run.words()} on {dataset}", tell):
                config = config_of(
                    method=run.method, dataset=dataset, options=run.set, seed=run.seed,
                    root=Path(run.root) if run.root else None, sequences=run.sequences,
                    prompt=run.prompt, prompt_at=run.prompt_at, direction=run.direction,
                )  # fmt: skip
                folders.append(_run(config, running_bar))
    return Done(tuple(dict.fromkeys(folders)), missing, not_at_hand)


def _absent(suite: Suite) -> dict[tuple[str, str], str]:
    """(dataset, root) -> why it cannot be opened; the runs on it are skipped."""
    reasons = {}
    for key in dict.fromkeys((name, run.root) for run in suite.runs for name in run.datasets):
        dataset, root = key
        try:
            open_dataset(dataset, root=Path(root) if root else None)
        except VosbenchError as error:
            hint = "" if root else '; in a suite, write root = "DIR" into the [[run]]'
            reasons[key] = f"{error}{hint}"
    return reasons


def _lies(dataset: str) -> bool:
    """Whether the dataset's folder exists under VOSBENCH_DATA."""
    try:
        where = resolve_root(card_of(dataset), None)
    except UsageError:
        return False
    return where is None or where.exists()


@contextlib.contextmanager
def _noting(missing: dict[str, str], what: str, tell: Tell) -> Iterator[None]:
    tell(what)
    try:
        yield
    except VosbenchError as error:
        missing[what] = str(error)
        tell(f"  skipped: {error}")


def _run(config: RunConfig, running_bar: Any) -> Path:
    """Do what is missing in a run, score it, give its folder; IncompleteRunError if one failed.

    If weights or source have changed since, the whole run is done again.
    """
    try:
        planned = plan_run(config)
    except OtherRunError:
        planned = plan_run(dataclasses.replace(config, overwrite="always"))
    if planned.missing or planned.broken or not _is_scored(planned.folder):
        with running_bar(planned) as (on_sequence, on_frame):
            ran = compute(planned, on_sequence=on_sequence, on_frame=on_frame)
        if ran.failed:
            raise IncompleteRunError(failures(ran))
        score_run(ran.folder, dataset=ran.dataset)
        return ran.folder
    return planned.folder


def _is_scored(folder: Path) -> bool:
    """Whether a run has scores, and none of its sequences is left out of them."""
    return (folder / "summary.json").is_file() and not results.load_summary(folder).get("failed")
