"""Why two numbers differ: the same masks under every protocol, and each rule by itself.

Masks are counted once; what each protocol and each change of a rule would print is computed from
the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench import protocols
from vosbench.errors import DataError
from vosbench.protocols import USUAL, ranked_by
from vosbench.resolve import choose_sequences
from vosbench.results import figure
from vosbench.scoring.counts import Counts, What, kind_of
from vosbench.scoring.evaluation import Scored
from vosbench.scoring.measure import measure
from vosbench.stored import open_stored
from vosbench.tables import Column, Table
from vosbench.types import Listed, ScoringProtocol

if TYPE_CHECKING:
    from vosbench.types import Dataset

POINT = 0.0005  # what counts as a difference: a twentieth of a point
FEW = 2  # objects whose scores under each protocol are shown: more do not fit a screen


# (sequence, object) -> J, F in 0-1
Objects = Mapping[tuple[str, int], Mapping[str, float]]


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
) -> Explanation:
    """Score masks under every protocol that fits, and under one with each of its rules changed.

    protocol: that one; by default the dataset's first.

    Raises:
        DataError: no sequence can be scored; lists every fault.
    """
    own = protocol or dataset.card.protocols[0]
    counted = _Counted(dataset, masks, choose_sequences(dataset.names, sequences))
    base = counted.scored(own)
    if isinstance(base, str):
        raise DataError(base)
    summary = base.evaluation(
        counted.failed | base.failed, _what(own, dataset), {}, baseline=False
    ).summary
    rows, left = [], []
    of_objects: dict[str, Objects] = {}
    for each in _candidates(dataset):
        found = counted.scored(each)
        if isinstance(found, str):
            left.append(f"{each.name} does not fit: {found}")
        else:
            means = found.means(found.failed)
            rows.append(_row(each, means))
            of_objects[each.name] = objects_of(means["objects"])
    name = ranked_by(own)
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
    return Explanation(
        tuple(tables), tuple(_sentences(dataset, counted, own, summary, rows, changes))
    )


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

    def __init__(self, dataset: Dataset, masks: Path, names: tuple[str, ...]) -> None:
        self.dataset, self.stored, self.names = dataset, open_stored(masks), names
        self.failed: dict[str, tuple[str, ...]] = {}
        self._unfit: set[str] | None = None  # what the first protocol that is asked cannot score
        self._counts: dict[What, list[Counts]] = {}

    def of(self, what: What) -> list[Counts]:
        """The counts of all sequences that can be read."""
        if what not in self._counts:
            made = []
            for name in self.names:
                try:
                    sequence = self.dataset.sequence(name)
                    made.append(measure(sequence, self.stored, what))
                except DataError as error:
                    self.failed[name] = error.faults
            self._counts[what] = made
        return self._counts[what]

    def scored(self, protocol: ScoringProtocol) -> Scored | str:
        """The sequences as a protocol scores them, or why it fits none or fewer than the first."""
        counts = self.of(_what(protocol, self.dataset))
        if protocol.frames == "own-range":
            counts = [_with_ranges(one) for one in counts]
        scored = Scored(self.dataset, protocol, counts)
        failed = self.failed | scored.failed
        if self._unfit is None:
            self._unfit = set(scored.failed)
        elif unfit := [name for name in scored.failed if name not in self._unfit]:
            return scored.failed[unfit[0]][0]
        if any(member.objects for member in scored.members):
            return scored
        faults = [fault for faults in failed.values() for fault in faults]
        return faults[0] if faults else "no frame counts"


def _candidates(dataset: Dataset) -> list[ScoringProtocol]:
    """The card's protocols, then all others that there are, each once."""
    known = [each for each in vars(protocols).values() if isinstance(each, ScoringProtocol)]
    if getattr(dataset, "at", USUAL) != USUAL:
        known = []  # a published name over other prompts would be taken for the published figure
    by_name = {each.name: each for each in (*dataset.card.protocols, *known)}
    return list(by_name.values())


def _row(protocol: ScoringProtocol, means: Mapping[str, Any]) -> tuple[Any, ...]:
    name = ranked_by(protocol)
    return (
        protocol.name, name, figure(means, name), means["J"]["mean"],
        means["F"]["mean"] if "F" in protocol.headline else None, len(means["objects"]),
        means["presence"]["object_frames"], len(means["sequences"]),
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
    counts = counted.of(_what(own, counted.dataset))
    void, lists = any(c.void_frames for c in counts), any(c.listed for c in counts)
    for rule, changed in _variants(own, void=void, lists=lists):
        found = counted.scored(changed)
        if isinstance(found, str):
            continue
        means = found.means(found.failed)
        now = figure(means, ranked_by(changed))
        difference = None if now is None or value is None else now - value
        yield _Change(rule, now, difference, means["presence"]["object_frames"])


def _what(protocol: ScoringProtocol, dataset: Dataset) -> What:
    """One for all protocols of a kind, so that masks are read once."""
    early = protocol.objects not in ("united", "proposals")
    return What(
        *kind_of(protocol),
        mosev2=True,
        before=protocol.frames == "but-prompt",
        early=early and getattr(dataset, "at", USUAL) == USUAL,
        first=True,
    )


def _variants(
    own: ScoringProtocol, *, void: bool, lists: bool
) -> Iterator[tuple[str, ScoringProtocol]]:
    """Each rule that people and scorers differ in, and the protocol with it."""
    first = "counted" if own.drop_first else "left out"
    last = "counted" if own.drop_last else "left out"
    if own.frames not in ("after-prompt", "but-prompt"):
        yield f"the first frame {first}", replace(own, drop_first=not own.drop_first)
    yield f"the last frame {last}", replace(own, drop_last=not own.drop_last)
    by_id = own.objects not in ("united", "proposals")
    ways = {
        "all": "every annotated frame of the video",
        "after-prompt": "each object after its own prompt only",
        "from-sight": "each object from the first frame on that shows it",
    }
    for frames, words in ways.items() if by_id and own.frames != "but-prompt" else ():
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
        united = replace(own, objects="united")
        both_ways = own.frames == "but-prompt"
        yield "all ids as one object", united if both_ways else replace(united, frames="all")
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
    summary: Mapping[str, Any],
    rows: list[tuple[Any, ...]],
    changes: list[_Change],
) -> Iterator[str]:
    """What a reader should know, most important first."""
    card, name = dataset.card, ranked_by(own)
    yield f"{own.name} on {card.name} gives {name} {x100(figure(summary, name))}."
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
            f"The same masks get {low_figure} {x100(low)} under {low_name} and {high_figure} "
            f"{x100(high)} under {high_name}: a figure without its protocol cannot be compared."
        )
    moved = [each for each in changes if each.difference and abs(each.difference) >= POINT]
    moved.sort(key=lambda each: -abs(each.difference or 0))
    for change in moved[:5]:
        yield (
            f"It would be {x100(change.value)} ({100 * (change.difference or 0):+.1f}) with this "
            f"rule: {change.rule}."
        )
    if not moved:
        yield "No single change of a rule moves it by a twentieth of a point."


def x100(value: float | None) -> str:
    """A figure for a sentence."""
    return "undefined" if value is None else f"{100 * value:.1f}"


def objects_of(rows: Iterable[Mapping[str, Any]]) -> Objects:
    """J and F of the objects of a summary."""
    return {(r["sequence"], r["object"]): {m: r[m]["mean"] for m in "JF"} for r in rows}
