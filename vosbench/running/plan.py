"""A run's configuration -> what is to be computed where; this only looks, and removes nothing."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench.errors import DataError, PluginError, UsageError, blaming
from vosbench.files import give_back
from vosbench.masks import ids
from vosbench.protocols import check_numbered
from vosbench.resolve import check_device
from vosbench.results import load_manifest
from vosbench.running import cluster, machine, manifest, prompting
from vosbench.running.folder import building, refuse_strangers
from vosbench.running.records import has_changed
from vosbench.running.resolved import Resolved, resolve
from vosbench.running.whole import damaged, finished, is_done, were_changed
from vosbench.types import Method, PerSequence, RunsProgram, Sequence, Untimed, check_name

if TYPE_CHECKING:
    from vosbench.running.config import RunConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunPlan:
    """A validated run before anything is computed.

    method: built, where the work stays in this process; None where others build it.
    folder: where it is computed. described: its run.json.
    frames: number of frames of each sequence that can be run, longest first.
    broken: the faults of the others. missing: the sequences still to be computed.
    damaged: those among them with a damaged record, and what is wrong with it.
    changed: those among them whose masks were made, but have been changed or damaged since.
    replaces: the run whose place this one takes when it is whole, under `--overwrite always`.
    load: of the machine, before anything was done.
    anew: whether an earlier attempt in `folder` is of other data or options, and is not gone on
        with.
    """

    resolved: Resolved
    method: Method | None
    folder: Path
    described: dict[str, Any]
    frames: dict[str, int]
    broken: dict[str, str]
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    damaged: dict[str, str]
    replaces: Path | None
    anew: bool
    load: float


def plan_run(config: RunConfig) -> RunPlan:
    """Validate everything that can be known before computing.

    Raises:
        UsageError: an unknown name or option, or a folder that holds another run, other data's
            masks or what is none of a run.
        DataError: the dataset is not there, or the run's folder cannot be written.
    """
    load, resolved = machine.load(), resolve(config)
    cluster.check(config.scheduler)
    if not config.scheduler:  # else it is the workers' device
        check_device(config.device)
    built = resolved.method.build(device=config.device, seed=config.seed)
    with blaming(f"method {config.method!r}"):
        prompting.check_takes(built, config.method, config.prompt)
        prompting.check_goes_back(built, resolved.method, config.direction)
    for option, given in (("--real-time", config.live), ("--protocol-time", config.protocol_time)):
        if given:
            _check_frame_by_frame(resolved, built, option)
    opened, broken = _open(resolved)
    remarks = [*prompting.remarks(config.prompt), *resolved.method.remarks(built)]
    described = manifest.describe(resolved) | {"remarks": remarks}
    method = built if config.here else None
    del built
    if method is None:
        _give_memory_back()
    try:
        folder = _choose_folder(config.out, described, opened)
        if folder.exists() and config.overwrite == "never":
            raise UsageError(
                f"{folder} exists; use --overwrite missing to go on, always to start anew"
            )
        refuse_strangers(folder)
        replaces, anew = None, False
        if config.overwrite == "always" and (folder / "run.json").exists():
            replaces, folder = folder, building(folder)
            refuse_strangers(folder)
            anew = (folder / "run.json").exists() and not _goes_on(folder, described, opened)
        else:
            manifest.check(folder, described)
            _refuse_changed(folder, opened)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    except OSError as error:
        raise DataError(f"{config.out} cannot be written: {error}; choose another --out") from error
    frames = {name: len(sequence.frames) for name, sequence in opened.items()}
    longest_first = sorted(frames, key=lambda name: (-frames[name], name))
    done = [name for name in longest_first if not anew and is_done(folder, name)]
    changed = tuple(name for name in done if were_changed(folder, name))
    return RunPlan(
        resolved=resolved,
        method=method,
        folder=folder,
        described=described,
        frames={name: frames[name] for name in longest_first},
        broken=broken,
        missing=tuple(name for name in longest_first if name not in done or name in changed),
        changed=changed,
        damaged={} if anew else damaged(folder, longest_first),
        replaces=replaces,
        anew=anew,
        load=load,
    )


def _check_frame_by_frame(resolved: Resolved, built: Method, option: str) -> None:
    """UsageError where a method has no time for each frame, or reads a file for each."""
    method, why = resolved.method, ""
    if isinstance(method.module, Untimed):
        why = method.module.UNTIMED
    elif isinstance(built, RunsProgram):
        why = "its program does a whole video at once"
    elif isinstance(built, PerSequence) and any(path.is_dir() for path in method.files().values()):
        why = "it reads a file for each frame"
    if why:
        raise UsageError(
            f"method {resolved.config.method!r} has no time of its own for each frame: {why}; "
            f"leave {option} away"
        )


def _give_memory_back() -> None:
    """Leave a GPU's memory to the processes that compute on it; torch keeps what was freed."""
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_initialized():
        sys.modules["torch"].cuda.empty_cache()


def _open(resolved: Resolved) -> tuple[dict[str, Sequence], dict[str, str]]:
    """The sequences that can be run, and the faults of the others."""
    opened, broken = {}, {}
    for name in resolved.sequences:
        try:
            with blaming(f"dataset {resolved.dataset.card.name!r}", PluginError):
                sequence = resolved.dataset.sequence(name)
            if resolved.protocol.objects == "numbered" and sequence.prompts:
                first = min(sequence.prompts)
                what = f"{name}, annotation {sequence.frame_names[first]}"
                numbers = ids(sequence.prompts[first])
                check_numbered(numbers, what, resolved.dataset.card, resolved.protocol)
            opened[name] = sequence
        except (DataError, PluginError) as error:
            broken[name] = str(error)
    return opened, broken


def _choose_folder(out: Path, described: dict[str, Any], opened: dict[str, Sequence]) -> Path:
    """The run's folder: of two runs of own data of one name, the later gets digits of its root.

    Own data that were moved, which shows in that they are not where they were but the same, are
    no others.
    """
    folder = out / check_name(manifest.folder_name(described), "folder", "runs")
    give_back(folder)
    if not described["own_data"]:
        return folder
    apart = manifest.apart(folder, described)
    give_back(apart)
    if apart.exists() or not (folder / "run.json").exists():
        return apart if apart.exists() else folder
    try:
        root = load_manifest(folder).get("root")
    except DataError:  # told, or replaced, by whoever comes next
        return folder
    if root is None or root == described["root"]:
        return folder
    done = finished(folder)
    same = done <= opened.keys() and not any(has_changed(folder, opened[name]) for name in done)
    return folder if same and not Path(root).exists() else apart


def _goes_on(folder: Path, described: dict[str, Any], opened: dict[str, Sequence]) -> bool:
    """Whether an earlier attempt is of the same run on the same data."""
    try:
        manifest.check(folder, described)
    except (UsageError, DataError):
        return False
    return not any(has_changed(folder, sequence) for sequence in opened.values())


def _refuse_changed(folder: Path, opened: dict[str, Sequence]) -> None:
    """UsageError where finished masks are of data that have changed since."""
    changed = [name for name, sequence in opened.items() if has_changed(folder, sequence)]
    if changed:
        some = ", ".join(changed[:5]) + (", ..." if len(changed) > 5 else "")
        raise UsageError(
            f"{folder} holds masks of other data: the frames or prompts of {some} have changed "
            "since; use --overwrite always to make all of them anew, or another --out"
        )
