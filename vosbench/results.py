"""A scored run read back from its folder: run.json, summary.json and scores.csv."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench.errors import DataError, UsageError
from vosbench.types import check_name

if TYPE_CHECKING:
    import pandas


class FrameScore(NamedTuple):
    """One line of scores.csv, of an object."""

    frame: str
    J: float
    F: float


def frame_scores(run: Result) -> dict[tuple[str, int], list[FrameScore]]:
    """Sequence and object -> its scored frames in order, as scores.csv has them.

    Raises:
        UsageError: the scores were not written. DataError: scores.csv is missing, damaged, or not
            of the objects that summary.json has.
    """
    if run.folder is None:
        raise UsageError(f"the scores of {run.name} were not written; evaluate with --out FOLDER")
    path = run.folder / "scores.csv"
    rows: dict[tuple[str, int], list[FrameScore]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                scored = FrameScore(row["frame"], float(row["J"]), float(row["F"]))
                rows.setdefault((row["sequence"], int(row["object"])), []).append(scored)
    except FileNotFoundError:
        raise DataError(f"{path} is missing; `vosbench evaluate` writes it") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error!r}; evaluate again") from error
    for frame in {each.frame for scored in rows.values() for each in scored}:
        check_name(frame, "frame", path)
    known = {(row["sequence"], row["object"]) for row in run.summary["objects"]}
    if known != rows.keys():
        name, number = min(known ^ rows.keys())
        raise DataError(
            f"{path} and its summary.json are not of the same objects: only one has object "
            f"{number} of {name}; evaluate again"
        )
    return rows


@dataclass(frozen=True)
class Result:
    """A scored run: its folder on disk and everything in it, as tables."""

    name: str
    folder: Path | None
    manifest: dict[str, Any] | None
    summary: dict[str, Any]
    masks: Path | None = None
    cross_check: str | None = None

    @property
    def scores(self) -> pandas.DataFrame:
        """One row per sequence, object and frame: J and F in 0-1."""
        import pandas

        if self.folder is None:
            raise UsageError("these scores were not written; evaluate with out=FOLDER")
        return pandas.read_csv(self.folder / "scores.csv", dtype={"frame": str, "sequence": str})

    @property
    def objects(self) -> pandas.DataFrame:
        """One row per object: mean, recall and decay of J and F."""
        return _table(self.summary["objects"])

    @property
    def sequences(self) -> pandas.DataFrame:
        """One row per sequence, averaged over its objects."""
        return _table(self.summary["sequences"])

    def as_row(self) -> dict[str, Any]:
        """What a report needs of a run."""
        return {
            "name": self.name,
            "folder": str(self.folder) if self.folder else None,
            "run": self.manifest,
            "summary": self.summary,
        }


def load(folder: Path) -> Result:
    """A scored run, its scores under another protocol, or a folder that `evaluate` wrote."""
    summary = load_summary(folder)
    home = folder.resolve().parent if folder.resolve().name.startswith("scores-") else folder
    if (home / "run.json").is_file():
        manifest = load_manifest(home)
        return Result(manifest["label"], folder, manifest, summary, home / "masks")
    return Result(folder.resolve().name, folder, None, summary)


def _table(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    """Nested rows as flat columns: `J mean`, `J recall`, ..."""
    import pandas

    return pandas.json_normalize(rows, sep=" ")


def load_summary(folder: Path) -> dict[str, Any]:
    """The summary that an evaluation wrote into a folder.

    Raises:
        DataError: there is none, it is no summary, or it has a name that no file may have.
    """
    path = folder / "summary.json"
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} is missing; `vosbench evaluate` writes it") from None
    except ValueError as error:
        raise DataError(f"{path} is damaged: {error}; evaluate again") from error
    if not isinstance(summary, dict) or "J&F" not in summary:
        raise DataError(f"{path} is not a summary of scores: it has no 'J&F'; evaluate again")
    try:
        check_name(summary["dataset"]["name"], "dataset", path)
        check_name(summary["dataset"]["split"], "split", path)
        check_name(summary["protocol"]["name"], "protocol", path)
        for row in (*summary["sequences"], *summary["objects"]):
            check_name(row["sequence"], "sequence", path)
    except (KeyError, TypeError) as error:
        raise DataError(f"{path} is not a summary of scores: {error!r}; evaluate again") from None
    return summary


def load_manifest(folder: Path) -> dict[str, Any]:
    """The run.json of a run's folder.

    Raises:
        UsageError: there is none. DataError: it is damaged, or has a name that no file may have.
    """
    path = folder / "run.json"
    try:
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(loaded, dict):
            raise ValueError("it holds no object")
    except FileNotFoundError:
        raise UsageError(f"{folder} is no run: it holds no run.json") from None
    except ValueError as error:
        raise DataError(
            f"{path} is damaged: {error}; run again with --overwrite always, or another --out"
        ) from None
    identity = loaded.get("identity")
    listed = identity.get("sequences") if isinstance(identity, dict) else None
    for names in (listed, loaded.get("done"), loaded.get("failed")):
        for name in names if isinstance(names, (list, dict)) else ():
            check_name(name, "sequence", path)
    return loaded
