"""Group scored runs by what they were scored on, and give them different names."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vosbench import registry
from vosbench.errors import PluginError, UsageError
from vosbench.files import jsonable
from vosbench.protocols import USUAL
from vosbench.resolve import card_of, method_options, open_dataset, resolve_root

if TYPE_CHECKING:
    from vosbench.results import Result
    from vosbench.types import Dataset, DatasetCard

TIE = 0.001  # a tenth of a point: the last digit that is printed


@dataclass(frozen=True)
class Group:
    """Runs that can be compared: same sequences, same truth, same protocol; best J first.

    name: fit for a file's name. title: the dataset's, with the split, how much of it was scored
        where that is not all, and the protocol.
    notes: what a reader must know of the data.
    """

    name: str
    title: str
    results: tuple[Result, ...]
    notes: tuple[str, ...]

    def only(self, results: Iterable[Result]) -> Group:
        """The same group with some of its runs."""
        return replace(self, results=tuple(results))


def groups(results: Iterable[Result]) -> list[Group]:
    """Group runs by what they were scored on; within a group all names differ.

    Runs of one dataset, split and protocol that were scored on other sequences or other truth come
    into groups of their own.
    """
    same: dict[tuple[str, ...], list[Result]] = {}
    for result in results:
        data = result.summary["dataset"]
        key = (*data_key(result), data["list_sha256"], data.get("truth_crc32", ""))
        same.setdefault(key, []).append(result)
    many: Counter[str] = Counter()
    listed = []
    for (dataset, split, protocol, *_), members in same.items():
        members.sort(key=lambda result: -(result.summary["J"]["mean"] or 0.0))
        name = re.sub(r"[^\w-]", "-", f"{dataset}-{split}-{protocol}")
        many[name] += 1
        part = part_of(members[0].summary["dataset"])
        listed.append(
            Group(
                name=name if many[name] == 1 else f"{name}-{many[name]}",
                title=f"{title_of(members[0])} {split}{part}, protocol {protocol}",
                results=told_apart(members),
                notes=(*notes_of(members[0]), *_changed(members), *complaints(members)),
            )
        )
    return listed


def groups_or_not_scored(results: Iterable[Result]) -> list[Group]:
    """The groups, and behind them one of each dataset and split for runs without scores.

    Such runs, whose truth lies with a server, can be held against each other by their times.
    """
    runs = list(results)
    unscored: dict[tuple[str, str], list[Result]] = {}
    for run in runs:
        if run.manifest and not run.summary:
            identity = run.manifest["identity"]
            unscored.setdefault((identity["dataset"], identity["split"]), []).append(run)
    return [
        *groups(run for run in runs if run.summary),
        *(
            Group("-".join(of), f"{' '.join(of)}, not scored", told_apart(members), notes=())
            for of, members in unscored.items()
        ),
    ]


def alike(results: Iterable[Result]) -> list[list[Result]]:
    """The runs of each dataset, split and protocol, whatever sequences of it they have."""
    found: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        found.setdefault(data_key(result), []).append(result)
    return list(found.values())


def shared(a: Result, b: Result) -> tuple[tuple[str, ...], str]:
    """The sequences that both runs have, and a note if some are missing.

    Raises:
        UsageError: dataset, split, protocol, truth or frames differ, or no sequence is shared.
    """
    if data_key(a) != data_key(b):
        raise UsageError(
            f"{a.name} and {b.name} cannot be paired: one was scored on "
            f"{' '.join(data_key(a))}, the other on {' '.join(data_key(b))} (dataset, split, "
            "protocol); evaluate both alike"
        )
    data = a.summary["dataset"], b.summary["dataset"]
    lists = {each["list_sha256"] for each in data}
    if len(lists) == 1 and len({each.get("truth_crc32") for each in data}) > 1:
        raise UsageError(
            f"{a.name} and {b.name} cannot be paired: the same sequences were scored against "
            f"other truth (checksums {data[0].get('truth_crc32')} and "
            f"{data[1].get('truth_crc32')}: other masks, frames or resolution); evaluate both again"
        )
    of_a, of_b = ({row["sequence"]: row for row in run.summary["sequences"]} for run in (a, b))
    names = tuple(name for name in of_a if name in of_b)
    for name in names:
        counts = [(of[name]["objects"], of[name]["frames"]) for of in (of_a, of_b)]
        if counts[0] != counts[1]:
            raise UsageError(
                f"{a.name} and {b.name} cannot be paired: {name} has {counts[0][0]} objects and "
                f"{counts[0][1]} scored frames in one, {counts[1][0]} and {counts[1][1]} in the "
                "other; evaluate both again"
            )
    if not names:
        raise UsageError(f"{a.name} and {b.name} share no sequence")
    if len(lists) == 1:
        return names, ""
    most = max(len(of_a), len(of_b))
    return names, f" (ONLY the {len(names)} sequences that both have, of {most})"


def _changed(members: Iterable[Result]) -> Iterator[str]:
    """Notes: which masks are not those that were scored."""
    for run in told_apart(list(members)):
        if names := run.changed:
            more = f" and {len(names) - 10} more" if len(names) > 10 else ""
            yield (
                f"{run.name}: NOT AS SCORED: the masks of {', '.join(names[:10])}{more} were "
                "changed or written anew since; evaluate again"
            )


def complaints(members: Iterable[Result]) -> Iterator[str]:
    """Notes: whose scores are those of weights that learned nothing, in their training's words."""
    found: dict[str, list[str]] = {}
    for run in told_apart(list(members)):
        for said in run.complaints:
            found.setdefault(said, []).append(run.name)
    for said, names in found.items():
        yield f"{'; '.join(names)}: the training of its weights ended with: {said}"


def data_of(group: Group) -> str:
    """The name of a group's dataset."""
    return data_key(group.results[0])[0]


def data_key(result: Result) -> tuple[str, str, str]:
    """Dataset, split and protocol."""
    data = result.summary["dataset"]
    return data["name"], data["split"], result.summary["protocol"]["name"]


def told_apart(results: Sequence[Result]) -> tuple[Result, ...]:
    """The same runs, with their folder added to names that occur twice; a folder counts once."""
    once = {result.folder.resolve() if result.folder else id(result): result for result in results}
    named: dict[str, list[Result]] = {}
    for result in once.values():
        named.setdefault(result.name, []).append(result)
    places = {
        id(result): place
        for alike in named.values()
        if len(alike) > 1
        for result, place in zip(alike, _places(alike), strict=True)
    }
    return tuple(
        replace(result, name=f"{result.name} ({places[id(result)]})")
        if id(result) in places
        else result
        for result in once.values()
    )


def _places(runs: Sequence[Result]) -> list[str]:
    """What tells runs of one name apart: the last two parts of their paths, or as many as differ.

    Those that are not written anywhere are counted.
    """
    paths = [run.folder.resolve().parts for run in runs if run.folder]
    parts = 2
    while len({path[-parts:] for path in paths}) < len(paths):
        parts += 1
    unwritten = (f"not written{f', {n}' if n > 1 else ''}" for n in itertools.count(1))
    return [
        "/".join(run.folder.resolve().parts[-parts:]) if run.folder else next(unwritten)
        for run in runs
    ]


def title_of(result: Result) -> str:
    """The dataset's title, as its card has it."""
    card = card_or_none(result)
    return card.title if card else str(result.summary["dataset"]["name"])


def options_of(result: Result) -> Mapping[str, Any]:
    """The options of a run; none for masks of another tool."""
    return result.manifest["identity"]["options"] if result.manifest else {}


def settings_of(result: Result) -> Mapping[str, Any]:
    """Its options, its prompt (masks unless its run.json says otherwise), and its real time."""
    if not result.manifest:
        return {}
    prompt, live = result.manifest["identity"].get("prompt", "mask"), real_time_of(result)
    return {"prompt": prompt, **({"real-time": live} if live else {}), **options_of(result)}


def real_time_of(result: Result) -> str:
    """Frames a second and grace of a run in real time, such as "20 grace=3"; "" of others."""
    live = result.manifest["identity"].get("real_time") if result.manifest else None
    return f"{live['fps']:g} grace={live['grace']}" if live else ""


def told_as_usual(result: Result) -> bool:
    """Whether objects were told by masks, where the dataset prompts them, and not in real time."""
    prompt = result.manifest["identity"].get("prompt") if result.manifest else None
    at = result.data is None or result.data.at == USUAL
    return prompt is None and at and not real_time_of(result)


def plugin_of(method: str) -> str:
    """The name of the plugin behind a method's name; the name itself if there is none."""
    plugin = registry.plugins("methods").get(method)
    return plugin.base if plugin else method


def implied(result: Result, names: Iterable[str], *, method: str = "") -> dict[str, Any]:
    """All options as these options and the weights imply them; {} if that is unknown.

    A method that cannot be loaded here is unknown, and options that alone do not fit together.
    method: whose defaults count, where not those of the run's own.
    """
    said = options_of(result)
    shown = {name: said[name] for name in (*names, "weights") if said.get(name) is not None}
    method = method or (result.manifest["identity"]["method"] if result.manifest else "")
    try:
        given = {name: str(value) for name, value in shown.items()}
        options: dict[str, Any] = jsonable(method_options(method, given))
    except (UsageError, PluginError):
        return {}
    return options


def sequences_of(result: Result) -> tuple[str, ...]:
    """The sequences that were scored, in the dataset's order, without those that count as 0."""
    failed = result.summary.get("failed", {})
    return tuple(r["sequence"] for r in result.summary["sequences"] if r["sequence"] not in failed)


def sequence_means(result: Result) -> dict[str, float | None]:
    """J of each sequence, as it was scored."""
    return {row["sequence"]: row["J"]["mean"] for row in result.summary["sequences"]}


def located(card: DatasetCard, root: Path | None, recorded: Path | None) -> Path | None:
    """Where a dataset's files are now; None for a dataset that needs none.

    root: its folder, or the folder that holds it under its card's name; None: not said. Then
    `recorded`, where a run found it, if that is still there, and last VOSBENCH_DATA.

    Raises:
        UsageError: there is no such folder.
    """
    if not card.folder and not recorded:
        return root  # built in, or scores over one's own frames that nothing remembers
    if root is not None:
        places = [root.expanduser() / card.folder, root.expanduser()]
    else:
        places = [recorded] if recorded else []
        if card.folder and not any(place.exists() for place in places):
            places.append(resolve_root(card, None) or Path(card.folder))
    for place in places:
        if place.exists():
            return place
    raise UsageError(f"the dataset is not in {places[-1]}; give its folder with --root DIR")


def dataset_of(result: Result, *, root: Path | None = None) -> Dataset:
    """The dataset that a run was scored on, opened where `located` finds it.

    Raises:
        UsageError: it is not known or not found. DataError: it is not as it should be.
    """
    data, found = result.summary["dataset"], result.data
    card = card_of(data["name"])
    where = located(card, root, found.root if found else None)
    resolution, at = (found.resolution, found.at) if found else ("", USUAL)
    return open_dataset(data["name"], root=where, split=data["split"], resolution=resolution, at=at)


def card_or_none(result: Result) -> DatasetCard | None:
    """The card of the dataset that a run was scored on; None if it is not registered here."""
    try:
        return card_of(result.summary["dataset"]["name"])
    except UsageError:
        return None


def notes_of(result: Result) -> tuple[str, ...]:
    """Notes: on how much of the dataset a run was scored, and by which protocol."""
    data, protocol = result.summary["dataset"], result.summary["protocol"]
    part = part_of(data).removeprefix(", ")
    warning = [f"ONLY {part}: not comparable with figures for all of them"] if part else []
    how = f"protocol {protocol['name']}: {protocol['description']} ({protocol['source']})"
    return (*warning, how)


def part_of(data: Mapping[str, Any]) -> str:
    """What follows the split if not all sequences were scored: `, 6 of 21 sequences`."""
    scored, all_of = data["sequences"], data["card_sequences"]
    return f", {scored} of {all_of} sequences" if scored < all_of else ""


def one_group(results: Iterable[Result]) -> Group:
    """The runs as one group; UsageError if they were scored on other data or by other rules."""
    listed = groups(results)
    if len(listed) != 1:
        titles = "; ".join(
            f"{group.title} ({group.results[0].summary['dataset']['sequences']} sequences: "
            f"{', '.join(result.name for result in group.results)})"
            for group in listed
        )
        raise UsageError(f"these runs do not belong in one table: {titles or 'there is none'}")
    return listed[0]
