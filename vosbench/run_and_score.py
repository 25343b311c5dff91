"""Run a method and score its masks, or score masks on disk: what commands, suites and API share."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from vosbench.errors import (
    DataError,
    IncompleteRunError,
    IncompleteScoresError,
    UsageError,
    described,
    nameless,
)
from vosbench.files import remove
from vosbench.protocols import USUAL, PromptAt, choose_protocol
from vosbench.resolve import (
    choose_dataset,
    choose_sequences,
    choose_submission,
    open_dataset,
)
from vosbench.results import (
    HEADER,
    Data,
    Result,
    data_of,
    home_of,
    manifest_of,
    told_of,
)
from vosbench.running.folder import COUNTED, is_counts
from vosbench.running.records import masks_sha256, refuse_swapped
from vosbench.running.whole import unfinished
from vosbench.scoring import counts as counting
from vosbench.scoring.counts import Counts, What, what_to_count
from vosbench.scoring.elsewhere import Source, count
from vosbench.scoring.evaluation import Evaluation, Measuring, score_masks
from vosbench.scoring.kept import of_dataset
from vosbench.scoring.measure import measure
from vosbench.stored import open_stored

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig
    from vosbench.running.execute import RunResult
    from vosbench.running.plan import RunPlan
    from vosbench.scoring.archive import Packed
    from vosbench.types import Dataset, Sequence

# what only runs and several processes need is imported where it is used: `evaluate` starts sooner
MOST_LINES = 20  # of what failed; log.txt has all


def run_and_score(
    config: RunConfig, *, on_sequence: Callable[[str, str | None], None] | None = None
) -> Result:
    """Run a method on a dataset and score it.

    Raises:
        IncompleteRunError: a sequence failed; what is done is kept; the same call continues.
    """
    from vosbench.running.execute import compute
    from vosbench.running.plan import plan_run

    plan = plan_run(config)
    ran = compute(plan, on_sequence=on_sequence, after=counting_of(plan))
    if ran.failed:
        raise IncompleteRunError(failures(ran))
    if config.protocol_time:
        from vosbench.running.protocol_time import time_run

        time_run(plan, ran.folder)
    return score_run(ran.folder, dataset=ran.dataset)


def counting_of(plan: RunPlan) -> Callable[[Sequence, Path], None]:
    """What counts each sequence of a run as it ends, in the process that made its masks."""
    resolved = plan.resolved
    what = what_to_count(resolved.dataset.card, resolved.protocol)
    return partial(_count_and_keep, what, of_dataset(resolved.dataset))


def _count_and_keep(what: What, of: Mapping[str, str], sequence: Sequence, masks: Path) -> None:
    """Count a sequence and keep that in its run's folder, until the run is scored."""
    if len(sequence.truth) < 2:
        return
    folder, name = masks.parent.parent, sequence.name
    made = masks_sha256(folder, [name])[name]
    one = measure(sequence, open_stored(masks.parent), what, hold=True, made=made)
    (folder / COUNTED / name).mkdir(parents=True, exist_ok=True)
    counting.write(folder / COUNTED / name, what, of, [one])


def failures(ran: RunResult, *, told: Collection[str] = ()) -> str:
    """What failed in a run and what to do, one line a cause.

    told: sequences whose errors were told already, as they failed.
    """
    lines = _by_cause({name: why for name, why in ran.failed.items() if name not in told})
    kept = f"{ran.former} still holds the former run; the new one takes its place when it is whole"
    former = [kept] if ran.former else []
    return "\n".join(
        [
            *lines,
            f"{len(ran.failed)} of {len(ran.sequences)} sequences failed; what is done is "
            f"kept: fix the cause, then give the same command again (log: {ran.folder}/log.txt)",
            *former,
        ]
    )


def _by_cause(failed: Mapping[str, str]) -> list[str]:
    """A line for each error; once where three or more differ only in the sequence's name."""
    alike: dict[str, list[str]] = {}
    for name, error in failed.items():
        alike.setdefault(nameless(error, name), []).append(name)
    lines = []
    for names in alike.values():
        few = len(names) < 3
        more = "" if few else f" (and so {len(names) - 1} more, {names[1]} to {names[-1]})"
        for name in names if few else names[:1]:
            named = failed[name].startswith((f"{name} ", f"{name}: "))
            lines.append(f"{'' if named else f'{name}: '}{failed[name]}{more}")
    rest = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], *([f"... and {rest} more"] if rest > 0 else [])]


def score_run(
    folder: Path,
    *,
    dataset: Dataset | None = None,
    root: Path | None = None,
    sequences: tuple[str, ...] = (),
    protocol: str = "",
    out: Path | None = None,
    cross_check: str = "",
    workers: int = 1,
    scheduler: str = "",
    bands: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Score the finished sequences of a run's folder, with copy-first beside them.

    dataset: of the run, where it is open already. root: where its data lie now, if they were
        moved since.
    sequences: only these, and then written only where `out` says.
    out: where scores.csv and summary.json go; by default the run's folder, or scores-<protocol>
        in it for a protocol that is not the run's own.
    cross_check: an installed scorer to run on the same masks.
    workers, scheduler: so many processes, or a Dask cluster, to count sequences. bands: also
        Boundary IoU.

    Raises:
        IncompleteScoresError: a sequence is not finished, does not fit its truth, or its masks
            were changed since; the others' scores are written, and it holds their Result.
    """
    manifest = manifest_of(folder)
    refuse_swapped(folder, manifest)
    identity, data = manifest["identity"], data_of(manifest)
    data = data._replace(root=root or data.root)
    if dataset is None:
        dataset = open_dataset(
            identity["dataset"],
            root=data.root,
            split=identity["split"],
            resolution=data.resolution,
            at=data.at,
        )
    chosen_names = choose_sequences(tuple(identity["sequences"]), sequences)
    failed = manifest["failed"]
    undone = {s: why for s in chosen_names if s not in failed and (why := unfinished(folder, s))}
    done = tuple(s for s in chosen_names if s not in failed and s not in undone)
    if not done:
        why = f" ({next(iter(undone.values()))})" if undone else ""
        raise UsageError(f"{folder} holds no finished sequence{why}; see {folder}/log.txt")
    chosen = choose_protocol(dataset.card, protocol or manifest["protocol"]["name"])
    masks = folder / "masks"
    if out is None and not sequences:
        own = chosen.name == manifest["protocol"]["name"]
        out = folder if own else folder / f"scores-{chosen.name}"
    elif out is not None:
        _check_place(out, own=folder)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    made = masks_sha256(folder, done)
    source = Source(
        identity["dataset"], data.root, identity["split"], data.resolution, masks, data.at
    )
    scoring = partial(
        score_masks,
        dataset,
        masks,
        protocol=chosen,
        sequences=done,
        baseline=True,
        made=made,
        bands=bands,
        kept=[folder, *sorted((folder / COUNTED).glob("*"))],
        measuring=_elsewhere(source, workers, scheduler, hold=True, made=made),
        progress=progress,
    )
    blank = Result(manifest["label"], out, manifest, {}, masks, data=data)
    return _result(scoring, blank, dataset, masks, cross_check, undone)


def score_folder(
    masks: Path,
    dataset: str,
    *,
    root: Path | None = None,
    split: str = "",
    resolution: str = "",
    at: PromptAt = USUAL,
    protocol: str = "",
    sequences: tuple[str, ...] = (),
    baseline: bool = False,
    name: str = "",
    out: Path | None = None,
    counted: Path | None = None,
    cross_check: str = "",
    workers: int = 1,
    scheduler: str = "",
    bands: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Score a folder of <sequence>/<frame>.png of any tool; written to `out` where given.

    at: where the objects of the masks were prompted.
    baseline: also score copy-first. name: what tables call these masks, by default as `out`.
    counted: a folder of scores whose counts are used too.
    cross_check: an installed scorer to run on the same masks. workers, scheduler: so many
    processes, or a Dask cluster, to count sequences. bands: also Boundary IoU.
    """
    _refuse_moved(masks, at)
    chosen = choose_dataset(dataset, root=root, split=split, resolution=resolution, at=at)
    opened = chosen.open()
    if out is not None:
        _check_place(out)
        out.mkdir(parents=True, exist_ok=True)  # fails before the work, not after it
    source = Source(dataset, chosen.root, opened.split, chosen.resolution, masks, at)
    scoring = partial(
        score_masks,
        opened,
        masks,
        protocol=choose_protocol(opened.card, protocol),
        sequences=sequences or None,
        baseline=baseline,
        bands=bands,
        kept=[folder for folder in (out, counted) if folder],
        measuring=_elsewhere(source, workers, scheduler, hold=baseline, made={}),
        progress=progress,
    )
    data = Data(chosen.root, chosen.resolution, at)
    blank = Result(name or (out or masks).resolve().name, out, None, {}, masks, data=data)
    return _result(scoring, blank, opened, masks, cross_check)


def _check_place(out: Path, *, own: Path | None = None) -> None:
    """Raise UsageError where scores would replace another run's, or what is none; own: the run."""
    home = home_of(out)
    if home is None:
        _refuse_strangers(out)
    elif own is None or home.resolve() != own.resolve():
        raise UsageError(f"{out} is for the scores of the run that lies there; give another --out")


def _refuse_strangers(out: Path) -> None:
    """Raise UsageError where scores would replace files that no evaluation wrote."""
    if (out / "summary.json").exists() and _is_ours(out / "summary.json"):
        return  # what lies beside it is of that evaluation, damaged perhaps
    begins = {"scores": ",".join(HEADER), "counts": "sequence,masks,object,"}
    strange = []
    for path in sorted(out.glob("*")):
        stem, _, kind = path.name.partition(".")
        if kind == "csv" and (stem in begins or is_counts(path)):
            with path.open("rb") as file:
                ours = file.read(200).startswith(begins[stem.partition("-")[0]].encode())
        elif path.name == "summary.json" or is_counts(path):
            ours = _is_ours(path)
        else:
            continue
        strange += [] if ours else [path.name]
    if strange:
        raise UsageError(
            f"{out} holds {', '.join(strange)}, which no evaluation wrote and the scores would "
            "replace; move them away, or give another --out"
        )


def _is_ours(path: Path) -> bool:
    """Whether a summary, or the .json beside counts, is of an evaluation; a damaged one may be."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return (path.parent / "scores.csv").exists()
    return isinstance(content, dict) and "sequences" in content


def _refuse_moved(masks: Path, at: PromptAt) -> None:
    """Refuse a run's masks where its objects were prompted elsewhere than `at` says.

    The truth that they were given would count as if they had found it.
    """
    if not (home := home_of(masks.parent)):
        return
    with contextlib.suppress(DataError):  # a run.json of something else
        made = data_of(manifest_of(home)).at
        if made != at:
            raise UsageError(
                f"{masks} are of a run with {_in_words(made)}, which the protocols of a benchmark "
                f"do not fit; score the run as it was made: vosbench evaluate {home}"
            )


def _in_words(at: PromptAt) -> str:
    """`prompt-at=mid direction=both`, or "the usual prompts"."""
    words = (f"{key.replace('_', '-')}={value}" for key, value in at.words.items())
    return " ".join(words) or "the usual prompts"


def pack_run(
    folder: Path,
    submission: str,
    out: Path,
    *,
    root: Path | None = None,
    replace: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Packed:
    """Pack the masks of a run for a benchmark's server; its masks are held against its records.

    Raises:
        DataError: a sequence is not finished, or its masks do not fit or were changed since.
    """
    from vosbench.scoring.pack import pack

    manifest = manifest_of(folder)
    identity, data = manifest["identity"], data_of(manifest)
    if data.at != USUAL:
        raise UsageError(
            f"{folder} is a run with {_in_words(data.at)}, but a server scores masks from the "
            "benchmark's own prompts; run without --prompt-at and --direction to pack"
        )
    chosen, wanted = choose_submission(
        submission,
        identity["dataset"],
        root=root or data.root,
        split=identity["split"],
        resolution=data.resolution,
    )
    names = tuple(identity["sequences"])
    failed = {name: f"{name}: {why}" for name, why in manifest["failed"].items()}
    undone = (failed.get(name) or unfinished(folder, name) for name in names)
    if faults := [why for why in undone if why]:
        raise DataError(faults)
    made = masks_sha256(folder, names)
    packed = pack(
        chosen, wanted, folder / "masks", out, made=made, replace=replace, progress=progress
    )
    notes = packed.notes
    if prompt := identity.get("prompt"):
        notes += (f"objects were told by {prompt}, not by masks: say so where you hand this in",)
    return dataclasses.replace(packed, root=root or data.root, notes=notes)


def _elsewhere(
    source: Source, workers: int, scheduler: str, *, hold: bool, made: Mapping[str, str]
) -> Measuring | None:
    """Counts sequences in several processes or on a cluster; None for this process."""
    if workers == 1 and not scheduler:
        return None
    from vosbench.running import cluster

    cluster.check(scheduler=scheduler)

    def measuring(names: Collection[str], what: What) -> Iterator[tuple[str, Counts | DataError]]:
        counting = partial(count, source, what, hold, made)
        done = cluster.map_tasks(counting, list(names), workers=workers, scheduler=scheduler)
        for name, counts, error in done:
            if error is None or isinstance(error, DataError):
                yield name, error or counts
            else:
                yield name, DataError(f"{name} could not be counted: {described(error)}")

    return measuring


def _result(
    scoring: Callable[[], Evaluation],
    blank: Result,
    dataset: Dataset,
    masks: Path,
    scorer: str,
    undone: Mapping[str, str] = MappingProxyType({}),
) -> Result:
    """Score, write where `blank` says, and fill it; an IncompleteScoresError comes to hold it.

    undone: the sequences that there is nothing of to score, and why.
    """
    failed: dict[str, tuple[str, ...]] = {}
    try:
        evaluation = scoring()
    except IncompleteScoresError as error:
        evaluation, failed = error.scored, dict(error.failed)
    failed |= {name: (why,) for name, why in undone.items()}
    if undone:
        evaluation.summary["failed"] = {name: str(DataError(failed[name])) for name in failed}
    if blank.folder is not None:
        evaluation.write(blank.folder, scored=told_of(blank, evaluation.what.stem))
        home = home_of(blank.folder)
        evaluation.write_counts(home or blank.folder)
        if home and not failed:
            remove(home / COUNTED, inside=home)
    checked = _cross_check(dataset, masks, scorer, evaluation)
    result = dataclasses.replace(blank, summary=evaluation.summary, cross_check=checked)
    if failed:
        raise IncompleteScoresError(failed, result, result.summary.get("zero", ()))
    return result


def _cross_check(dataset: Dataset, masks: Path, scorer: str, evaluation: Evaluation) -> str | None:
    if not scorer:
        return None
    from vosbench.scoring import crosscheck

    return str(crosscheck.cross_check(dataset, masks, scorer, evaluation))
