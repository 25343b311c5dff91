"""Turn names into what they mean: a dataset, a method, sequences, a device."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from vosbench import registry
from vosbench.errors import (
    DataError,
    PluginError,
    UsageError,
    blaming,
    did_you_mean,
    nearest,
    needing,
)
from vosbench.options import as_typed, default_of, filled, paths_of
from vosbench.prompts.moved import Moved
from vosbench.protocols import USUAL, PromptAt
from vosbench.toolbox.methods.weights import complaints_of, shipped_as
from vosbench.types import (
    Dataset,
    DatasetCard,
    DatasetPlugin,
    HasRemarks,
    Method,
    MethodPlugin,
    ReadsFiles,
    Submission,
    check_name,
)


def check_device(device: str) -> None:
    """Raise UsageError unless this machine can put a tensor on the device."""
    if device == "cpu":
        return
    with needing(f"--device {device}"):
        import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"--device {device} cannot be used here: {reason}; use cpu") from None


@dataclass(frozen=True)
class ChosenMethod:
    """A registered method and its options.

    plugin: what the registry says of it. module: its code. given: the options as the user gave
    them. options: its Options, filled.
    """

    plugin: registry.Plugin
    module: MethodPlugin
    given: Mapping[str, Any]
    options: Any

    def build(self, *, device: str, seed: int) -> Method:
        """Build the method.

        Raises:
            MethodError: its code failed; the message names the line.
        """
        with self._calling():
            return self.module.build(self.options, device=device, seed=seed)

    def remarks(self, built: Method) -> list[str]:
        """What the method says of itself now that it is built."""
        with self._calling():
            return [str(said) for said in built.remarks] if isinstance(built, HasRemarks) else []

    def shipped(self) -> list[str]:
        """The names of the shipped weights that it reads; often none."""
        return list(filter(None, map(shipped_as, self.files().values())))

    def complaints(self) -> list[str]:
        """What the trainings of the weights that it reads complained of at their end."""
        files, method = self.files().values(), self.plugin.base
        return [said for path in files for said in complaints_of(path, method)]

    def files(self) -> dict[str, Path]:
        """The files that it reads: those its options name and others, such as shipped weights."""
        return {**paths_of(self.options), **self.own_files()}

    def own_files(self) -> Mapping[str, Path]:
        """The files that it reads though no option names their path; often none."""
        with self._calling():
            return self.module.files(self.options) if isinstance(self.module, ReadsFiles) else {}

    @contextlib.contextmanager
    def _calling(self) -> Iterator[None]:
        """Around a call of its code: what it raises is told with its line, a chdir is undone."""
        what = f"method {self.plugin.name!r}"
        with contextlib.chdir(os.curdir), blaming(what), needing(what):
            yield

    def deciding(self) -> dict[str, Any]:
        """The options that decide the masks; the others say of themselves that they do not."""
        return {
            field.name: getattr(self.options, field.name)
            for field in fields(self.options)
            if field.metadata.get("decides", True)
        }

    def changed(self) -> tuple[str, ...]:
        """Those given that decide the masks and would be otherwise if they were left out.

        What an option is when left out can depend on the others, as with a preset.
        """
        return tuple(
            name
            for name, value in self.deciding().items()
            if name in self.given and value != self._without(name)
        )

    def _without(self, name: str) -> Any:
        """The value of an option if it were not given; None where the others need it."""
        others = {key: value for key, value in self.given.items() if key != name}
        try:
            return getattr(_options(self.plugin, self.module, others), name)
        except (UsageError, PluginError):
            return None


def choose_method(name: str, values: Mapping[str, Any]) -> ChosenMethod:
    """Look up a method and fill its options from `values`, text by each field's type.

    Raises:
        UsageError: an unknown option (all valid ones are listed) or a value of the wrong type.
    """
    plugin, module = registry.find("methods", name), registry.load_method(name)
    return ChosenMethod(plugin, module, values, _options(plugin, module, values))


def _options(plugin: registry.Plugin, module: MethodPlugin, values: Mapping[str, Any]) -> Any:
    with contextlib.chdir(os.curdir), blaming(f"{plugin.path}: Options", PluginError):
        return _filled_options(plugin, module, values)


def _filled_options(
    plugin: registry.Plugin, module: MethodPlugin, values: Mapping[str, Any]
) -> Any:
    known = {field.name: field for field in fields(module.Options)}
    merged = {**plugin.defaults, **values}
    for key in merged:
        if key not in known:
            defaults = {k: plugin.defaults.get(k, default_of(f)) for k, f in known.items()}
            valid = (
                ", ".join(f"{k}={as_typed(default)}" for k, default in defaults.items()) or "none"
            )
            hint = nearest(key, known)
            raise UsageError(f"{plugin.name} has no option {key!r}; {hint}valid options: {valid}")
    return filled(module.Options, merged, what=f"{plugin.name} option")


def method_options(name: str, values: Mapping[str, Any]) -> Any:
    """The method's Options from `values`; errors as of `choose_method`."""
    return choose_method(name, values).options


def build_method(name: str, values: Mapping[str, Any], *, device: str, seed: int) -> Method:
    """Build a registered method from its options, device and seed."""
    return choose_method(name, values).build(device=device, seed=seed)


def card_of(dataset: str) -> DatasetCard:
    """The card of a registered dataset."""
    return registry.load_dataset(dataset).CARD


def resolve_root(card: DatasetCard, root: Path | None) -> Path | None:
    """The dataset's folder: `root`, or <card.folder> in it, else VOSBENCH_DATA/<card.folder>.

    Raises:
        UsageError: the dataset needs a folder, and neither is given.
    """
    if root is not None:
        root = root.expanduser()  # a shell leaves the ~ in --root=~/data
        inside = root / card.folder
        return inside if inside.is_dir() else root
    if not card.folder:
        return None
    data = os.environ.get("VOSBENCH_DATA")
    if data:
        return Path(data).expanduser() / card.folder
    raise UsageError(
        f"where is {card.name}? give --root DIR, or set VOSBENCH_DATA to the folder that holds "
        f"{card.folder}/"
    )


@dataclass(frozen=True)
class ChosenDataset:
    """A registered dataset, its folder, split, resolution and prompts, before it is opened."""

    card: DatasetCard
    module: DatasetPlugin
    root: Path | None
    split: str
    resolution: str
    at: PromptAt = USUAL

    def open(self) -> Dataset:
        """Open it.

        Raises:
            DataError: among others, a name of a sequence that no file of ours may have.
        """
        with blaming(f"dataset {self.card.name!r}", PluginError):
            try:
                opened = self.module.load(self.root, split=self.split, resolution=self.resolution)
            except DataError as error:
                if not (name := self._kin_that_opens()):
                    raise
                hint = f"{name} opens this folder: --dataset {name}"
                raise DataError([*error.faults[:-1], f"{error.faults[-1]}; {hint}"]) from error
        where = f"dataset {self.card.name}" + (f" at {self.root}" if self.root else "")
        for sequence in opened.names:
            check_name(sequence, "sequence", where)
        return opened if self.at == USUAL else Moved(opened, self.at)

    def _kin_that_opens(self) -> str:
        """A dataset of the same family that opens the folder, or ""."""
        for name in _kin(self.card.name):
            with contextlib.suppress(DataError, UsageError, PluginError):
                other = registry.load_dataset(name)
                if self.split in other.CARD.splits:
                    other.load(self.root, split=self.split, resolution=self.resolution)
                    return name
        return ""


def choose_dataset(
    name: str,
    *,
    root: Path | None = None,
    split: str = "",
    resolution: str = "",
    at: PromptAt = USUAL,
) -> ChosenDataset:
    """Look up a dataset; "" stands for the card's default split and resolution.

    at: where its objects are prompted.
    """
    module = registry.load_dataset(name)
    card = module.CARD
    return ChosenDataset(
        card,
        module,
        resolve_root(card, root),
        split or card.default_split,
        resolution or (card.resolutions[0] if card.resolutions else ""),
        at,
    )


def open_dataset(
    name: str,
    *,
    root: Path | None = None,
    split: str = "",
    resolution: str = "",
    at: PromptAt = USUAL,
) -> Dataset:
    """Open a registered dataset; arguments as of `choose_dataset`, errors as of its `open`."""
    return choose_dataset(name, root=root, split=split, resolution=resolution, at=at).open()


def fits_better(dataset: Dataset) -> str:
    """The hint that a folder is that of another dataset of the family, or "".

    That is: the folder has its name, or holds as many sequences as its split. There is no hint
    where the own name or number fits, as that of `davis2016` in the archive of 2017.
    """
    card, root, here = dataset.card, getattr(dataset, "root", None), len(dataset.names)
    if not isinstance(root, Path):
        return ""
    place = (root.parent if root.name in card.splits else root).name
    fits = _plain(place) in _names(card) or here == _size(card, dataset.split)
    for name in () if fits else _kin(card.name):
        use, other = f"--dataset {name} scores by its rules", card_of(name)
        if _plain(place) in _names(other):
            return f"the folder {place} seems to be that of {name}: {use}"
        if here == _size(other, dataset.split):
            return f"{here} sequences are those of {name} {dataset.split}: {use}"
    return ""


def _kin(name: str) -> list[str]:
    """The other registered datasets of a family, whose names differ in a number: mosev1, mosev2."""
    return [
        other
        for other in registry.names("datasets")
        if other != name and _EDITION.sub("", other) == _EDITION.sub("", name)
    ]


_EDITION = re.compile(r"-?v?[0-9]+$")


def _plain(name: str) -> str:
    """A name without signs: davis2017 for DAVIS-2017."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _names(card: DatasetCard) -> set[str]:
    return {_plain(card.name), _plain(card.folder)}


def _size(card: DatasetCard, split: str) -> int | None:
    """The official number of sequences of a split, where the card has it."""
    return len(card.splits.get(split, ())) or card.counts.get(split)


def submissions() -> dict[str, tuple[str, ...]]:
    """The submissions that the datasets' cards name -> the datasets that do, both sorted."""
    found: dict[str, list[str]] = {}
    for dataset in registry.names("datasets"):
        with contextlib.suppress(PluginError):  # a broken plugin has none
            for submission in card_of(dataset).submissions:
                found.setdefault(submission.name, []).append(dataset)
    return {name: tuple(found[name]) for name in sorted(found)}


def choose_submission(
    name: str, dataset: str = "", *, root: Path | None = None, split: str = "", resolution: str = ""
) -> tuple[ChosenDataset, Submission]:
    """Look up what is handed in, and the dataset; "" stands for the only one that names it.

    split: "" is the dataset's default where the submission takes it, else the submission's first.

    Raises:
        UsageError: no card names it, several do and `dataset` is "", or it is of another split.
    """
    if not dataset:
        known = submissions()
        if name not in known:
            raise UsageError(f"unknown submission {name!r}; {did_you_mean(name, known)}")
        if len(known[name]) > 1:
            raise UsageError(
                f"--for {name} is of {' and '.join(known[name])}; say which with --dataset"
            )
        (dataset,) = known[name]
    card = card_of(dataset)
    own = {submission.name: submission for submission in card.submissions}
    if name not in own:
        others = submissions().get(name, ())
        of = f"it is of {' and '.join(others)}" if others else did_you_mean(name, own)
        raise UsageError(f"{dataset} has no submission {name!r}; {of}")
    takes = own[name].splits
    split = split or (card.default_split if card.default_split in takes else takes[0])
    if split not in takes:
        raise UsageError(f"--for {name} takes masks of {' or '.join(takes)}, not of {split!r}")
    chosen = choose_dataset(dataset, root=root, split=split, resolution=resolution)
    return chosen, own[name]


def choose_sequences(names: tuple[str, ...], chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The chosen sequences in the dataset's order, all of them for (); UsageError if unknown.

    A name with commas in it may be chosen by its parts, one after another.

    >>> choose_sequences(("a,b", "c", "a"), ("a", "b"))
    ('a,b',)
    """
    known = frozenset(names)
    for name in names:
        parts = tuple(part.strip() for part in name.split(","))
        if known.issuperset(parts):
            continue
        for at in range(len(chosen)):
            if chosen[at : at + len(parts)] == parts:
                chosen = (*chosen[:at], name, *chosen[at + len(parts) :])
    for name in chosen:
        if name not in known:
            raise UsageError(f"unknown sequence {name!r}; {did_you_mean(name, names)}")
    wanted = frozenset(chosen) or known
    return tuple(name for name in names if name in wanted)
