"""Read a scored run from its folder: run.json, summary.json and scores.csv, each file once.

A summary says what was scored, so that masks of any tool are a run to whatever compares, draws and
reports; its seal holds the files together.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from vosbench.errors import DataError, UsageError, needing
from vosbench.files import NUMBER, check_shape, fingerprint, misfit, read_json
from vosbench.protocols import DIRECTIONS, USUAL, PromptAt
from vosbench.types import check_name, visible

if TYPE_CHECKING:
    import pandas

_MEANS = {"mean": NUMBER, "recall": NUMBER, "decay": NUMBER}
_MEAN = {**_MEANS, "mean": (int, float)}
_ROW: dict[str, Any] = {"J": _MEAN, "F": _MEAN, "J&F": (int, float), "figures?": dict}
_SCORED: dict[str, Any] = {"J": _MEANS, "F": _MEANS, "J&F": NUMBER, "figures?": dict}
SUMMARY = {  # what every summary.json holds; some hold more
    **_SCORED,
    "protocol": {
        "name": str, "description": str, "source": str, "objects": str, "average": str,
        "headline": [str], "figures?": [str],
    },
    "dataset": {
        "name": str, "split": str, "sequences": int, "card_sequences": int, "list_sha256": str,
        "truth_crc32?": str,
    },
    "copy_first?": (type(None), _SCORED),
    "no_prediction?": (type(None), _SCORED),
    "unscored?": [str],
    "scored?": dict,
    "seal?": {"summary_sha256": str, "scores_sha256": str},
    "objects": [{"sequence": str, "object": int, **_ROW}],
    "sequences": [{
        "sequence": str, "group": str, "frames": int, "objects": int, **_ROW,
    }],
}  # fmt: skip
MANIFEST = {  # what every run.json holds from the start of the run on
    "label": str,
    "root": (str, type(None)),
    "method_source": str,
    "identity_sha256": str,
    "identity": {
        "method": str, "options": dict, "files": dict, "dataset": str, "split": str,
        "resolution": str, "sequences": [str], "device": str, "seed": int, "prompt?": str,
        "real_time?": {"fps": NUMBER, "grace": int},
        "prompt_at?": str, "direction?": str,
    },
    "protocol": {"name": str},
    "environment": {"cores": NUMBER, "processor": str, "versions": dict},
    "status?": str, "untimed?": str, "own_data?": str, "done?": [str], "failed?": dict,
    "card?": dict, "masks_sha256?": str, "remarks?": [str],
    "shipped_weights?": [str], "complaints?": [str],
    "program?": (dict, type(None)),
}  # fmt: skip
UNFINISHED: Mapping[str, Any] = {  # what stands for the rest while a run is under way
    "timing": {
        "what": "", "frames": 0, "mean_seconds_of_all": None, "median_seconds": None,
        "p95_seconds": None,
    },
    "failed": {}, "made_by": [], "peak_memory_bytes": None,
}  # fmt: skip
ENDED = {
    "timing": {
        "what": str, "frames": int, "median_seconds": NUMBER, "p95_seconds": NUMBER,
        "mean_seconds_of_all?": NUMBER,
    },
    "failed": dict, "made_by": [str], "peak_memory_bytes": NUMBER,
}  # fmt: skip
_RUN = {
    "what": "the record of a run",
    "remedy": "run again with --overwrite always, or another --out",
}
MASKS = {  # what summary.json says of masks that do not lie in the run's own folder
    "name": str, "masks": str, "root": (str, type(None)), "resolution": str,
    "prompt_at?": str, "direction?": str,
}  # fmt: skip
PRESENCE = ("tracked", "missed", "hallucinated", "rightly_empty")
HEADER = ["sequence", "object", "frame", "J", "F"]  # of scores.csv


T = TypeVar("T")


class FrameScore(NamedTuple):
    """J and F of one object on one frame, 0-1."""

    frame: str
    J: float
    F: float


class Data(NamedTuple):
    """Where the truth was found: the dataset's folder, None for one that needs none.

    at: where the objects of the run were prompted.
    """

    root: Path | None
    resolution: str
    at: PromptAt = USUAL


class Remembered(NamedTuple):
    """What a folder of scores was made from: masks that are no run, and where their truth is."""

    name: str
    masks: Path
    dataset: str
    split: str
    data: Data


FrameScores: TypeAlias = Mapping[tuple[str, int], tuple[FrameScore, ...]]


@dataclass(frozen=True)
class Result:
    """A scored run: its folder on disk and everything in it.

    manifest: the content of run.json; None for masks of another tool.
    summary: the content of summary.json.
    masks: their folder, zip archive or JSON file, as `stored.open_stored` takes it.
    cross_check: what an installed scorer said of the same masks, if it was asked.
    data: where the truth was found; None where nothing remembers it.
    scores_sha256: the hash of the scores.csv that the summary is of; "" where it is not known.
    counts: the file of the counts that a loaded summary was made of; None where it is not known.
    changed: the sequences whose masks are not those that were scored, where that was looked at.
    """

    name: str
    folder: Path | None
    manifest: dict[str, Any] | None
    summary: dict[str, Any]
    masks: Path | None = None
    cross_check: str | None = None
    data: Data | None = None
    scores_sha256: str = field(default="", repr=False, compare=False)
    counts: Path | None = field(default=None, repr=False, compare=False)
    changed: tuple[str, ...] = ()
    # what `once` made; `dataclasses.replace` hands it on, so that a copy makes nothing anew
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, make: Callable[[Result], T]) -> T:
        """What `make` gives for this run, made at the first call only."""
        if make not in self._kept:
            self._kept[make] = make(self)
        kept: T = self._kept[make]
        return kept

    @property
    def frame_scores(self) -> FrameScores:
        """Sequence and object -> its scored frames in order; scores.csv is read at the first call.

        Raises:
            UsageError: the scores were not written.
            DataError: scores.csv is missing, damaged, or not of the objects of summary.json.
        """
        return self.once(_frame_scores)

    @property
    def frames(self) -> pandas.DataFrame:
        """One row per sequence, object and frame: J and F in 0-1."""
        with needing("a table of scores"):
            import pandas

        rows = (
            (sequence, number, *score)
            for (sequence, number), scores in self.frame_scores.items()
            for score in scores
        )
        return pandas.DataFrame(rows, columns=HEADER)

    @property
    def presence(self) -> dict[str, float] | None:
        """Shares of object-frames, 0-1, by PRESENCE; None if scored before they were counted."""
        kept = self.summary.get("presence")
        if not isinstance(kept, dict) or any(not isinstance(kept.get(k), float) for k in PRESENCE):
            return None
        return {kind: kept[kind] for kind in PRESENCE}

    @property
    def complaints(self) -> tuple[str, ...]:
        """What the training of its weights complained of, `short: long` each; often nothing."""
        return tuple(self.manifest.get("complaints", ())) if self.manifest else ()

    @property
    def objects(self) -> pandas.DataFrame:
        """One row per object: mean, recall and decay of J and F."""
        return _table(self.summary["objects"])

    @property
    def sequences(self) -> pandas.DataFrame:
        """One row per sequence, averaged over its objects."""
        return _table(self.summary["sequences"])

    def record(self) -> dict[str, Any]:
        """The run as `--json` prints it."""
        return {
            "name": self.name,
            "folder": str(self.folder) if self.folder else None,
            "run": self.manifest,
            "summary": self.summary,
            **({"changed": list(self.changed)} if self.changed else {}),
        }


def figure(scores: Mapping[str, Any], name: str) -> float | None:
    """A figure of a summary by its name in tables: J, F, J&F, or a further one."""
    if name in ("J", "F"):
        mean: float | None = scores[name]["mean"]
        return mean
    value: float | None = scores[name] if name in scores else scores.get("figures", {}).get(name)
    return value


def _frame_scores(run: Result) -> FrameScores:
    if run.folder is None:
        raise UsageError(
            f"the scores of {run.name} were not written; evaluate with --out FOLDER, "
            "from Python with out=FOLDER"
        )
    return _read_scores(run.folder / "scores.csv", run.summary, run.scores_sha256)


def load(folder: Path | str) -> Result:
    """Load a scored run, its scores under another protocol, or a folder of `evaluate`.

    Raises:
        DataError: summary.json is missing, or it or run.json is damaged.
    """
    folder = Path(folder)
    summary, scored, seal = _sealed(folder)
    if home := home_of(folder):
        manifest = manifest_of(home)
        if seal:  # there was none at first
            _refuse_others(folder, scored, home, manifest)
        run = Result(manifest["label"], folder, manifest, summary, home / "masks")
        run = replace(run, data=data_of(manifest))
    else:
        run = Result(folder.resolve().name, folder, None, summary)
        if "masks" in scored:
            root = Path(scored["root"]) if scored["root"] else None
            data = Data(root, scored["resolution"], _prompted(scored))
            run = replace(run, name=visible(scored["name"]), masks=Path(scored["masks"]), data=data)
    counts = (home or folder) / f"{scored['counts']}.json" if "counts" in scored else None
    return replace(run, scores_sha256=seal.get("scores_sha256", ""), counts=counts)


def load_unscored(folder: Path) -> Result:
    """A run whose masks were not scored: its summary is empty.

    Raises:
        UsageError: the folder holds no run.json. DataError: it is damaged.
    """
    manifest = manifest_of(folder)
    data = data_of(manifest)
    return Result(manifest["label"], folder, manifest, {}, folder / "masks", data=data)


def remembered(folder: Path) -> Remembered | None:
    """What the scores in a folder were made from; None where there are none, or those of a run.

    Raises:
        DataError: summary.json is damaged.
    """
    if home_of(folder) or not (folder / "summary.json").is_file():
        return None
    run = load(folder)
    if run.masks is None or run.data is None:
        return None
    of = run.summary["dataset"]
    return Remembered(run.name, run.masks, of["name"], of["split"], run.data)


def told_of(result: Result, counts: str) -> dict[str, str | None]:
    """What summary.json says of what was scored, beside the scores.

    Of a run the hashes that tell it and its masks from others; where its folder does not hold the
    scores, or where there is no run, what `load` needs to find masks and truth.

    counts: the name of the .json with the counts that the scores were made of.
    """
    hashes = {"counts": counts, **(_hashes(result.manifest) if result.manifest else {})}
    if result.folder is None or home_of(result.folder):
        return hashes
    assert result.masks, "masks that were scored"
    assert result.data, "truth that was read"
    root = result.data.root
    return {
        "name": result.name,
        "masks": str(result.masks.resolve()),
        "root": str(root.resolve()) if root else None,
        "resolution": result.data.resolution,
        **result.data.at.words,
        **hashes,
    }


def _hashes(manifest: Mapping[str, Any]) -> dict[str, str | None]:
    return {key: manifest[key] for key in ("identity_sha256", "masks_sha256") if key in manifest}


def _refuse_others(
    folder: Path, scored: Mapping[str, Any], home: Path, manifest: Mapping[str, Any]
) -> None:
    """Raise DataError where scores are not of the run in whose folder they lie."""
    now, path, again = _hashes(manifest), folder / "summary.json", "evaluate again"
    if scored.get("identity_sha256") != now["identity_sha256"]:
        raise DataError(f"{path} is not of the run that {home / 'run.json'} tells of; {again}")
    if "masks_sha256" in now and scored.get("masks_sha256") not in (None, now["masks_sha256"]):
        raise DataError(
            f"{path} is of other masks than {home / 'run.json'} tells of: they were made anew, or "
            f"one of the two files is another run's; {again}"
        )


def home_of(folder: Path) -> Path | None:
    """The run whose scores a folder is for: its own, or one of its scores-<protocol>/."""
    home = folder.resolve().parent if folder.resolve().name.startswith("scores-") else folder
    return home if (home / "run.json").is_file() else None


def data_of(manifest: Mapping[str, Any]) -> Data:
    """Where the truth of a run was found, by its run.json."""
    root = manifest["root"]
    identity = manifest["identity"]
    return Data(Path(root) if root else None, identity["resolution"], _prompted(identity))


def _prompted(said: Mapping[str, Any]) -> PromptAt:
    """Where objects are prompted, by an identity or a summary; runs before there was a choice too.

    Raises:
        DataError: the file was edited: there is no such direction.
    """
    at = PromptAt(said.get("prompt_at", USUAL.frame), said.get("direction", USUAL.direction))
    if at.direction not in DIRECTIONS:
        raise DataError(f"a run was carried {at.direction!r}, which is no direction")
    return at


def _table(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    """Nested rows as flat columns: `J mean`, `J recall`, ..."""
    with needing("a table of scores"):
        import pandas

    return pandas.json_normalize(rows, sep=" ")


def load_summary(folder: Path) -> dict[str, Any]:
    """Read the scores of a folder's summary.json.

    Raises:
        DataError: there is none, it is no summary or was edited, or it has a name that no file may
            have.
    """
    return _sealed(folder)[0]


def _sealed(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """The scores of a folder's summary.json, what they are of, and the seal."""
    path = folder / "summary.json"
    try:
        summary = read_json(path, SUMMARY, what="a summary of scores", remedy="evaluate again")
    except FileNotFoundError:
        raise DataError(f"{path} is missing; `vosbench evaluate` writes it") from None
    if fault := misfit(summary.get("failed", {}), dict, "failed"):
        raise DataError(f"{path} is not a summary of scores: {fault}; evaluate again")
    check_name(summary["dataset"]["name"], "dataset", path)
    check_name(summary["dataset"]["split"], "split", path)
    check_name(summary["protocol"]["name"], "protocol", path)
    if "masks" in (scored := summary.get("scored", {})):
        check_shape(scored, MASKS, path, what="a summary of scores", remedy="evaluate again")
    headline = summary["protocol"]["headline"]
    if other := [each for each in headline or [""] if each not in ("J", "F")]:
        raise DataError(
            f"{path} is not a summary of scores: {other[0]!r} in its headline is none; "
            "evaluate again"
        )
    baselines = (summary.get("copy_first") or {}, summary.get("no_prediction") or {})
    for row in (summary, *baselines, *summary["sequences"], *summary["objects"]):
        if fault := misfit(row, {"figures?": dict.fromkeys(row.get("figures", ()), NUMBER)}):
            raise DataError(f"{path} is not a summary of scores: {fault}; evaluate again")
    for row in (*summary["sequences"], *summary["objects"]):
        check_name(row["sequence"], "sequence", path)
    for name in summary.get("failed", {}):
        check_name(name, "sequence", path)
    if alone := {row["sequence"] for row in summary["sequences"]} ^ {
        row["sequence"] for row in summary["objects"]
    }:
        raise DataError(
            f"{path} is damaged: {min(alone)} is not both among its sequences and its objects; "
            "evaluate again"
        )
    seal = summary.pop("seal", {})
    if seal and fingerprint(summary) != seal["summary_sha256"]:
        raise DataError(f"{path} was edited since it was written; evaluate again")
    return summary, summary.pop("scored", {}), seal


def manifest_of(folder: Path) -> dict[str, Any]:
    """The run.json of a run's folder, with blanks for what a run under way has not written yet.

    Raises:
        UsageError: there is none. DataError: it is damaged.
    """
    manifest = load_manifest(folder)
    manifest |= {key: blank for key, blank in UNFINISHED.items() if key not in manifest}
    check_shape(manifest, ENDED, folder / "run.json", **_RUN)
    manifest["label"] = visible(manifest["label"])
    return manifest


def load_manifest(folder: Path) -> dict[str, Any]:
    """The run.json of a run's folder, as it was written.

    Raises:
        UsageError: there is none. DataError: it is damaged, or has a name that no file may have.
    """
    try:
        manifest = read_json(folder / "run.json", MANIFEST, **_RUN)
    except FileNotFoundError:
        raise UsageError(f"{folder} is not a run: it has no run.json") from None
    listed = manifest["identity"]["sequences"]
    for name in (*listed, *manifest.get("done", ()), *manifest.get("failed", ())):
        check_name(name, "sequence", folder / "run.json")
    if fingerprint(manifest["identity"]) != manifest["identity_sha256"]:
        raise DataError(
            f"{folder / 'run.json'} is not as it was written: its identity has another hash than "
            f"the one beside it; {_RUN['remedy']}"
        )
    return manifest


def _read_scores(path: Path, summary: Mapping[str, Any], sha256: str) -> FrameScores:
    """Read scores.csv by object; DataError if it is not what the summary is of."""
    scores: dict[tuple[str, int], list[FrameScore]] = {}
    line = 1
    try:
        content = path.read_bytes()
        rows = csv.reader(io.StringIO(content.decode(), newline=""), strict=True)
        if (header := next(rows, [])) != HEADER:
            raise ValueError(f"{','.join(header)!r}, expected {','.join(HEADER)!r}")
        for row in rows:
            line = rows.line_num
            sequence, number, frame, j, f = row
            score = FrameScore(frame, float(j), float(f))
            if not (0 <= score.J <= 1 and 0 <= score.F <= 1):  # NaN is not either
                raise ValueError(f"J {j}, F {f} are not scores")
            scores.setdefault((sequence, int(number)), []).append(score)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; `vosbench evaluate` writes it") from None
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} is damaged: line {line}: {error}; evaluate again") from error
    for frame in {row.frame for rows_of in scores.values() for row in rows_of}:
        check_name(frame, "frame", path)
    zero = summary.get("failed", {})  # may count as 0, without a frame of their own
    rows_known = [row for row in summary["objects"] if row["sequence"] not in zero]
    known = {(row["sequence"], row["object"]) for row in rows_known}
    if known != scores.keys():
        alone = min(known ^ scores.keys())
        raise DataError(
            f"{path} and its summary.json are not of the same objects: only one has object "
            f"{alone[1]} of {alone[0]}; evaluate again"
        )
    if sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise DataError(
            f"{path} and its summary.json do not belong together: one was edited, or is of "
            "another evaluation; evaluate again"
        )
    return {key: tuple(rows_of) for key, rows_of in scores.items()}
