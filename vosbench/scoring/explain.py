"""Why two numbers differ: the same masks under every protocol, each rule by itself, or two results.

Masks are counted once; what each protocol and each change of a rule would print is computed from
the counts.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench import protocols
from vosbench.errors import DataError, UsageError
from vosbench.resolve import choose_sequences
from vosbench.results import figure, load_summary, ranked_by
from vosbench.scoring.counts import Counts, What
from vosbench.scoring.evaluation import Evaluation, Scored, score_masks
from vosbench.scoring.measure import measure
from vosbench.stored import open_stored
from vosbench.tables import Column, Table
from vosbench.types import Listed, ScoringProtocol

if TYPE_CHECKING:
    from vosbench.types import Dataset

POINT = 0.0005  # what counts as a difference: a twentieth of a point
SHOWN = 10  # rows of a table of differences
FEW = 2  # objects whose scores under each protocol are shown: more do not fit a screen


@dataclass(frozen=True)
class Explanation:
    """Tables, and what they say in sentences."""

    tables: tuple[Table, ...]
    sentences: tuple[str, ...]


def explain(
    dataset: Dataset,
    masks: Path,
    *,
    protocol: ScoringProtocol | None = None,
    sequences: tuple[str, ...] = (),
    progress: Callable[[str], None] | None = None,
) -> Explanation:
    """Score masks under every protocol that fits, and under one with each of its rules changed.

    protocol: that one; by default the dataset's first.

    Raises:
        DataError: no sequence can be scored; lists every fault.
    """
    own = protocol or dataset.card.protocols[0]
    counted = _Counted(dataset, masks, choose_sequences(dataset.names, sequences), progress)
    base = counted.scored(own)
    if isinstance(base, str):
        raise DataError(base)
    rows, left = [], []
    of_objects: dict[str, Objects] = {}
    for each in _candidates(dataset):
        found = counted.scored(each)
        if isinstance(found, str):
            left.append(f"{each.name} does not fit: {found}")
        else:
            rows.append(_row(each, found))
            of_objects[each.name] = _of_rows(found.summary["objects"])
    summary = base.summary
    name = ranked_by(summary["protocol"])
    value = figure(summary, name)
    changes = list(_changes(counted, own, name, value))
    tables = [
        Table(
            "protocols",
            f"The same masks under each protocol: {dataset.card.title} {dataset.split}",
            (
                Column("protocol"), Column("figure"), Column("value", "%"),
                Column("J", "%"), Column("F", "%"), Column("objects"),
                Column("object-frames"), Column("sequences"),
            ),
            tuple(rows),
            (*left, *_undefined(rows), *_told_of_columns(rows, of_objects)),
        ),
        Table(
            "rules",
            f"{own.name} with one rule changed",
            (
                Column("rule"), Column(name, "%"),
                Column("difference", "%", digits=2, signed=True), Column("object-frames"),
            ),
            (("as it is", value, 0.0, summary["presence"]["object_frames"]), *changes),
        ),
    ]  # fmt: skip
    if len(_all(of_objects)) <= FEW:
        tables = [tables[0], _by_object(of_objects), tables[1]]
    return Explanation(tuple(tables), tuple(_sentences(dataset, counted, own, base, rows, changes)))


def _all(of_objects: Mapping[str, Objects]) -> list[tuple[str, int]]:
    return sorted({key for of in of_objects.values() for key in of})


def _by_object(of_objects: Mapping[str, Objects]) -> Table:
    """J and F of each object under each protocol."""
    keys = _all(of_objects)
    return Table(
        "objects",
        "J and F of each object under each protocol",
        (
            Column("protocol"),
            *(Column(f"{m} {s} {n}", "%", digits=2) for s, n in keys for m in "JF"),
        ),
        tuple(
            (name, *(of[key][m] if key in of else None for key in keys for m in "JF"))
            for name, of in of_objects.items()
        ),
        ("-: the protocol does not score the object",),
    )


def _with_ranges(one: Counts) -> Counts:
    """The same with the frames from its prompt to the last but one as the range of each object.

    LVOS's meta file lists ranges so; other datasets have none.
    """
    if all(listed.frames is not None for listed in one.listed.values()) and one.listed:
        return one
    listed = {}
    for number, index in one.prompts.items():
        names = tuple(n for n, place in zip(one.frames, one.places, strict=True) if place >= index)
        group = one.listed[number].group if number in one.listed else ""
        listed[number] = Listed(group or "seen", names[:-1], len(names))
    return replace(one, listed=listed)


class _Counted:
    """The counts of some masks of each kind, made when a protocol first asks for them."""

    def __init__(
        self,
        dataset: Dataset,
        masks: Path,
        names: tuple[str, ...],
        progress: Callable[[str], None] | None,
    ) -> None:
        self.dataset, self.stored, self.names = dataset, open_stored(masks), names
        self.failed: dict[str, tuple[str, ...]] = {}
        self._unfit: set[str] | None = None  # what the first protocol that is asked cannot score
        self._progress = progress
        self._counts: dict[What, list[Counts]] = {}

    def of(self, what: What) -> list[Counts]:
        """The counts of all sequences that can be read."""
        if what not in self._counts:
            made = []
            for name in self.names:
                try:
                    sequence = self.dataset.sequence(name)
                    made.append(measure(sequence, self.stored, what, first=True))
                except DataError as error:
                    self.failed[name] = error.faults
                if self._progress:
                    self._progress(name)
            self._counts[what] = made
        return self._counts[what]

    def scored(self, protocol: ScoringProtocol) -> Evaluation | str:
        """The scores of the sequences that fit a protocol, or why none does."""
        what = _kind(protocol)
        counts = self.of(what)
        if protocol.frames == "own-range":
            counts = [_with_ranges(one) for one in counts]
        scored = Scored(self.dataset, protocol, counts)
        failed = self.failed | scored.failed
        if self._unfit is None:
            self._unfit = set(scored.failed)
        elif unfit := [name for name in scored.failed if name not in self._unfit]:
            return scored.failed[unfit[0]][0]
        if any(member.objects for member in scored.members):
            return scored.evaluation(failed, what, {}, baseline=False)
        faults = [fault for faults in failed.values() for fault in faults]
        return faults[0] if faults else "no frame counts"


def _candidates(dataset: Dataset) -> list[ScoringProtocol]:
    """The card's protocols, then all others that there are, each once."""
    known = [each for each in vars(protocols).values() if isinstance(each, ScoringProtocol)]
    by_name = {each.name: each for each in (*dataset.card.protocols, *known)}
    return list(by_name.values())


def _row(protocol: ScoringProtocol, found: Evaluation) -> tuple[Any, ...]:
    summary = found.summary
    name = ranked_by(summary["protocol"])
    return (
        protocol.name, name, figure(summary, name), summary["J"]["mean"],
        summary["F"]["mean"] if "F" in protocol.headline else None, len(summary["objects"]),
        summary["presence"]["object_frames"],
        len(summary["sequences"]),
    )  # fmt: skip


def _told_of_columns(rows: Iterable[tuple[Any, ...]], of: Mapping[str, Objects]) -> Iterator[str]:
    """What the columns leave out."""
    if any(row[1] == "J&Ḟ" for row in rows):
        yield "J&Ḟ is the mean of J and Ḟ, whose tolerance is narrower; F beside it is not in it"
    if len(_all(of)) > FEW:
        yield f"--sequences with at most {FEW} objects shows each object under each protocol"


def _undefined(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Why some protocols that fit give no number."""
    for name, *_ in (row for row in rows if row[2] is None):
        yield f"{name} is undefined: it averages seen and unseen groups, and one of them is empty"


class _Change(NamedTuple):
    """A rule, what the headline is with it, how much more, and of how many object-frames."""

    rule: str
    value: float | None
    difference: float | None
    frames: int


def _changes(
    counted: _Counted, own: ScoringProtocol, name: str, value: float | None
) -> Iterator[_Change]:
    """What the headline would be with one rule changed."""
    counts = counted.of(_kind(own))
    void, lists = any(c.void_frames for c in counts), any(c.listed for c in counts)
    for rule, changed in _variants(own, void=void, lists=lists):
        found = counted.scored(changed)
        if isinstance(found, str):
            continue
        now = figure(found.summary, ranked_by(found.summary["protocol"]))
        difference = None if now is None or value is None else now - value
        yield _Change(rule, now, difference, found.summary["presence"]["object_frames"])


def _kind(protocol: ScoringProtocol) -> What:
    kind = protocol.objects if protocol.objects in ("united", "proposals") else "objects"
    return What(kind, protocol.void, mosev2=True)


def _variants(
    own: ScoringProtocol, *, void: bool, lists: bool
) -> Iterator[tuple[str, ScoringProtocol]]:
    """Each rule that people and scorers differ in, and the protocol with it."""
    first = "counted" if own.drop_first else "left out"
    last = "counted" if own.drop_last else "left out"
    if own.frames != "after-prompt":
        yield f"the first frame {first}", replace(own, drop_first=not own.drop_first)
    yield f"the last frame {last}", replace(own, drop_last=not own.drop_last)
    by_id = own.objects not in ("united", "proposals")
    ways = {
        "all": "every annotated frame of the video",
        "after-prompt": "each object after its own prompt only",
        "from-sight": "each object from the first frame on that shows it",
    }
    for frames, words in ways.items() if by_id else ():
        if frames != own.frames:
            yield words, replace(own, frames=frames)  # type: ignore[arg-type]
    which = {
        "first": "only the objects of the first annotation",
        "prompted": "every object that is ever prompted",
        "listed": "every object that the dataset lists",
    }
    for objects, words in which.items() if by_id else ():
        same = {objects, own.objects} <= {"numbered", "first"}
        if objects == "listed" and not lists:
            continue
        if objects != own.objects and not same and own.frames != "own-range":
            yield words, replace(own, objects=objects)  # type: ignore[arg-type]
    if by_id:
        yield "all ids as one object", replace(own, objects="united", frames="all")
    averages = {"objects": "mean over all objects", "sequences": "mean over videos, not objects"}
    for average, words in averages.items():
        if average != own.average:
            yield words, replace(own, average=average)  # type: ignore[arg-type]
    if own.over == "frames" and len(own.headline) > 1 and own.average == "objects":
        if own.region == "iou":
            adapted = ("J&Ḟ",)
            yield "J and Ḟ of MOSEv2, not J and F", replace(own, region="smoothed", figures=adapted)
        else:
            yield "F, not Ḟ", replace(own, figures=("J&F",))
            yield "J and F of DAVIS, not J and Ḟ", replace(own, region="iou", figures=())
    if own.over == "frames":
        yield "pixels summed over the video, not frames averaged", replace(own, over="volume")
    if void:
        other = "background" if own.void == "ignored" else "ignored"
        yield f"void {other}", replace(own, void=other)  # type: ignore[arg-type]


def _sentences(
    dataset: Dataset,
    counted: _Counted,
    own: ScoringProtocol,
    base: Evaluation,
    rows: list[tuple[Any, ...]],
    changes: list[_Change],
) -> Iterator[str]:
    """What a reader should know, most important first."""
    summary, card = base.summary, dataset.card
    name = ranked_by(summary["protocol"])
    yield f"{own.name} on {card.name} gives {name} {_x100(figure(summary, name))}."
    official = summary["dataset"]["card_sequences"]
    scored = len(summary["sequences"])
    if scored < official:
        yield (
            f"Only {scored} of the {official} sequences of {card.title} {dataset.split} are "
            "scored: published figures are of all of them."
        )
    for sequence, faults in (summary.get("failed") or {}).items():
        if sequence in summary.get("zero", ()):
            continue
        yield f"{sequence} is not scored: {str(faults).splitlines()[0]}"
    unlisted = [each for each in counted.stored.sequences() if each not in dataset.names]
    if unlisted:
        yield (
            f"The masks hold {len(unlisted)} sequences that the list lacks, such as {unlisted[0]}: "
            "another list may have been scored."
        )
    for note in summary.get("notes", ()):
        yield f"Note: {note}."
    if unscored := summary["unscored"]:
        yield f"{len(unscored)} objects are never scored, such as {unscored[0]}."
    values = [(row[2], row[0], row[1]) for row in rows if row[2] is not None]
    (low, low_name, low_figure), (high, high_name, high_figure) = min(values), max(values)
    if high - low >= POINT:
        yield (
            f"The same masks get {low_figure} {_x100(low)} under {low_name} and {high_figure} "
            f"{_x100(high)} under {high_name}: a figure without its protocol cannot be compared."
        )
    moved = [each for each in changes if each.difference and abs(each.difference) >= POINT]
    moved.sort(key=lambda each: -abs(each.difference or 0))
    for change in moved[:5]:
        yield (
            f"It would be {_x100(change.value)} ({100 * (change.difference or 0):+.1f}) with this "
            f"rule: {change.rule}."
        )
    if not moved:
        yield "No single change of a rule moves it by a twentieth of a point."


def _x100(value: float | None) -> str:
    return "undefined" if value is None else f"{100 * value:.1f}"


Objects = Mapping[tuple[str, int], Mapping[str, float]]  # (sequence, object) -> J, F in 0-1


def against(
    dataset: Dataset | None,
    one: Path,
    other: Path,
    *,
    protocol: ScoringProtocol | None = None,
    sequences: tuple[str, ...] = (),
) -> Explanation:
    """Where two results differ, by sequence and object, largest first.

    one, other: each masks, or scores: a scored run, a folder of `evaluate`, its scores.csv, or the
        per-sequence CSV of davis2017-evaluation. dataset: to score masks against.

    Raises:
        UsageError: masks without a dataset. DataError: a file is damaged, or nothing is in both.
    """
    names = one.name or str(one), other.name or str(other)
    if names[0] == names[1]:
        names = str(one), str(other)
    found = [_objects(dataset, path, protocol, sequences) for path in (one, other)]
    both = sorted(found[0].keys() & found[1].keys())
    if not both:
        raise DataError(f"{one} and {other} have no object in common; are they of one dataset?")
    rows = [
        (sequence, number, j[0], j[1], j[0] - j[1], f[0], f[1], f[0] - f[1])
        for sequence, number in both
        for j, f in [tuple([scores[sequence, number][m] for scores in found] for m in "JF")]
    ]
    rows.sort(key=lambda row: -max(abs(row[4]), abs(row[7])))
    table = Table(
        "differences",
        f"{names[0]} and {names[1]}, object by object, largest difference first",
        (
            Column("sequence"), Column("object"),
            *(
                column
                for metric in "JF"
                for column in (
                    Column(f"{metric} {names[0]}", "%"), Column(f"{metric} {names[1]}", "%"),
                    Column(f"{metric} difference", "%", digits=2, signed=True),
                )
            ),
        ),
        tuple(rows[:SHOWN]),
        (f"{len(rows)} objects are in both",),
    )  # fmt: skip
    return Explanation((table,), tuple(_told(names, found, rows)))


def _told(
    names: tuple[str, str], found: list[Objects], rows: list[tuple[Any, ...]]
) -> Iterator[str]:
    """What two results share and where they part, in sentences."""
    one, two = found
    pairs = ((one, two, names[0], names[1]), (two, one, names[1], names[0]))
    for mine, theirs, name, other in pairs:
        if alone := sorted(mine.keys() - theirs.keys()):
            sequence, number = alone[0]
            yield (
                f"{len(alone)} objects are only in {name}, such as object {number} of {sequence}: "
                f"{other} has another list, or counts other objects."
            )
    differing = [row for row in rows if max(abs(row[4]), abs(row[7])) > 1e-9]
    if not differing:
        yield f"All {len(rows)} objects have the same J and F: the results are identical."
        return
    means = [sum(row[k] for row in rows) / len(rows) for k in (2, 3, 5, 6)]
    yield (
        f"On the objects that both have, J is {_x100(means[0])} against {_x100(means[1])} and F "
        f"{_x100(means[2])} against {_x100(means[3])}, as means over objects."
    )
    total = sum(abs(row[4]) + abs(row[7]) for row in rows)
    first = differing[0]
    share = (abs(first[4]) + abs(first[7])) / total
    yield (
        f"They differ in {len(differing)} of {len(rows)} objects, most in object {first[1]} of "
        f"{first[0]} (J {100 * first[4]:+.1f}, F {100 * first[7]:+.1f}), which is "
        f"{100 * share:.0f} % of all differences."
    )
    signs = {row[4] > 0 for row in differing if row[4]}
    if len(signs) == 1 and len(differing) > 2:
        higher = names[0] if signs == {True} else names[1]
        yield f"In all of them {higher} has the higher J."


def _objects(
    dataset: Dataset | None,
    path: Path,
    protocol: ScoringProtocol | None,
    sequences: tuple[str, ...],
) -> Objects:
    """J and F of each object of masks or of scores."""
    if path.suffix.lower() == ".csv" and path.is_file():
        return _of_csv(path)
    if (path / "summary.json").is_file():
        return _of_rows(load_summary(path)["objects"])
    if dataset is None:
        raise UsageError(f"{path} holds masks, so name their dataset: --dataset NAME")
    chosen = protocol or dataset.card.protocols[0]
    scored = score_masks(dataset, path, protocol=chosen, sequences=sequences or None)
    return _of_rows(scored.summary["objects"])


def _of_rows(rows: Iterable[Mapping[str, Any]]) -> Objects:
    return {(r["sequence"], r["object"]): {m: r[m]["mean"] for m in "JF"} for r in rows}


def _of_csv(path: Path) -> Objects:
    """J and F of each object of our scores.csv, or of the table of davis2017-evaluation."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        if rows and {"Sequence", "J-Mean", "F-Mean"} <= rows[0].keys():
            return {
                (name, int(number)): {"J": float(row["J-Mean"]), "F": float(row["F-Mean"])}
                for row in rows
                for name, _, number in [row["Sequence"].rpartition("_")]
            }
        frames: dict[tuple[str, int], list[tuple[float, float]]] = {}
        for row in rows:
            key = row["sequence"], int(row["object"])
            frames.setdefault(key, []).append((float(row["J"]), float(row["F"])))
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise DataError(
            f"{path} is not a scores.csv, nor the per-sequence table of davis2017-evaluation "
            f"({error!r})"
        ) from error
    return {
        key: {m: sum(pair[k] for pair in of) / len(of) for k, m in enumerate("JF")}
        for key, of in frames.items()
    }
