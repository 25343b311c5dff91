"""What is counted of masks and truth: all that scores are made of, in memory and in counts.csv.

A row is one object on one annotated frame: pixels of truth, of prediction and of both, the lengths
of the two contours, and how much of each the other matches. counts.json beside it says what was
counted of which files, and what a protocol must know to choose objects and frames.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError
from vosbench.files import jsonable, read_json, write_json, write_text
from vosbench.types import Listed, check_name

if TYPE_CHECKING:
    from vosbench.types import DatasetCard, ScoringProtocol

FORM = 5  # of what is counted and how; counts of another form are made anew
NONE = -1  # in place of an object or a proposal: neither
KEYS = ("object", "proposal", "place")
COUNTED = (
    "height", "width", "truth", "prediction", "both",
    "truth_contour", "prediction_contour", "truth_matched", "prediction_matched",
)  # fmt: skip
MOSEV2 = ("truth_matched_mosev2", "prediction_matched_mosev2")
BANDS = ("truth_band", "prediction_band", "both_band")

Column = npt.NDArray[np.int64]  # (rows,)
Rows = Mapping[str, Column]  # by the names above; place: the frame's place in `Counts.frames`


class What(NamedTuple):
    """What is counted: of which objects, what void is, and which further columns there are.

    kind: `objects` = each id; `united` = all ids as object 1; `proposals` = each pair of an id of
        the truth and a predicted one.
    before: also on the frames before the first prompt, to which masks are carried back.
    early: also on those frames, which some scorers count though nothing is prompted there yet.
    first: also on the frame of the first prompt, which few protocols score.
    """

    kind: str = "objects"
    void: str = "background"
    mosev2: bool = False
    bands: bool = False
    before: bool = False
    early: bool = False
    first: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its counts, in order."""
        return COUNTED + (MOSEV2 if self.mosev2 else ()) + (BANDS if self.bands else ())

    @property
    def stem(self) -> str:
        """How its files are named."""
        ignored = "-void-ignored" if self.void == "ignored" and self.kind == "objects" else ""
        before = "-before" if self.before else ""
        return f"counts{'' if self.kind == 'objects' else f'-{self.kind}'}{ignored}{before}"

    def holds(self, other: What) -> bool:
        """Whether counts of this kind serve where the other is asked for."""
        same = (*self[:2], self.before) == (*other[:2], other.before)
        more = zip((*self[2:4], *self[5:]), (*other[2:4], *other[5:]), strict=True)
        return same and all(own >= asked for own, asked in more)


def what_to_count(card: DatasetCard, protocol: ScoringProtocol, *, bands: bool = False) -> What:
    """What a protocol needs, with what the card's other protocols of its kind need too."""
    kind = kind_of(protocol)
    alike = [each for each in (*card.protocols, protocol) if kind_of(each) == kind]
    smoothed = any(each.region == "smoothed" for each in alike)
    early = any(counts_early(each) for each in alike)
    first = any(each.frames == "all" and not each.drop_first for each in alike)
    return What(*kind, smoothed, bands, protocol.frames == "but-prompt", early, first)


def counts_early(protocol: ScoringProtocol) -> bool:
    """Whether frames before the first prompt count: its scorer goes by files or lists alone."""
    by_list = protocol.objects == "listed" and protocol.frames == "all"
    return by_list or protocol.frames in ("from-sight", "own-range")


def kind_of(protocol: ScoringProtocol) -> tuple[str, str]:
    """Of which objects counts must be for a protocol, and what void is in them: see `What`."""
    named = protocol.objects if protocol.objects in ("united", "proposals") else "objects"
    return named, protocol.void


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was counted in one sequence, and what else a protocol must know of it.

    sequence, group: its name, and its group for protocols that average groups.
    frames: the names of its annotated frames from the first prompt on, in order; all of them where
        masks are carried both ways, or a protocol counts earlier ones.
    places: their indices in the video.
    start: how many of them are before the first prompt.
    annotations: how many annotations it has in all.
    prompts: object -> index in the video of the frame of its prompt.
    first: the ids of the first annotation.
    listed: what the dataset's own lists say of objects.
    stored: object -> the places of the frames that its truth is stored for, where each object is
        stored by itself; None where all are in all.
    missing: frames among those to be measured that have no mask. faults: frame -> what is wrong
        with its mask or truth; neither has rows.
    absent: why there are no masks at all that could count, or "". strange: masks of no frame.
    beside: what lies with the masks and is not read, a line for each cause.
    masks: where the masks are. apart: whether they are one picture an object.
    stamps: what changes when the files of masks or truth do.
    truth_folders: where the truth is; empty if it is not read from files.
    truth_crc32: of the truth that was read. void_frames: on how many frames it has void.
    rows, held: the counts of the masks and of copy-first.
    """

    sequence: str
    group: str
    frames: tuple[str, ...]
    places: tuple[int, ...]
    start: int
    annotations: int
    prompts: dict[int, int]
    first: tuple[int, ...]
    listed: dict[int, Listed]
    stored: dict[int, tuple[int, ...]] | None
    missing: tuple[str, ...]
    absent: str
    strange: tuple[str, ...]
    beside: tuple[str, ...]
    faults: dict[str, str]
    masks: str
    apart: bool
    stamps: dict[str, str]
    truth_folders: tuple[str, ...]
    truth_crc32: str
    void_frames: int
    rows: Rows = field(compare=False)
    held: Rows | None = field(default=None, compare=False)

    def ids(self) -> tuple[int, ...]:
        """All objects that have rows."""
        return tuple(np.unique(self.rows["object"]).tolist())


FACTS = tuple(f.name for f in fields(Counts) if f.name not in ("rows", "held"))
_FILE = {"form": int, "what": dict, "of": dict, "csv_sha256": str, "sequences": [dict]}
_FACTS: dict[str, Any] = {
    "sequence": str, "group": str, "frames": [str], "places": [int], "start": int,
    "annotations": int, "prompts": dict, "first": [int], "listed": dict,
    "stored": (dict, type(None)),
    "missing": [str], "absent": str, "strange": [str], "faults": dict, "masks": str,
    "apart": bool, "stamps": dict,
    "beside": [str],
    "truth_folders": [str], "truth_crc32": str,
    "void_frames": int, "rows": int, "held": (int, type(None)),
}  # fmt: skip


def write(folder: Path, what: What, of: Mapping[str, str], counts: Iterable[Counts]) -> None:
    """Write the counts of some sequences; `of` names the data that they were counted of."""
    listed = list(counts)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    proposals = what.kind == "proposals"
    key = ("sequence", "masks", "object", *(("proposal",) if proposals else ()), "frame")
    writer.writerow((*key, *what.columns))
    for one in listed:
        for name, rows in (("result", one.rows), ("copy_first", one.held)):
            if rows is None:
                continue
            names = [one.frames[place] for place in rows["place"].tolist()]
            ids = [rows["object"].tolist()] + ([rows["proposal"].tolist()] if proposals else [])
            columns = zip(*ids, names, *(rows[c].tolist() for c in what.columns), strict=True)
            writer.writerows((one.sequence, name, *row) for row in columns)
    text = table.getvalue()
    write_text(folder / f"{what.stem}.csv", text)
    facts = [
        {key: jsonable(_plain(getattr(one, key))) for key in FACTS}
        | {
            "rows": len(one.rows["object"]),
            "held": None if one.held is None else len(one.held["object"]),
        }
        for one in listed
    ]
    kind = {
        key: each
        for key, each in what._asdict().items()
        if each or key not in ("before", "early", "first")
    }
    value = {"form": FORM, "what": kind, "of": dict(of), "csv_sha256": _hash(text)}
    write_json(folder / f"{what.stem}.json", value | {"sequences": facts})


def _plain(value: Any) -> Any:
    """The facts of objects as JSON can hold them."""
    if isinstance(value, dict):
        return {k: v._asdict() if isinstance(v, Listed) else v for k, v in value.items()}
    return value


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read(folder: Path, what: What, of: Mapping[str, str]) -> dict[str, Counts]:
    """The counts that are kept in a folder, by sequence; none where they do not serve.

    They do not where there are none, or they are damaged, of other data, of another form, or lack
    a column: then they are to be made anew.
    """
    path = folder / f"{what.stem}.json"
    try:
        kept = read_json(path, _FILE, what="what was counted", remedy="evaluate again")
        has = What(**kept["what"])
        if kept["form"] != FORM or kept["of"] != dict(of) or not has.holds(what):
            return {}
        text = path.with_suffix(".csv").read_text(encoding="utf-8")
        if _hash(text) != kept["csv_sha256"]:
            return {}
        return {one.sequence: one for one in _parsed(text, has, kept["sequences"])}
    except (OSError, DataError, TypeError, ValueError, KeyError, AttributeError):
        return {}


def _parsed(text: str, what: What, facts: Iterable[Mapping[str, Any]]) -> Iterator[Counts]:
    """Counts from the text of counts.csv and the facts beside it."""
    lines = _split(text, 5 if what.kind == "proposals" else 4)
    next(lines)
    named: set[str] = set()  # those of frames come again in each sequence
    for fact in facts:
        known = {key: fact[key] for key in FACTS}
        new = {fact["sequence"], *fact["frames"]} - named
        for name in new:
            check_name(name, "name", "counts.json")
        named |= new
        known |= {key: tuple(value) for key, value in known.items() if isinstance(value, list)}
        known["prompts"] = {int(k): v for k, v in fact["prompts"].items()}
        known["listed"] = {int(k): _listed(v) for k, v in fact["listed"].items()}
        if fact["stored"] is not None:
            known["stored"] = {int(k): tuple(v) for k, v in fact["stored"].items()}
        at = {name: place for place, name in enumerate(known["frames"])}
        known["rows"] = _columns(islice(lines, fact["rows"]), what, at)
        if fact["held"] is not None:
            known["held"] = _columns(islice(lines, fact["held"]), what, at)
        yield Counts(**known)


def _split(text: str, keys: int) -> Iterator[list[str]]:
    """The lines of counts.csv: each its keys, then what was counted, not yet split."""
    if '"' in text:  # around names that hold a comma
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        return ([*row[:keys], ",".join(row[keys:])] for row in rows)
    return (line.split(",", keys) for line in text.splitlines())


def _listed(value: Mapping[str, Any]) -> Listed:
    frames = value["frames"]
    return Listed(value["group"], None if frames is None else tuple(frames), value["frame_count"])


def _columns(lines: Iterable[list[str]], what: What, at: Mapping[str, int]) -> Rows:
    """Lines of counts.csv as columns; at: the place of each frame."""
    listed = list(lines)
    if not listed:
        return {name: np.zeros(0, np.int64) for name in (*KEYS, *what.columns)}
    _, _, *numbers, frames, counted = zip(*listed, strict=True)
    flat = np.fromstring(",".join(counted), np.int64, sep=",").reshape(len(listed), -1)
    ids = [np.fromiter(map(int, column), np.int64) for column in numbers]
    places = np.fromiter(map(at.__getitem__, frames), np.int64)
    counts = np.ascontiguousarray(flat.T)
    return dict(zip((*KEYS, *what.columns), (ids[0], ids[-1], places, *counts), strict=True))


def as_rows(listed: Iterable[tuple[int, ...]], what: What) -> Rows:
    """Rows of (object, proposal, place, counts) as columns, by object, proposal and place."""
    names = (*KEYS, *what.columns)
    flat = np.fromiter(chain.from_iterable(listed), np.int64).reshape(-1, len(names))
    flat = flat[np.lexsort((flat[:, 2], flat[:, 1], flat[:, 0]))]
    return {name: np.ascontiguousarray(flat[:, column]) for column, name in enumerate(names)}
