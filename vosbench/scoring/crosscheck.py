"""Score the same masks with another installed scorer, and show the differences per object.

Scorers differ in which frames and objects they count, not only in J and F (see the functions
below). To compare J and F alone, each object is written as a sequence of its own: 0/1 masks of
just the frames that our protocol scores. An object that a scorer cannot score is skipped with a
note. The scorers run in this process, on files in a temporary folder.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vosbench.errors import UsageError, VosbenchError, did_you_mean
from vosbench.files import replace
from vosbench.masks import VOID, in_ids, label_map, pixels, read_mask, write_mask
from vosbench.metrics.statistics import mean
from vosbench.scoring.counts import NONE
from vosbench.stored import open_stored

if TYPE_CHECKING:
    from vosbench.scoring.evaluation import Evaluation
    from vosbench.scoring.summarise import Score
    from vosbench.types import Dataset, Sequence


class Difference(NamedTuple):
    """One object: our J and F minus theirs, over the frames that both count."""

    sequence: str
    object: int
    J: float
    F: float


@dataclass(frozen=True)
class CrossCheck:
    """How far a scorer is from us; skipped: the objects that it cannot score, and why."""

    scorer: str
    rows: tuple[Difference, ...]
    skipped: tuple[str, ...]

    @property
    def largest(self) -> float:
        """The largest absolute difference of a J or an F."""
        return max((max(abs(row.J), abs(row.F)) for row in self.rows), default=0.0)

    def __str__(self) -> str:
        lines = [f"{self.scorer}: {len(self.rows)} objects, largest difference {self.largest:.3g}"]
        if self.rows:
            worst = max(self.rows, key=lambda row: max(abs(row.J), abs(row.F)))
            lines.append(
                f"  in {worst.sequence}, object {worst.object}: J {worst.J:+.3g}, F {worst.F:+.3g}"
            )
        return "\n".join([*lines, *(f"  skipped: {reason}" for reason in self.skipped)])


@dataclass(frozen=True)
class _Object:
    """One object on disk, in truth/<folder>/ and masks/<folder>/, and our scores of its frames.

    seen_in_truth, seen_in_masks: the first of its frames that shows it, or None.
    """

    folder: str
    scores: tuple[Score, ...]
    seen_in_truth: int | None
    seen_in_masks: int | None

    @property
    def label(self) -> str:
        return f"{self.scores[0].sequence}, object {self.scores[0].object}"


@dataclass(frozen=True)
class _Asked:
    """How the protocol takes objects: all ids as one; void left out; object -> its proposal."""

    united: bool
    void_ignored: bool
    shown_by: Mapping[tuple[str, int], int | None]


Answer = tuple[float, float, int]  # J, F in 0-1, and how many of the first frames it does not count


def cross_check(dataset: Dataset, masks: Path, scorer: str, evaluation: Evaluation) -> CrossCheck:
    """Run `davis2017`, `vos-benchmark` or `trackeval` on masks that we just evaluated.

    Raises:
        UsageError: the scorer is unknown or not installed.
        VosbenchError: the scorer failed.
    """
    if scorer not in SCORERS:
        raise UsageError(f"unknown scorer {scorer!r}; {did_you_mean(scorer, SCORERS)}")
    module, install, ask = SCORERS[scorer]
    if find_spec(module) is None:
        raise UsageError(f"--cross-check {scorer} needs the package {module}: {install}")
    summary = evaluation.summary
    asked = _Asked(
        united=summary["protocol"]["objects"] == "united",
        void_ignored=summary["protocol"]["void"] == "ignored",
        shown_by={
            (row["sequence"], row["object"]): row["proposal"]
            for row in summary["objects"]
            if "proposal" in row
        },
    )
    rows: list[Difference] = []
    skipped: list[str] = []
    with tempfile.TemporaryDirectory(prefix="vosbench-") as scratch:
        root = Path(scratch)
        for number, (of_object, scores) in enumerate(
            groupby(evaluation.rows, key=lambda row: row[:2])
        ):
            sequence = dataset.sequence(of_object[0])
            laid = _lay_out(sequence, masks, root, f"{number:05d}", tuple(scores), asked)
            try:
                with _quiet():
                    j, f, late = ask(root, laid)
            except _CannotAskError as reason:
                skipped.append(f"{laid.label}: {reason}")
                continue
            except (Exception, SystemExit) as error:
                raise VosbenchError(f"{scorer} failed on {laid.label}: {error!r}") from error
            ours = laid.scores[late:]
            rows.append(
                Difference(
                    ours[0].sequence,
                    ours[0].object,
                    mean([row.J for row in ours]) - j,
                    mean([row.F for row in ours]) - f,
                )
            )
    return CrossCheck(scorer, tuple(rows), tuple(skipped))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the bars, tables and warnings of a scorer off the screen."""
    sink = io.StringIO()
    with (
        contextlib.redirect_stdout(sink),
        contextlib.redirect_stderr(sink),
        warnings.catch_warnings(action="ignore"),
    ):
        yield


class _CannotAskError(VosbenchError):
    """The scorer cannot score an object; the message says why."""


def _lay_out(
    sequence: Sequence,
    masks: Path,
    root: Path,
    folder: str,
    scores: tuple[Score, ...],
    asked: _Asked,
) -> _Object:
    """Write one object's truth and masks as 0/1, under {truth,masks}/folder in root."""
    index = {name: i for i, name in enumerate(sequence.frame_names)}
    stored = open_stored(masks)
    seen: dict[str, int] = {}
    for position, score in enumerate(scores):
        proposal = asked.shown_by.get((score.sequence, score.object), score.object)
        truth, shown = sequence.truth, stored.read(sequence.name, score.frame)
        at = index[score.frame]
        void = truth.raw(at) == VOID if asked.void_ignored and hasattr(truth, "raw") else None
        pair = {
            "truth": (truth[at], score.object),
            "masks": (in_ids(shown, truth), NONE if proposal is None else proposal),
        }
        for kind, (found, number) in pair.items():
            there = label_map(found) > 0 if asked.united else pixels(found, number)
            if void is not None:
                there = there & ~void
            if there.any():
                seen.setdefault(kind, position)
            path = root / kind / folder / f"{position:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, there.view(np.uint8))
    return _Object(folder, scores, seen.get("truth"), seen.get("masks"))


def _ask_vos_benchmark(root: Path, laid: _Object) -> Answer:
    """It learns of an object when a mask shows it, and does not count earlier frames."""
    from vos_benchmark.benchmark import VideoEvaluator

    if laid.seen_in_truth is None:
        raise _CannotAskError("vos-benchmark does not score an object that is in no annotation")
    score = VideoEvaluator(root / "truth", root / "masks", skip_first_and_last=False)
    _, j, f = score(laid.folder)
    seen = [first for first in (laid.seen_in_truth, laid.seen_in_masks) if first is not None]
    return float(j[1]) / 100, float(f[1]) / 100, min(seen)


def _ask_trackeval(root: Path, laid: _Object) -> Answer:
    """It matches objects of truth and masks; with one object each there is only one match."""
    from trackeval.datasets import DAVIS
    from trackeval.metrics import JAndF

    if laid.seen_in_truth is None:
        raise _CannotAskError("TrackEval does not score an object that is in no annotation")
    data = DAVIS(
        {
            "GT_FOLDER": str(root / "truth"),
            "TRACKERS_FOLDER": str(root),
            "TRACKERS_TO_EVAL": ["masks"],
            "TRACKER_SUB_FOLDER": "",
            "SEQ_INFO": {laid.folder: len(laid.scores)},
            "PRINT_CONFIG": False,
        }
    )
    raw = data.get_raw_seq_data("masks", laid.folder)
    scores = JAndF().eval_sequence(data.get_preprocessed_seq_data(raw, "general"))
    return float(scores["J-Mean"]), float(scores["F-Mean"]), 0


def _ask_davis2017(root: Path, laid: _Object) -> Answer:
    """It drops the first and last frame and takes the objects from the first, so we add two.

    It reads the list of sequences and needs at least one picture in each.
    """
    from davis2017.evaluation import DAVISEvaluation

    davis = root / "DAVIS"
    truth = davis / "Annotations" / "480p" / laid.folder
    pictures = davis / "JPEGImages" / "480p" / laid.folder
    for folder in (truth.parent, pictures, davis / "ImageSets" / "2017"):
        folder.mkdir(parents=True, exist_ok=True)
    replace(root / "truth" / laid.folder, truth, inside=root)
    (pictures / "00000.jpg").touch()
    (davis / "ImageSets" / "2017" / "val.txt").write_text(f"{laid.folder}\n", encoding="utf-8")
    shape = read_mask(truth / "00000.png").shape
    for name in ("-first", "last"):  # `-` sorts before digits, letters after
        write_mask(truth / f"{name}.png", np.ones(shape, np.uint8))
    scorer = DAVISEvaluation(str(davis), "semi-supervised", "val")
    scores = scorer.evaluate(str(root / "masks"))
    name = f"{laid.folder}_1"
    return float(scores["J"]["M_per_object"][name]), float(scores["F"]["M_per_object"][name]), 0


Ask = Callable[[Path, _Object], Answer]
SCORERS: dict[str, tuple[str, str, Ask]] = {
    "davis2017": (
        "davis2017",
        "it is not on PyPI; pip install git+https://github.com/davisvideochallenge/"
        "davis2017-evaluation",
        _ask_davis2017,
    ),
    "vos-benchmark": ("vos_benchmark", "pip install vos-benchmark", _ask_vos_benchmark),
    "trackeval": ("trackeval", "pip install trackeval", _ask_trackeval),
}
