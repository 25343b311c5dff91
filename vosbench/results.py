"""Read a scored run from its folder: run.json, summary.json and scores.csv, each file once.

Beside the scores of masks that no run made lies evaluated.json: their name, and where they and
their truth are, so that they are a run to whatever compares, draws and reports.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from vosbench.errors import DataError, UsageError, needing
from vosbench.files import NUMBER, check_shape, misfit, read_json, write_json
from vosbench.types import check_name

if TYPE_CHECKING:
    import pandas

_MEANS = {"mean": NUMBER, "recall": NUMBER, "decay": NUMBER}
_MEAN = {**_MEANS, "mean": (int, float)}
_ROW: dict[str, Any] = {"J": _MEAN, "F": _MEAN, "J&F": NUMBER}
_SCORED: dict[str, Any] = {"J": _MEANS, "F": _MEANS, "J&F": NUMBER}
SUMMARY = {  # what every summary.json holds; some hold more
    **_SCORED,
    "protocol": {
        "name": str, "description": str, "source": str, "objects": str, "average": str,
        "headline": [str],
    },
    "dataset": {
        "name": str, "split": str, "sequences": int, "card_sequences": int, "list_sha256": str,
        "truth_crc32?": str,
    },
    "copy_first?": (type(None), _ROW),
    "unscored?": [str],
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
        "resolution": str, "sequences": [str], "device": str, "seed": int,
    },
    "protocol": {"name": str},
    "environment": {"cores": NUMBER, "processor": str, "versions": dict},
    "status?": str, "untimed?": str, "own_data?": str, "done?": [str], "failed?": dict,
    "card?": dict, "masks_sha256?": str, "remarks?": [str],
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
EVALUATED = {"name": str, "masks": str, "root": (str, type(None)), "resolution": str}
HEADER = ["sequence", "object", "frame", "J", "F"]  # of scores.csv


T = TypeVar("T")


class FrameScore(NamedTuple):
    """J and F of one object on one frame, 0-1."""

    frame: str
    J: float
    F: float


class Data(NamedTuple):
    """Where the truth was found: the dataset's folder, None for one that needs none."""

    root: Path | None
    resolution: str


FrameScores: TypeAlias = Mapping[tuple[str, int], tuple[FrameScore, ...]]


@dataclass(frozen=True)
class Result:
    """A scored run: its folder on disk and everything in it.

    manifest: the content of run.json; None for masks of another tool.
    summary: the content of summary.json.
    masks: the folder of <sequence>/<frame>.png.
    cross_check: what an installed scorer said of the same masks, if it was asked.
    data: where the truth was found; None where nothing remembers it.
    """

    name: str
    folder: Path | None
    manifest: dict[str, Any] | None
    summary: dict[str, Any]
    masks: Path | None = None
    cross_check: str | None = None
    data: Data | None = None
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
        }


def _frame_scores(run: Result) -> FrameScores:
    if run.folder is None:
        raise UsageError(
            f"the scores of {run.name} were not written; evaluate with --out FOLDER, "
            "from Python with out=FOLDER"
        )
    return _read_scores(run.folder / "scores.csv", run.summary)


def load(folder: Path | str) -> Result:
    """Load a scored run, its scores under another protocol, or a folder of `evaluate`.

    Raises:
        DataError: summary.json is missing, or it or run.json is damaged.
    """
    folder = Path(folder)
    summary = load_summary(folder)
    if home := home_of(folder):
        manifest = manifest_of(home)
        return Result(
            manifest["label"], folder, manifest, summary, home / "masks", data=data_of(manifest)
        )
    try:
        about = read_json(
            folder / "evaluated.json",
            EVALUATED,
            what="what was evaluated",
            remedy="evaluate again",
        )
    except FileNotFoundError:
        return Result(folder.resolve().name, folder, None, summary)
    data = Data(Path(about["root"]) if about["root"] else None, about["resolution"])
    return Result(about["name"], folder, None, summary, Path(about["masks"]), data=data)


def home_of(folder: Path) -> Path | None:
    """The run whose scores a folder is for: its own, or one of its scores-<protocol>/."""
    home = folder.resolve().parent if folder.resolve().name.startswith("scores-") else folder
    return home if (home / "run.json").is_file() else None


def data_of(manifest: Mapping[str, Any]) -> Data:
    """Where the truth of a run was found, by its run.json."""
    root = manifest["root"]
    return Data(Path(root) if root else None, manifest["identity"]["resolution"])


def remember(result: Result) -> None:
    """Write evaluated.json beside scores of masks that do not lie in a run's folder."""
    assert result.folder, "scores that were not written"
    assert result.masks, "masks that were scored"
    assert result.data, "truth that was read"
    root = result.data.root
    about = {
        "name": result.name,
        "masks": str(result.masks.resolve()),
        "root": str(root.resolve()) if root else None,
        "resolution": result.data.resolution,
    }
    write_json(result.folder / "evaluated.json", about)


def _table(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    """Nested rows as flat columns: `J mean`, `J recall`, ..."""
    with needing("a table of scores"):
        import pandas

    return pandas.json_normalize(rows, sep=" ")


def load_summary(folder: Path) -> dict[str, Any]:
    """Read the summary.json of a folder.

    Raises:
        DataError: there is none, it is no summary, or it has a name that no file may have.
    """
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
    if other := [each for each in summary["protocol"]["headline"] if each not in ("J", "F")]:
        raise DataError(f"{path} is not a summary of scores: {other[0]!r} in its headline is none")
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
    return summary


def manifest_of(folder: Path) -> dict[str, Any]:
    """The run.json of a run's folder, with blanks for what a run under way has not written yet.

    Raises:
        UsageError: there is none. DataError: it is damaged.
    """
    manifest = load_manifest(folder)
    manifest |= {key: blank for key, blank in UNFINISHED.items() if key not in manifest}
    check_shape(manifest, ENDED, folder / "run.json", **_RUN)
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
    return manifest


def _read_scores(path: Path, summary: Mapping[str, Any]) -> FrameScores:
    """Read scores.csv by object; DataError if its objects are not those of the summary."""
    scores: dict[tuple[str, int], list[FrameScore]] = {}
    line = 1
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
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
    known = {(row["sequence"], row["object"]) for row in summary["objects"]}
    if known != scores.keys():
        alone = min(known ^ scores.keys())
        raise DataError(
            f"{path} and its summary.json are not of the same objects: only one has object "
            f"{alone[1]} of {alone[0]}; evaluate again"
        )
    return {key: tuple(rows_of) for key, rows_of in scores.items()}
