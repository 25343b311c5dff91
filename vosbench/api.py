"""The public Python API: what the commands do, as functions; `import vosbench` offers them.

    import vosbench

    run = vosbench.run("optical-flow", "synthetic", options={"label": "soft"}, workers=2)
    run.summary["J&F"], run.objects, run.frames

Paths may be text or pathlib.Path everywhere, and a run may be its folder or what `run` and `load`
gave. In a script, use workers above 1 only under `if __name__ == "__main__":`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from vosbench import registry
from vosbench.errors import UsageError
from vosbench.protocols import USUAL
from vosbench.resolve import build_method, choose_submission, open_dataset
from vosbench.results import Result, home_of, load, remembered
from vosbench.tables import Table
from vosbench.types import Dataset, Method

if TYPE_CHECKING:
    from vosbench.data.convert import Converted
    from vosbench.scoring.archive import Packed
    from vosbench.scoring.explain import Explanation

AnyPath: TypeAlias = Path | str
Runs: TypeAlias = Iterable[Result | AnyPath]
LONGEST = 100  # signs of a name in tables


def run(
    method: str,
    dataset: str,
    *,
    options: Mapping[str, Any] | None = None,
    root: AnyPath | None = None,
    split: str = "",
    resolution: str = "",
    sequences: Iterable[str] = (),
    protocol: str = "",
    prompt: str = "mask",
    prompt_at: str = "first",
    direction: Literal["forward", "both"] = "forward",
    device: str = "cpu",
    seed: int = 0,
    workers: int = 1,
    scheduler: str = "",
    own_process: bool = False,
    timeout: float | None = None,
    real_time: float | None = None,
    grace: int | None = None,
    protocol_time: bool = False,
    overwrite: Literal["never", "missing", "always"] = "missing",
    out: AnyPath = "runs",
    on_sequence: Callable[[str, str | None], None] | None = None,
) -> Result:
    """Run a method over a dataset and score it; the same call goes on where it was stopped.

    Examples:
        >>> vosbench.run("copy-first", "synthetic", sequences=["plain"]).name
        'copy-first'

    Args:
        method: a name of `vosbench list methods`.
        dataset: a name of `vosbench list datasets`.
        options: the method's options, such as {"label": "soft"}.
        root: the dataset's folder, or the one that holds all datasets. Default: VOSBENCH_DATA.
        split: "" is the dataset's default, mostly val.
        resolution: "" is the dataset's first.
        sequences: only these; () is all.
        protocol: how scores are averaged; "" is the dataset's own.
        prompt: what the method is told of each object: "mask", "box", "points:3" (up to three
            clicks) or "click-center"; boxes and clicks are made from the mask.
        prompt_at: the frame on which the objects are prompted: "first" is where the dataset does
            it, "mid" the middle annotated frame; or a frame's name or number. Scores of other than
            the first are not the benchmark's, and their protocol's name says so.
        direction: where the method goes from the prompt: "forward", or "both" ways.
        device: "cpu", "cuda" or "cuda:1".
        seed: 0 to 2**63 - 1; of networks without weights.
        workers: local processes.
        scheduler: address of a Dask cluster, such as "tcp://host:8786".
        own_process: run the method in a process of its own, so that one that crashes or eats the
            memory costs its sequence, not this process; more than one worker always does.
        timeout: seconds for each frame, after which its sequence is given up; in a process of its
            own.
        real_time: frames a second of a camera: those that come while the method is busy get its
            last mask and are not shown to it, so that masks depend on the machine.
        grace: late masks of a sequence that are forgiven then; None is 3, as in VOT's challenges.
        protocol_time: when the masks are made, time the method by a fixed protocol in a process of
            its own; `analyse` gives "protocol-time", "protocol-memory" and "memory-curve" of it.
        overwrite: if the run exists, "missing" continues it, "never" refuses it, "always" makes
            it anew.
        out: folder in which the run gets one of its own.
        on_sequence: is called with each sequence that ends, and its error or None.

    Raises:
        UsageError: a name, option or value that does not exist or does not fit.
        DataError: the dataset is not there or damaged.
        IncompleteRunError: a sequence failed; the others are kept.
        MethodError: the masks are made, but protocol_time failed.
        IncompleteScoresError: the truth of a sequence is bad; the others are scored, and `scored`
            of it is their Result.
    """
    from vosbench.run_and_score import run_and_score
    from vosbench.running.config import RunConfig

    config = RunConfig(
        method=method,
        dataset=dataset,
        root=_path(root),
        split=split,
        resolution=resolution,
        sequences=_names(sequences),
        options=options or {},
        protocol=protocol,
        prompt=prompt,
        prompt_at=prompt_at,
        direction=direction,
        device=device,
        seed=seed,
        workers=workers,
        scheduler=scheduler,
        own_process=own_process,
        timeout=timeout,
        real_time=real_time,
        grace=grace,
        protocol_time=protocol_time,
        overwrite=overwrite,
        out=Path(out),
    )
    return run_and_score(config, on_sequence=on_sequence)


def evaluate(
    masks: AnyPath,
    dataset: str = "",
    *,
    root: AnyPath | None = None,
    split: str = "",
    resolution: str = "",
    sequences: Iterable[str] = (),
    protocol: str = "",
    baseline: bool = False,
    name: str = "",
    out: AnyPath | None = None,
    cross_check: str = "",
    boundary_iou: bool = False,
    workers: int = 1,
    scheduler: str = "",
    progress: Callable[[str], None] | None = None,
) -> Result:
    """Score masks on disk: a run, or a folder, zip archive or JSON file of any tool.

    A folder that this wrote is taken too: its masks are scored again, from the counts that it
    holds where they have not changed.

    Examples:
        >>> masks = vosbench.run("copy-first", "synthetic", sequences=["plain"]).masks
        >>> scored = vosbench.evaluate(masks, "synthetic", sequences=["plain"])
        >>> round(scored.summary["J"]["mean"], 3)
        0.17

    Args:
        masks: the folder or file, see docs/scoring.md.
        dataset: whose truth; a run has its own.
        root: the dataset's folder, or the one that holds all datasets. Default: where the run
            found it, else VOSBENCH_DATA.
        split: "" is the dataset's default; a run has its own.
        resolution: "" is the dataset's first; a run has its own.
        sequences: only these; () is all.
        protocol: how scores are averaged; "" is the dataset's or the run's own.
        baseline: also score copy-first on the same frames; always done for a run.
        name: what tables and figures call these masks, such as "STM"; a run has its own. Default:
            the name of `out`, else of the folder.
        out: folder for scores.csv and summary.json, which remembers where masks and truth are.
            Default: the run's folder; for other masks nothing is written.
        cross_check: an installed scorer to ask too: davis2017, vos-benchmark or trackeval.
        boundary_iou: whether to measure Boundary IoU too.
        workers: number of local processes.
        scheduler: address of a Dask cluster to count on, such as "tcp://host:8786".
        progress: is called with each sequence that is scored.

    Raises:
        UsageError: a name that does not exist, or no dataset for masks that are no run.
        DataError: masks and truth do not fit; it lists every fault.
        IncompleteScoresError: such a DataError where other sequences fit; their scores are
            written, and `scored` of it is their Result.
    """
    from vosbench.run_and_score import score_folder, score_run

    masks, root, counted, at = Path(masks), _path(root), None, USUAL
    home = home_of(masks)
    if home and not dataset:
        if split or resolution or name:
            own = "name" if name else "split and resolution"
            raise UsageError(f"{masks} is a run and has its own {own}; remove yours")
        return score_run(
            home,
            root=root,
            sequences=_names(sequences),
            protocol=protocol,
            out=_path(out),
            cross_check=cross_check,
            workers=workers,
            scheduler=scheduler,
            bands=boundary_iou,
            progress=progress,
        )
    if not dataset and (former := remembered(masks)):
        counted, masks, dataset = masks, former.masks, former.dataset
        split, name = split or former.split, name or former.name
        root, resolution = root or former.data.root, resolution or former.data.resolution
        at = former.data.at
    if not dataset:
        raise UsageError(
            f"{masks} holds no run.json, so name the dataset (--dataset NAME), known: "
            f"{', '.join(registry.names('datasets'))}"
        )
    return score_folder(
        home / "masks" if home else masks,
        dataset,
        root=root,
        split=split,
        resolution=resolution,
        at=at,
        protocol=protocol,
        sequences=_names(sequences),
        baseline=baseline,
        name=_label(name),
        out=_path(out),
        counted=counted,
        cross_check=cross_check,
        workers=workers,
        scheduler=scheduler,
        bands=boundary_iou,
        progress=progress,
    )


def pack(
    masks: AnyPath,
    submission: str,
    out: AnyPath,
    *,
    dataset: str = "",
    root: AnyPath | None = None,
    split: str = "",
    resolution: str = "",
    replace: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Packed:
    """Write the zip archive that is handed in to a benchmark's server.

    Args:
        masks: a run, or masks of any tool, as `evaluate` takes them.
        submission: what `vosbench pack --for` takes, such as "youtube-vos".
        out: the .zip to write.
        dataset: whose masks they are, where several datasets are handed in so; a run has its own.
        root: the dataset's folder, or the one that holds all datasets. Default: where the run
            found it, else VOSBENCH_DATA.
        split: "" is the one that is handed in; a run has its own.
        resolution: "" is the dataset's first; a run has its own.
        replace: whether a file of that name may be replaced.
        progress: is called with each sequence that is packed.

    Returns:
        What was packed, and who takes it; its text is what `vosbench pack` prints.

    Raises:
        UsageError: a name that does not exist or does not fit, or `out` exists.
        DataError: masks are missing or do not fit; it lists every fault, and nothing is written.
    """
    from vosbench.run_and_score import pack_run
    from vosbench.scoring.pack import pack

    masks, out = Path(masks), Path(out)
    if (masks / "run.json").is_file():
        if dataset or split or resolution:
            raise UsageError(f"{masks} is a run and has its own dataset and split; remove yours")
        return pack_run(
            masks, submission, out, root=_path(root), replace=replace, progress=progress
        )
    chosen, wanted = choose_submission(
        submission, dataset, root=_path(root), split=split, resolution=resolution
    )
    return pack(chosen, wanted, masks, out, replace=replace, progress=progress)


def explain(
    masks: AnyPath,
    dataset: str = "",
    *,
    root: AnyPath | None = None,
    split: str = "",
    resolution: str = "",
    sequences: Iterable[str] = (),
    protocol: str = "",
    against: AnyPath | None = None,
) -> Explanation:
    """Say why two numbers differ: the same masks under every protocol, or two results.

    Examples:
        >>> masks = vosbench.run("copy-first", "synthetic", sequences=["plain"]).masks
        >>> found = vosbench.explain(masks, "synthetic", sequences=["plain"])
        >>> print(found.sentences[0])
        prompted on synthetic gives J&F 14.4.

    Args:
        masks: a run, or a folder or .zip of masks; with `against` also scores.
        dataset: whose truth; a run has its own.
        root: the dataset's folder, or the one that holds all datasets. Default: where the run
            found it, else VOSBENCH_DATA.
        split: "" is the dataset's default; a run has its own.
        resolution: "" is the dataset's first; a run has its own.
        sequences: only these; () is all.
        protocol: whose rules are changed one by one; "" is the dataset's first.
        against: other masks or scores, to find where the two differ.

    Raises:
        UsageError: a name that does not exist, or no dataset for masks that are no run.
        DataError: masks and truth do not fit, or two results have no object in common.
    """
    from vosbench.analysis.groups import dataset_of
    from vosbench.protocols import choose_protocol
    from vosbench.scoring import differences
    from vosbench.scoring import explain as explaining

    path, opened = Path(masks), None
    if dataset:
        opened = open_dataset(dataset, root=_path(root), split=split, resolution=resolution)
        if against is None and (home := home_of(path)):
            path = home / "masks"
    elif (path / "summary.json").is_file():
        run = load(path)
        opened = dataset_of(run, root=_path(root))
        protocol = protocol or run.summary["protocol"]["name"]
        path = path if against or run.masks is None else run.masks
    chosen = choose_protocol(opened.card, protocol) if opened else None
    names = _names(sequences)
    if against is not None:
        return differences.against(opened, path, Path(against), protocol=chosen, sequences=names)
    if opened is None:
        raise UsageError(
            f"{path} is no scored run, so name the dataset (--dataset NAME), known: "
            f"{', '.join(registry.names('datasets'))}"
        )
    return explaining.explain(opened, path, protocol=chosen, sequences=names)


@dataclass(frozen=True)
class Compared:
    """Scored runs side by side: a table for each dataset and protocol, and what can be said.

    tables: scores of the runs, best first. verdicts: a sentence for each run against the best.
    differing: for each dataset and protocol, a sentence of the sequences that differ most.
    by_sequence: for each table, the scores of every run in each sequence.
    """

    tables: tuple[Table, ...]
    verdicts: tuple[str, ...]
    differing: tuple[str, ...]
    by_sequence: tuple[Table, ...]

    def __str__(self) -> str:
        """What `vosbench compare` prints."""
        said = (*self.verdicts, *self.differing)
        return "\n".join([*(table.to_text() for table in self.tables), *said])


def convert(
    source: AnyPath,
    out: AnyPath,
    *,
    to: str = "",
    sequences: Iterable[str] = (),
    flatten: bool = False,
    as_ids: bool = False,
) -> Converted:
    """Write masks in another form: label maps, one PNG an object, or run lengths in JSON.

    Args:
        source: a run, or a folder, zip archive or JSON file of masks.
        out: a new folder; for "rle" a new JSON file.
        to: "png", "objects" or "rle"; "" is "rle" for a name that ends in .json, else "png".
        sequences: only these; () is all.
        flatten: make label maps of objects that overlap or are numbered 0, too.
        as_ids: take the values of pictures as ids, even where they look like a soft map.

    Raises:
        UsageError: there is something at `out`, or no such form.
        DataError: a mask cannot be read, or what it holds has no place in the form.
    """
    from vosbench.data.convert import convert as write

    names = _names(sequences)
    return write(Path(source), Path(out), to=to, sequences=names, flatten=flatten, as_ids=as_ids)


def compare(runs: Runs) -> Compared:
    """Hold scored runs side by side, and say whether their differences are more than chance.

    Examples:
        >>> runs = [vosbench.run(method, "synthetic") for method in ("copy-first", "optical-flow")]
        >>> print(vosbench.compare(runs))  # doctest: +ELLIPSIS
        Scores: ...

    Raises:
        UsageError: no run. DataError: a file of a run is missing or damaged.
    """
    from vosbench.analysis.comparison import verdicts
    from vosbench.analysis.groups import groups
    from vosbench.analysis.scores import scores
    from vosbench.analysis.side_by_side import by_sequence, metrics_of, most_different

    results = _results(runs)
    found = groups(results)
    return Compared(
        tables=tuple(scores(group, intervals=False) for group in found),
        verdicts=tuple(verdicts(results)),
        differing=tuple(most_different(results)),
        by_sequence=tuple(by_sequence(group, metrics_of(group)) for group in found),
    )


def analyse(
    runs: Runs,
    what: str,
    *,
    root: AnyPath | None = None,
    against: str = "",
    by: tuple[str, str] | None = None,
) -> Table:
    r"""Make one table that explains scores of runs on the same data.

    Examples:
        >>> run = vosbench.run("copy-first", "synthetic")
        >>> print(vosbench.analyse([run], "attributes").to_latex())  # doctest: +ELLIPSIS
        \begin{table}...

    Args:
        runs: scored runs of one dataset, split and protocol.
        what: one of `vosbench analyse --help`, such as "attributes" or "significance".
        root: where the dataset lies, for size, speed and drift.
        against: name of the run that the others are compared with. Default: the best.
        by: two options for the rows and columns of an ablation.

    Raises:
        UsageError: an unknown analysis, one that these runs do not allow, or runs of several
            datasets.
    """
    from vosbench.analysis import catalogue
    from vosbench.analysis.groups import one_group

    (name, *rest) = catalogue.choose([what])
    if rest:
        raise UsageError(f"one analysis at a time, got {what!r}")
    group = one_group(_results(runs))
    (table,) = catalogue.tables([group], [name], root=_path(root), against=against, by=by)
    if isinstance(table, catalogue.Left):
        raise UsageError(str(table))
    return table


def report(
    runs: Runs,
    out: AnyPath,
    *,
    title: str = "Video object segmentation",
    style: str = "html",
    root: AnyPath | None = None,
    width: int = 480,
    paper: bool = False,
    features: AnyPath | None = None,
    progress: Callable[[str], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Path:
    """Write a page with tables, figures and a viewer of every frame; it opens from disk.

    Examples:
        >>> run = vosbench.run("copy-first", "synthetic", sequences=["plain"])
        >>> vosbench.report([run], "report").name
        'index.html'

    Args:
        runs: scored runs of whatever datasets.
        out: the report's folder; an older report in it is replaced, anything else is refused.
        title: title of the page.
        style: a report plugin that gives a folder.
        root: where the data lie now. Default: where the runs found them, else VOSBENCH_DATA.
        width: pixels that wider frames are shrunk to in the viewer.
        paper: also the tables and figures of the RPM-Net paper, which takes minutes.
        features: a folder of `vosbench inspect` to show; with `paper`, where such are kept.
        progress: is called with each sequence.
        say: is told what takes long and what was left out.

    Returns:
        The page to open.

    Raises:
        UsageError: `out` holds something else, `features` nothing to show, or a width below 64.
    """
    from vosbench.reporting.report import check, write

    results, out, kept = _results(runs), Path(out), _path(features)
    if width < 64:
        raise UsageError(f"width is {width}, expected 64 pixels or more")
    say = say or (lambda text: None)
    check(out, style)
    exhibition = None
    if paper:
        from vosbench.files import place_of
        from vosbench.rpmnet_paper import exhibits

        place = place_of(out)
        kept = kept or place.with_name(f"{place.name}-features")
        exhibition = exhibits.exhibition(results, kept, root=_path(root), say=say)
    elif kept is not None:
        from vosbench.inspection import folder

        exhibition = folder.exhibition(kept)
    made = write(
        results,
        out,
        title=title,
        style=style,
        root=_path(root),
        width=width,
        exhibition=exhibition,
        progress=progress,
    )
    for what in made.left_out:
        say(f"left out: {what}")
    return made.page


def train(
    method: str,
    videos: AnyPath,
    *,
    settings: Mapping[str, Any] | None = None,
    out: AnyPath = "trainings",
    seed: int = 0,
    device: str = "cpu",
    precision: str = "32-true",
    processes: int = 1,
    threads: int = 0,
    resume: bool = False,
) -> Path | None:
    """Train a method on unlabelled clips.

    Args:
        method: a method that learns, such as "colour-reconstruction".
        videos: folder of videos or of folders of frames.
        settings: recipe, options and settings of the training, such as {"steps": 1000}.
        out: folder in which the training gets one of its own.
        seed: of weights and samples.
        device: "cpu", "cuda" or "cuda:1".
        precision: "32-true" or "bf16-mixed".
        processes: each batch is split across them.
        threads: of a process; 0 is torch's default.
        resume: continue from the checkpoint in the folder.

    Returns:
        The weights, with their card beside them; None where it was stopped before the last step.

    Raises:
        UsageError: a name or value that does not exist, or a folder that holds a training.
        DataError: no clip can be used.
    """
    from vosbench.training.loop import silent, train
    from vosbench.training.plan import TrainConfig, plan_training

    config = TrainConfig(
        method=method,
        videos=Path(videos),
        values={key: str(value) for key, value in (settings or {}).items()},
        out=Path(out),
        seed=seed,
        device=device,
        precision=precision,
        processes=processes,
        threads=threads,
        resume=resume,
    )
    return train(plan_training(config), showing=silent).weights


def dataset(
    name: str, *, root: AnyPath | None = None, split: str = "", resolution: str = ""
) -> Dataset:
    """Open a dataset: its names, and `sequence(name)` with frames, prompts and truth.

    Examples:
        >>> plain = vosbench.dataset("synthetic").sequence("plain")
        >>> plain.frames[0].shape, sorted(plain.prompts)
        ((240, 432, 3), [0])

    Raises:
        UsageError: an unknown name, or no root. DataError: it is not there or damaged.
    """
    return open_dataset(name, root=_path(root), split=split, resolution=resolution)


def method(
    name: str, *, options: Mapping[str, Any] | None = None, device: str = "cpu", seed: int = 0
) -> Method:
    """Build a method, whose `segment(frames, prompts)` yields one mask for each frame.

    Examples:
        >>> plain = vosbench.dataset("synthetic").sequence("plain")
        >>> masks = list(vosbench.method("copy-first").segment(iter(plain.frames), plain.prompts))
        >>> len(masks) == len(plain.frames), masks[0].dtype
        (True, dtype('uint8'))

    Raises:
        UsageError: an unknown name or option.
    """
    return build_method(name, options or {}, device=device, seed=seed)


def _path(path: AnyPath | None) -> Path | None:
    return None if path is None else Path(path)


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _label(name: str) -> str:
    """The name of masks, fit for a table; UsageError where it is not."""
    if name and not (name.strip() and name.isprintable() and len(name) <= LONGEST):
        raise UsageError(
            f"{name!r} cannot name masks: expected 1 to {LONGEST} visible signs, such as STM"
        )
    return name.strip()


def _results(runs: Runs) -> list[Result]:
    """Runs as results; a folder is loaded, and its files are held against each other."""
    from vosbench.analysis.as_scored import as_scored

    if isinstance(runs, (str, Path, Result)):
        runs = [runs]
    results = [run if isinstance(run, Result) else as_scored(load(run)) for run in runs]
    if not results:
        raise UsageError("no run is given; vosbench.run makes one, vosbench.load reads one")
    return results
