"""Write run.json and timing.csv: what was run, on which data and machine, and how fast."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.errors import OtherRunError, UsageError
from vosbench.files import fingerprint, jsonable, write_json, write_text
from vosbench.options import as_typed
from vosbench.provenance import VERSION, environment, hashed
from vosbench.results import load_manifest
from vosbench.running.config import GRACE, MASK
from vosbench.running.records import read_record
from vosbench.running.source import source_sha256
from vosbench.types import Untimed

if TYPE_CHECKING:
    from vosbench.running.resolved import Resolved


def describe(resolved: Resolved) -> dict[str, Any]:
    """What decides a run's masks (`identity`), and the facts beside it."""
    config, method, card = resolved.config, resolved.method, resolved.dataset.card
    # nothing where all is usual, so that runs from before there was a choice are the same ones
    told = ({} if config.prompt == MASK else {"prompt": config.prompt}) | config.at.words
    identity = {
        "method": config.method,
        "source_sha256": source_sha256(method.plugin.path),
        "options": jsonable(method.deciding()),
        "files": hashed(method.files()),
        "dataset": card.name,
        "split": resolved.dataset.split,
        "resolution": config.resolution,
        "sequences": list(resolved.sequences),
        "device": config.device,
        "seed": config.seed,
        **told,
        **({"real_time": config.live._asdict()} if config.live else {}),
    }
    usual = {"split": card.default_split, "seed": 0, "device": "cpu"}
    usual["resolution"] = card.resolutions[0] if card.resolutions else ""
    special = [f"{key}={_short(getattr(method.options, key))}" for key in method.changed()]
    special += [f"{key}={identity[key]}" for key in usual if identity[key] != usual[key]]
    special += [f"{key.replace('_', '-')}={value}" for key, value in told.items()]
    if config.live:
        special += [f"real-time={config.live.fps:g}"]
        special += [f"grace={config.live.grace}"] if config.live.grace != GRACE else []
    return {
        "vosbench": VERSION,
        "identity": identity,
        "identity_sha256": fingerprint(identity),
        "label": " ".join([config.method, *special]),
        "method_source": method.plugin.source,
        "shipped_weights": method.shipped(),
        "complaints": method.complaints(),
        "untimed": method.module.UNTIMED if isinstance(method.module, Untimed) else "",
        "own_data": config.root.stem if config.root and not card.folder else "",
        "root": str(config.root.resolve()) if config.root else None,
        "card": jsonable(
            {
                k: getattr(card, k)
                for k in ("name", "title", "url", "licence", "citation", "registration")
            }
        ),
        "protocol": dataclasses.asdict(resolved.protocol),
        "complete_split": resolved.sequences == resolved.dataset.names,
    }


def folder_name(described: dict[str, Any]) -> str:
    """`<method>-<dataset>`, with eight digits of the identity's hash unless all is default."""
    identity = described["identity"]
    name = f"{identity['method']}-{identity['dataset']}"
    if described["own_data"]:
        name += f"-{described['own_data']}"
    return (
        name
        if described["label"] == identity["method"] and described["complete_split"]
        else f"{name}-{described['identity_sha256'][:8]}"
    )


def apart(folder: Path, described: dict[str, Any]) -> Path:
    """The folder with eight digits of the hash of the data's root added to its name.

    For own data that share a name: two clips bear.mp4 are two runs.
    """
    return folder.with_name(f"{folder.name}-{fingerprint(described['root'])[:8]}")


def check(folder: Path, described: dict[str, Any]) -> dict[str, Any]:
    """The content of run.json if it describes the same run; {} if there is none.

    Raises:
        OtherRunError: the folder holds a run with other options, data, weights or source.
        UsageError: it holds a run of own data of the same name that lie elsewhere.
    """
    before: dict[str, Any] = {}
    if (folder / "run.json").is_file():
        before = load_manifest(folder)
        root = before.get("root")
        if described["own_data"] and root not in (None, described["root"]) and Path(root).exists():
            raise UsageError(
                f"{folder} holds a run of other data of the same name, {root}; "
                "give the same command again, or another --out"
            )
        if before["identity_sha256"] != described["identity_sha256"]:
            changed = [
                "the method's source" if key == "source_sha256" else f"{key}: {old} -> {value}"
                for key, value in described["identity"].items()
                if (old := before["identity"].get(key)) != value
            ]
            raise OtherRunError(
                f"{folder} holds another run (changed: {'; '.join(changed)}); "
                "use --overwrite always to start over, or another --out"
            )
    return before


def start(folder: Path, described: dict[str, Any], *, computing: bool) -> None:
    """Write run.json; one of the same run that is there keeps what it tells.

    computing: whether masks are made now, so that status and environment are told anew.

    Raises:
        OtherRunError: the folder holds a run with other options, data, weights or source.
    """
    now = {"status": "running", "environment": environment()}
    before = check(folder, described)
    write_json(folder / "run.json", now | before | described | (now if computing else {}))


def finish(folder: Path, *, done: list[str], failed: dict[str, str]) -> None:
    """Write timing.csv and the final run.json from the records of the finished sequences."""
    described = load_manifest(folder)
    records = [record for name in done if (record := read_record(folder, name)) is not None]
    apart = [record for record in records if "program" not in record]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("sequence", "frame", "seconds"))
    for record in apart:
        for name, seconds in zip(record["frame_names"], record["seconds"], strict=True):
            writer.writerow((record["sequence"], name, f"{seconds:.6f}"))
    write_text(folder / "timing.csv", table.getvalue())
    timed = not described.get("untimed")
    complete = not failed and len(done) == len(described["identity"]["sequences"])
    described |= {
        "status": "complete" if complete else "incomplete",
        "done": done,
        "failed": failed,
        "timing": _timing(records, apart) if timed else _timing([], []),
        "made_by": sorted({record["made_by"] for record in records}),
        "peak_memory_bytes": max((r["peak_memory_bytes"] for r in records), default=None),
        "masks_sha256": fingerprint({r["sequence"]: r["masks_sha256"] for r in records}),
        "remarks": [*described.get("remarks", []), *_live(described, records), *_remarks(records)],
        "skipped": _skipped(records),
        "flattened": _flattened(records),
        "program": _programs(records),
    }
    write_json(folder / "run.json", described)


def _timing(records: list[dict[str, Any]], apart: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds a frame; apart: the records whose frames have times of their own."""
    warm = sorted(s for record in apart for s in _warm(record))
    total = sum(sum(record["seconds"]) for record in records)
    frames = sum(len(_shown(record)) for record in records)
    return {
        "what": _OF_PROGRAMS
        if len(apart) < len(records)
        else _OF_PASSES
        if any("cold" in record for record in records)
        else _OF_FRAMES,
        "frames": len(warm),
        "mean_seconds_of_all": total / frames if frames else None,
        "median_seconds": statistics.median(warm) if warm else None,
        "p95_seconds": warm[min(len(warm) - 1, int(0.95 * len(warm)))] if warm else None,
    }


def _skipped(records: list[dict[str, Any]]) -> int | None:
    """How many frames of a run in real time were not shown; None where all are."""
    counts = [len(record["skipped"]) for record in records if "skipped" in record]
    return sum(counts) if counts else None


def _shown(record: dict[str, Any]) -> list[float]:
    """The seconds of the frames that the method was shown."""
    skipped = set(record.get("skipped", ()))
    return [s for index, s in enumerate(record["seconds"]) if index not in skipped]


def _live(described: dict[str, Any], records: list[dict[str, Any]]) -> Iterator[str]:
    """What a run in real time did not show its method."""
    if "real_time" not in described["identity"]:
        return
    fps, grace = described["identity"]["real_time"].values()
    skipped, frames = _skipped(records) or 0, sum(record["frames"] for record in records)
    forgiven = f"the first {grace} late masks of a sequence" if grace > 1 else "the first late mask"
    missed = (
        f"{skipped} of {frames} frames came while the method was busy, were not shown to it and "
        "have its last mask; another machine gives other masks"
        if skipped
        else f"the method missed none of {frames} frames; on another machine it may"
    )
    yield (
        f"in real time, {fps:g} frames a second, {forgiven if grace else 'no late mask'} "
        f"forgiven: {missed}"
    )


def _warm(record: dict[str, Any]) -> list[float]:
    """The seconds of the frames that were shown, but for those with a prompt and the warm-up."""
    if "cold" not in record:  # the first two of its only direction
        return _shown(record)[2:]
    cold = set(record["cold"])
    return [s for index, s in enumerate(record["seconds"]) if index not in cold]


_OF_FRAMES = (
    "method only: no decoding of frames, no writing of masks; median and p95 without the first two "
    "frames of each sequence, mean_seconds_of_all with them"
)
_OF_PASSES = (
    "method only: no decoding of frames, no writing of masks; median and p95 without the first two "
    "frames of each direction, mean_seconds_of_all with them; a frame that both directions went "
    "through has the seconds of both"
)
_OF_PROGRAMS = (
    "a program for whole videos: mean_seconds_of_all is its seconds from start to end, with its "
    "own reading and writing, over the frames; no frame has a time of its own: there is no median"
)


def _programs(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What is known of the programs that made masks: one value, or sequence -> value if many."""
    of = {record["sequence"]: record["program"] for record in records if "program" in record}
    facts: dict[str, Any] = {}
    for key in dict.fromkeys(key for each in of.values() for key in each):
        values = {name: each[key] for name, each in of.items() if key in each}
        first = next(iter(values.values()))
        same = len(values) == len(of) and all(value == first for value in values.values())
        facts[key] = first if same else values
    return facts or None


def _remarks(records: list[dict[str, Any]]) -> Iterator[str]:
    """What was said of sequences; once where several differ only in words that hold digits."""
    alike: dict[str, list[tuple[str, str]]] = {}
    for record in records:
        for text in record.get("remarks", []):
            cause = re.sub(r"\S*\d\S*", "", text)
            alike.setdefault(cause, []).append((record["sequence"], text))
    for (name, text), *others in alike.values():
        more = f" (and so in {len(others)} more, such as {others[0][0]})" if others else ""
        yield f"{name}: {text}{more}"


def _flattened(records: list[dict[str, Any]]) -> dict[str, Any] | None:
    """By which rule objects that overlap became label maps, and in which sequences."""
    rules = {r["sequence"]: r["flattened"] for r in records if r.get("flattened")}
    return {"rule": next(iter(rules.values())), "sequences": list(rules)} if rules else None


def _short(value: Any) -> str:
    """An option's value in a label: as a person types it; of paths the last two parts.

    What is filled in for each video is left out of a command line, with the flag before it.

    >>> _short(Path("a/b/c")), _short("/usr/bin/python /a/b/infer.py --images {images} {out} --hd")
    ('b/c', 'bin/python b/infer.py --hd')
    """
    if isinstance(value, Path):
        return "/".join(value.parts[-2:])
    typed = as_typed(value)
    text = _FILLED_IN.sub("", typed) or typed if isinstance(value, str) else typed
    if text != typed or len(text) > _LONG:
        text = " ".join("/".join(word.split("/")[-2:]) for word in text.split())
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


_FILLED_IN = re.compile(r"(?: -[\w-]+[ =])? ?\S*\{[a-z0-9]+\}\S*")
_LONG = 60  # characters of an option that a label shows
