"""Read what `run --protocol-time` measured, and say on which video and machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from vosbench.errors import DataError, UsageError
from vosbench.files import NUMBER, read_json
from vosbench.results import home_of

if TYPE_CHECKING:
    from vosbench.analysis.groups import Group
    from vosbench.results import Result

FILE = "time.json"
BUSY = 0.1  # share of the cores that other programs may take before it is told
_SHAPE = {
    "identity_sha256": str, "made_by": str, "measured": str, "dataset": str, "sequence": str,
    "height": int, "width": int, "objects": int, "prompt": str, "device": str,
    "dtype": (str, type(None)), "load_before": NUMBER, "others": NUMBER,
    "build_seconds": (int, float), "seconds": [(int, float)],
    "before_bytes": NUMBER, "peak_bytes": NUMBER, "resident_bytes": ([int], type(None)),
    "gpu_bytes": ([int], type(None)), "gpu_peak_bytes": NUMBER, "gpu_reserved_bytes": NUMBER,
    "of_objects": [{"objects": int, "frames": int, "seconds": (int, float)}],
    "rules": {"warm_up": int, "counted": str, "objects": str, "memory": str},
    "machine": {
        "processor": str, "processor_name": str, "cores_allowed": int, "python": str,
        "versions": dict, "threads": dict, "device_name": (str, type(None)),
    },
}  # fmt: skip


class Timed(NamedTuple):
    """A run and what its time.json says."""

    run: Result
    found: dict[str, Any]

    @property
    def warm(self) -> list[float]:
        """The seconds of the frames after the warm-up, of all where there are no more."""
        seconds: list[float] = self.found["seconds"]
        return seconds[self.found["rules"]["warm_up"] :] or seconds


def is_timed(run: Result) -> bool:
    """Whether a run was timed by protocol."""
    return _place(run) is not None


def timed(group: Group) -> tuple[list[Timed], list[str]]:
    """The runs of a group that were timed by protocol, and of the others why not.

    Raises:
        UsageError: there is none.
    """
    found, left = [], []
    for run in group.results:
        try:
            found.append(run.once(_read))
        except (UsageError, DataError) as error:
            left.append(f"{run.name}: {error}")
    if not found:
        raise UsageError(f"none of these runs was timed by protocol ({'; '.join(left)})")
    return found, left


def _place(run: Result) -> Any:
    home = home_of(run.folder) if run.folder and run.manifest else None
    return home / FILE if home and (home / FILE).is_file() else None


def _read(run: Result) -> Timed:
    path = _place(run)
    again = "give the command of the run again with --protocol-time"
    if path is None:
        raise UsageError(f"it has no {FILE}; {again}")
    found = read_json(path, _SHAPE, what="what --protocol-time measured", remedy=again)
    if run.manifest and found["identity_sha256"] != run.manifest["identity_sha256"]:
        raise DataError(f"{path} is of another run; {again}")
    lists = (found["seconds"], found["resident_bytes"], found["gpu_bytes"])
    if not found["seconds"] or len({len(each) for each in lists if each is not None}) > 1:
        raise DataError(f"{path} is damaged: its lists are not of the same frames; {again}")
    return Timed(run, found)


def notes(runs: list[Timed], left: list[str]) -> Iterator[str]:
    """On which videos and machines, once for all that are alike, and which runs lack."""
    yield from _alike("on", [(one.run.name, _video(one.found)) for one in runs])
    known = _threads(runs)
    yield from _alike("machine", [(one.run.name, _machine(one.found, known)) for one in runs])
    for dtype in dict.fromkeys(one.found["dtype"] for one in runs if one.found["dtype"]):
        yield f"in {dtype}: {', '.join(o.run.name for o in runs if o.found['dtype'] == dtype)}"
    yield f"timed by {', '.join(dict.fromkeys(one.found['made_by'] for one in runs))}"
    yield from left


def busy(runs: list[Timed]) -> Iterator[str]:
    """What else the machine did."""
    for one in runs:
        share = one.found["others"]
        if share is not None and share > BUSY:
            name = f"{one.run.name}: " if len(runs) > 1 else ""
            yield (
                f"{name}other programs took {100 * share:.0f} % of the cores meanwhile: its times "
                "are too long"
            )


def _alike(what: str, said: list[tuple[str, str]]) -> Iterator[str]:
    texts = dict.fromkeys(text for _, text in said)
    if len(texts) == 1:
        yield f"{what}: {next(iter(texts))}"
        return
    for text in texts:
        yield f"{what}, of {', '.join(name for name, own in said if own == text)}: {text}"
    yield f"{what}: they differ, so that these rows do not compare"


def _video(found: dict[str, Any]) -> str:
    many = found["objects"]
    prompt = "" if found["prompt"] == "mask" else f", prompt {found['prompt']}"
    return (
        f"{found['sequence']} of {found['dataset']}, {len(found['seconds'])} frames of "
        f"{found['height']}x{found['width']}, {many} object{'s' * (many > 1)}{prompt}"
    )


def _threads(runs: list[Timed]) -> dict[str, Any]:
    """Numbers of threads that all runs share; a library that a run did not load says nothing."""
    found: dict[str, list[Any]] = {}
    for one in runs:
        for key, value in one.found["machine"]["threads"].items():
            if value is not None and value not in found.setdefault(key, []):
                found[key].append(value)
    return {key: values[0] for key, values in found.items() if len(values) == 1}


def _machine(found: dict[str, Any], known: dict[str, Any]) -> str:
    """Where it was measured, with what decides times beside the method; known: see `_threads`."""
    machine, versions = found["machine"], found["machine"]["versions"]
    own = {key: value for key, value in machine["threads"].items() if value is not None}
    threads = ", ".join(f"{key} {value}" for key, value in sorted((known | own).items()))
    parts = (
        machine["device_name"] or "",
        f"{machine['cores_allowed']} cores of {machine['processor_name'] or machine['processor']}",
        f"threads: {threads}" if threads else "",
        *(f"{key} {versions[name]}" for key, name in _LIBRARIES.items() if name in versions),
    )
    return "; ".join(filter(None, parts))


_LIBRARIES = {"torch": "torch", "opencv": "opencv-python-headless", "numpy": "numpy"}
