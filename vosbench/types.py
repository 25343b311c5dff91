"""Core types (frames, masks, sequences, cards), and the protocols that plugins implement."""

from __future__ import annotations

import collections.abc as cabc
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from vosbench.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vosbench.tables import Table
    from vosbench.toolbox.methods.encoder_card import EncoderCard
    from vosbench.toolbox.reports.page import Page


Frame: TypeAlias = npt.NDArray[np.uint8]  # (h, w, 3), RGB
Mask: TypeAlias = npt.NDArray[np.uint8]  # (h, w), a label map: value = object id, 0 = background
Flow: TypeAlias = npt.NDArray[np.float32]  # (h, w, 2), pixels, x then y

_SEPARATOR = re.compile(r"[/\\]")
_HIDDEN = re.compile(r"[\ud800-\udfff\u200b\u2060\ufeff]")  # surrogates stand for other bytes
LONGEST = 200  # of 255 in most file systems; unfinished files add to it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def visible(text: str) -> str:
    r"""A text that others wrote, on one line, without signs by which it would steer a terminal.

    >>> visible("two\nlines, \x1b[2J")
    'two lines, �[2J'
    """
    return _CONTROL.sub("�", " ".join(text.split()))


def check_name(name: object, what: str, where: object) -> str:
    """Give the name back if a file of ours may have it; sequences and frames name files.

    Args:
        name: the name as read.
        what: what it names: "sequence", "frame".
        where: the file or thing that it comes from.

    Raises:
        DataError: it is not text, empty, longer than 200 bytes, begins with a dot (as the names
            of incomplete files do), or has a path separator, a control character, an invisible
            sign or bytes that are not UTF-8.
    """
    if isinstance(name, str) and name.isascii() and name.isalnum() and len(name) <= LONGEST:
        return name  # as most are
    if not isinstance(name, str):
        fault = "is not text"
    elif not name.strip():
        fault = "is empty"
    elif _SEPARATOR.search(name):
        fault = "holds a path separator"
    elif name.startswith("."):
        fault = "begins with a dot"
    elif _CONTROL.search(name):
        fault = "holds a control character"
    elif hidden := _HIDDEN.search(name):
        fault = "is not UTF-8" if "\ud800" <= hidden[0] <= "\udfff" else "holds an invisible sign"
    elif len(name.encode()) > LONGEST:
        fault = f"is longer than {LONGEST} bytes"
    else:
        return name
    raise DataError(
        f"{what} {name!r} in {where} {fault}, but masks are kept in files of its name; rename it"
    )


class Layers:
    """The objects of one frame as one binary mask each: they may overlap, any id >= 0 is one.

    ids: ascending; an object that is stored for this frame but not visible has an empty mask.
    stack: bool (n, h, w), in the order of `ids`.
    """

    __slots__ = ("ids", "stack")

    def __init__(self, numbers: Iterable[int], stack: npt.NDArray[np.bool_]) -> None:
        order = sorted(range(len(stack)), key=(listed := tuple(numbers)).__getitem__)
        if len(set(listed)) != len(stack) or stack.ndim != 3 or stack.dtype != np.bool_:
            raise ValueError(
                f"layers need one id for each bool mask (n, h, w), got {len(listed)} ids for "
                f"{stack.shape} {stack.dtype}"
            )
        self.ids = tuple(listed[place] for place in order)
        self.stack = stack if order == list(range(len(stack))) else stack[order]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.stack.shape[1]), int(self.stack.shape[2])


# the objects of one frame: a label map is the usual form, uint16 for ids above 255
Masks: TypeAlias = Mask | npt.NDArray[np.uint16] | Layers


class Box(NamedTuple):
    """The smallest box around an object: its outermost pixels, x to the right and y down.

    A box around one pixel has left == right and top == bottom.
    """

    left: float
    top: float
    right: float
    bottom: float


class Points(NamedTuple):
    """Clicks for one object on one frame, in the order in which they were made.

    positions: float32 (k, 2), pixels, x then y; (0, 0) is the upper left pixel.
    inside: bool (k,), whether each is on the object; else it is on what is not the object.
    """

    positions: npt.NDArray[np.float32]
    inside: npt.NDArray[np.bool_]


Mark: TypeAlias = Box | Points  # what tells a method where an object is, in place of its mask


@dataclass(frozen=True, kw_only=True)
class ScoringProtocol:
    """How counts of frames become one number; saved with every score.

    objects: which ones count:
        `numbered` = 1..max id of the first annotation, ids contiguous (DAVIS-2017);
        `first` = the ids of the first annotation, gaps allowed;
        `prompted` = every id in a prompt;
        `listed` = those of the dataset's own list (`Sequence.objects`), seen or not;
        `annotated` = every id of the truth;
        `united` = all ids above 0 are one object;
        `proposals` = the ids of the truth, each matched with one predicted id over the video.
    drop_first, drop_last: whether to leave out the first and the last annotated frame; for truth
        that stores each object by itself, of that object.
    frames: which of the rest count for an object:
        `all`;
        `after-prompt` = those after the frame of its prompt;
        `but-prompt` = all but the frame of its prompt, those before the first prompt, too;
        `from-sight` = from the first one on where truth or prediction shows it;
        `own-range` = those that the dataset lists for it, less its first and last.
    region: J as `iou`, or `smoothed` = (intersection + 1) / (union + 1), 1 for an empty union.
    over: `frames` = J and F of frames are averaged; `volume` = pixels are summed over the frames.
    void: whether pixels of 255 in the truth are `background`, or `ignored` in both masks.
    extra_ids: whether predicted ids that are no object's are `refused`, or `ignored` and told.
    missing: whether a sequence without any masks has no score (`refused`) or counts as 0 (`zero`).
    average: what is averaged after the frames of each object: all `objects`; or `sequences`
        (their objects first); or `groups` (objects, then sequences, then groups, e.g. the
        classes of YouTube-Objects); or `object-groups` (objects, then groups of objects such as
        seen and unseen).
    headline: the scores that tables show with recall and decay.
    figures: further figures, the one that the benchmark ranks by first; "" if that is J&F or J.
    source: whose scorer it equals.
    """

    name: str
    objects: Literal["numbered", "first", "prompted", "listed", "annotated", "united", "proposals"]
    drop_first: bool
    drop_last: bool
    frames: Literal["all", "after-prompt", "but-prompt", "from-sight", "own-range"] = "all"
    region: Literal["iou", "smoothed"] = "iou"
    over: Literal["frames", "volume"] = "frames"
    void: Literal["background", "ignored"] = "background"
    extra_ids: Literal["refused", "ignored"] = "refused"
    missing: Literal["refused", "zero"] = "refused"
    average: Literal["objects", "sequences", "groups", "object-groups"]
    headline: tuple[str, ...] = ("J", "F")
    figures: tuple[str, ...] = ()
    description: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Archive:
    """One file to download; size in bytes and sha256 are None if unknown."""

    url: str
    filename: str
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A zip archive of masks as a benchmark's server, or its scorer, takes it; for `vosbench pack`.

    name: what `--for` calls it; editions of a dataset may share it.
    splits: whose masks it takes, the usual one first.
    top: the folder in the archive that holds those of the sequences; "" for none.
    form: `label-maps` = <sequence>/<frame>.png, palette PNGs whose indices are object ids;
        `objects` = <sequence>/<object, three digits>/<frame>.png, binary PNGs.
    frames: which of a video are asked for: `all`; `listed` = those that the dataset's lists give
        for any of its objects; `annotated` = those of the truth, of an object those that it is
        stored for.
    note: what else a user must know, in sentences.
    source: where this is known from.
    """

    name: str
    splits: tuple[str, ...]
    top: str = ""
    form: Literal["label-maps", "objects"] = "label-maps"
    frames: Literal["all", "listed", "annotated"] = "all"
    note: str = ""
    source: str


@dataclass(frozen=True, kw_only=True)
class DatasetCard:
    """What we know about a dataset before looking at the disk.

    splits: the official sequence lists; a split without a fixed list is mapped to ().
    frames: official number of frames per sequence, if known.
    attributes: the attribute tags per sequence; a sequence without an entry was never tagged.
    folder: its folder under VOSBENCH_DATA; "" for a dataset that needs none.
    protocols: the scoring protocols to choose from; the first is the default.
    counts: official number of sequences of a split whose names are not fixed.
    archives: what `data download` fetches; if empty, `registration` says where to ask.
    layout: what the folder holds, a tree in lines.
    frame_rate: of the frames that a method sees, and of the annotations.
    prompts: which masks a method is given, and when.
    scored: which frames count.
    server: who scores the masks of splits whose truth is not public, and whether it lives.
    submissions: the archives of masks that are handed in, for `vosbench pack`.
    """

    name: str
    title: str
    url: str
    licence: str
    citation: str
    folder: str
    splits: Mapping[str, tuple[str, ...]]
    protocols: tuple[ScoringProtocol, ...]
    default_split: str = "val"
    resolutions: tuple[str, ...] = ()
    frames: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    archives: tuple[Archive, ...] = ()
    registration: str = ""
    layout: str = ""
    frame_rate: str = ""
    prompts: str = ""
    scored: str = ""
    server: str = ""
    submissions: tuple[Submission, ...] = ()


class Listed(NamedTuple):
    """What a dataset's own lists say of one object.

    group: its group for protocols that average groups of objects: "seen", "unseen"; else "".
    frames: the names of the frames in its range, in order, if the dataset lists a range; they
        need not all be annotated.
    frame_count: how many frames the dataset says it has; its range may hold others.
    """

    group: str = ""
    frames: tuple[str, ...] | None = None
    frame_count: int | None = None


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """One video with its prompts and its truth; everything is read when asked for.

    frames: `len`, indexing and iteration give frames without holding them all.
    frame_names: the stem under which each frame's mask is written, in order.
    prompts: frame index -> masks of the objects that start there.
    truth: frame index -> annotation, for annotated frames only; empty if not public.
    group: the group of the sequence for protocols that average groups, else "".
    objects: id -> what the dataset's own lists (meta.json and the like) say of it; empty without.
    whole: whether these are all frames of the video; the lists name others where they are a part.

    Raises:
        DataError: a name that no file of ours may have, see `check_name`.
    """

    name: str
    frames: cabc.Sequence[Frame]
    frame_names: tuple[str, ...]
    prompts: Mapping[int, Masks]
    truth: Mapping[int, Masks]
    group: str = ""
    attributes: tuple[str, ...] = ()
    objects: Mapping[int, Listed] = field(default_factory=dict)
    whole: bool = True

    def __post_init__(self) -> None:
        check_name(self.name, "sequence", "the dataset")
        for frame in self.frame_names:
            check_name(frame, "frame", f"sequence {self.name!r}")

    def unknown_frames(self) -> Iterator[str]:
        """What is to be said of frames that the lists name for an object and the video lacks."""
        if not self.whole:
            return
        known = frozenset(self.frame_names)
        for number, listed in self.objects.items():
            names = listed.frames or ()
            if strange := [name for name in names if name not in known]:
                some = ", ".join(strange[:5]) + (", ..." if len(strange) > 5 else "")
                yield (
                    f"object {number} of {self.name}: {len(strange)} of the {len(names)} frames "
                    f"that the meta file lists are none of the video: {some}; its frames are named "
                    f"{self.frame_names[0]} to {self.frame_names[-1]}"
                )


class Dataset(Protocol):
    """A split of a dataset on disk: names in a stable order, sequences built one at a time."""

    @property
    def card(self) -> DatasetCard:
        """What is known of it before looking at the disk."""
        ...

    @property
    def split(self) -> str:
        """The split that was opened."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The split's sequences."""
        ...

    def sequence(self, name: str) -> Sequence:
        """Build one sequence; raise DataError listing every fault of its layout."""
        ...


class Audited(NamedTuple):
    """A sequence, as far as its files allow, and every fault of its layout."""

    sequence: Sequence | None
    faults: tuple[str, ...]


@runtime_checkable
class Auditable(Protocol):
    """A dataset that lists everything wrong with a sequence, for `data check`.

    notes: remarks for the user. objects: official number of objects per sequence, if known.
    """

    notes: tuple[str, ...]
    objects: Mapping[str, int]

    def audit(self, name: str) -> Audited:
        """Build one sequence as far as possible and list its faults."""
        ...


class DatasetPlugin(Protocol):
    """What a module in datasets/ offers."""

    CARD: DatasetCard

    def load(self, root: Path | None, *, split: str, resolution: str) -> Dataset:
        """Open the dataset; `root` is None only where the card's folder is ""."""
        ...


@runtime_checkable
class Method(Protocol):
    """Carries masks through a video; sees frames and prompts and nothing else.

    Prompts are label maps: objects that overlap are flattened, and ids that no label map holds are
    counted from 1 (`masks.label_maps`), which the run tells and undoes in its masks.
    """

    def segment(self, frames: Iterable[Frame], prompts: Mapping[int, Mask]) -> Iterator[Masks]:
        """Yield one mask (h, w) per frame, in order, reading frames as it goes; or Layers."""
        ...


@runtime_checkable
class TakesLayers(Protocol):
    """A method that also takes prompts as the dataset has them: objects may overlap, any id >= 0.

    It is asked so for a video whose prompts are no plain label maps.
    """

    def segment_layers(
        self, frames: Iterable[Frame], prompts: Mapping[int, Masks]
    ) -> Iterator[Masks]:
        """Yield the masks of each frame, in order, under the prompts' ids.

        An object that Layers leave out is not visible.
        """
        ...


@runtime_checkable
class TakesMarks(Protocol):
    """A method that can also be told by a box or by points where an object is."""

    @property
    def marks(self) -> cabc.Sequence[Literal["box", "points"]]:
        """Which of the two it takes."""
        ...

    def segment_marks(
        self, frames: Iterable[Frame], prompts: Mapping[int, Mapping[int, Mark]]
    ) -> Iterator[Masks]:
        """Yield the masks of each frame, in order, under the prompts' ids.

        prompts: frame index -> id -> mark of each object that starts there.
        """
        ...


@runtime_checkable
class PerSequence(Protocol):
    """A method that reads files per sequence (masks, flow), so it must know the sequence."""

    def for_sequence(self, name: str, frame_names: tuple[str, ...]) -> Method:
        """Give the method for this sequence; raise DataError when its files are missing."""
        ...


@runtime_checkable
class HasRemarks(Protocol):
    """A method that says what a reader of its scores must know; run.json and tables show it.

    `remarks` is read when the method is built, and of what `for_sequence` gives after its last
    mask: sentences, such as which of two networks of a file is used.
    """

    @property
    def remarks(self) -> cabc.Sequence[str]:
        """The sentences, [] for none."""
        ...


class ProgramRun(NamedTuple):
    """What a program took for one video.

    seconds: from its start to its end.
    peak_memory_bytes: of the largest of its processes.
    facts: what else is recorded of it, as JSON values: its command line, how it ended; `version`
        is shown beside its times.
    """

    seconds: float
    peak_memory_bytes: int
    facts: Mapping[str, object]


@runtime_checkable
class RunsProgram(Protocol):
    """A method that lets another program do a video: the masks come when that has ended.

    So all frames are read before the first mask is given, and none has a time of its own.
    """

    @property
    def ran(self) -> ProgramRun | None:
        """What the program took for the video whose last mask was given; None before one."""
        ...


class Inspection(NamedTuple):
    """How a method matches a target frame to a reference frame, on its own grid of (h, w) cells.

    reference, target: embeddings, float32 (c, h, w).
    cell: height and width of a cell in pixels of the frames.
    offsets: float32 (2, h, w), in cells, y then x: where each target cell looks in the
        reference; None for a method that predicts none.
    samples: float32 (p, n, 2), in cells of the reference, y then x: all positions that the
        matching compares for each asked target cell; they may lie outside the grid.
    """

    reference: npt.NDArray[np.float32]
    target: npt.NDArray[np.float32]
    cell: tuple[float, float]
    offsets: npt.NDArray[np.float32] | None
    samples: npt.NDArray[np.float32]


@runtime_checkable
class Inspectable(Protocol):
    """A method that shows its embeddings, for receptive fields and PCA pictures."""

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """The number of cells (h, w) into which frames of this size are embedded."""
        ...

    def inspect(self, reference: Frame, target: Frame, cells: npt.NDArray[np.int64]) -> Inspection:
        """Embed both frames and show the samples of the target `cells` (p, 2), y then x."""
        ...


class Recalled(NamedTuple):
    """What one of several references gives to a target frame.

    name: which it is, the same in every frame: "t-4", "first".
    frame: its index in the video.
    inspection: how the target is matched to it; the samples are those of the asked cells.
    share: float32 (h, w): how much of each target cell's label it gives; those of all references
        sum to 1.
    """

    name: str
    frame: int
    inspection: Inspection
    share: npt.NDArray[np.float32]


@runtime_checkable
class Recalls(Protocol):
    """An Inspectable that may read several former frames, and then shows what each gives."""

    @property
    def references(self) -> cabc.Sequence[str]:
        """The names of what it reads for a frame, in order; one name: the frame before alone."""
        ...

    def recall(
        self,
        frames: Iterable[Frame],
        prompts: Mapping[int, Mask],
        asked: Mapping[int, npt.NDArray[np.int64]],
    ) -> Iterator[cabc.Sequence[Recalled]]:
        """Carry masks as `segment` does; yield for each asked frame, in order, what it read.

        asked: frame index -> target cells (p, 2), y then x, whose samples are shown. A frame
        before the first mask reads nothing. Several references may share a name, such as the
        frames of several prompts.
        """
        ...


class MethodPlugin(Protocol):
    """What a module in methods/ offers; `VARIANTS` may name further sets of option defaults.

    It may offer more, each with a Protocol of its own: ReadsFiles, Untimed, HasPresets,
    Trainable, Shaped, HasEncoder.
    """

    SOURCE: str

    @property
    def Options(self) -> type:  # noqa: N802, the class itself
        """Frozen dataclass of the method's options.

        An option with the metadata {"decides": False} changes no mask, such as a limit of time: a
        run goes on with another value of it.
        """
        ...

    def build(self, options: Any, *, device: str, seed: int) -> Method:
        """Make the method; raise UsageError for options that do not fit together.

        One built method serves many sequences: `segment` keeps nothing from one to the next.
        """
        ...


@runtime_checkable
class ReadsFiles(Protocol):
    """A method plugin that reads files which no option names by its path."""

    def files(self, options: Any) -> Mapping[str, Path]:
        """What `build` will read, such as shipped weights; it counts for a run's identity."""
        ...


@runtime_checkable
class Untimed(Protocol):
    """A method plugin whose seconds a frame are no method's, and so stand in no table."""

    @property
    def UNTIMED(self) -> str:  # noqa: N802, a constant
        """Why, in words: "it only reads masks from files"."""
        ...


@runtime_checkable
class HasPresets(Protocol):
    """A method plugin with an option `preset` that stands for others.

    `Options` fills in those left None, so that an instance holds them all, and labels name the
    preset alone. PRESETS: its values; each one's `source` and `note`, in words and where it has
    them, are for `list`.
    """

    @property
    def PRESETS(self) -> Mapping[str, object]:  # noqa: N802, a constant
        """Each preset by its name."""
        ...


class Trainee(Protocol):
    """What the training loop trains: a `torch.nn.Module` whose `network` holds the weights kept.

    All that is random within a sample is drawn from its seed alone, so that a batch gives the
    same gradients however it is split over processes. Batch normalisation is the exception: it is
    synchronised over CUDA processes, but on CPU each process takes its own share's statistics.
    """

    @property
    def network(self) -> nn.Module:
        """What holds the weights that are kept."""
        ...

    def forward(self, frames: Tensor, seeds: Tensor, progress: float) -> dict[str, Tensor]:
        """One step's scalars; `loss` is minimised, the others are logged.

        Their names are the same at every step; NaN stands for what is undefined.

        Args:
            frames: uint8 (b, t, 3, h, w) RGB, in the order they are used, the target last.
            seeds: int64 (b,), one per sample.
            progress: 0 at the first step, towards 1 at the last.
        """
        ...

    def diagnose(self, frames: Tensor, seeds: Tensor) -> dict[str, float]:
        """Numbers for a held-out batch, e.g. the ratio of the loss to that of the identity."""
        ...

    def complaints(self, diagnostics: Mapping[str, float]) -> list[str]:
        """Problems that these figures show, in words; usually none."""
        ...

    def picture(self, frames: Tensor, seeds: Tensor) -> list[tuple[str, Frame]]:
        """Pictures of the batch's first sample, each with its caption."""
        ...


@runtime_checkable
class Trainable(Protocol):
    """A method plugin that can be trained without labels."""

    @property
    def Training(self) -> type:  # noqa: N802, the class itself
        """Frozen dataclass of the method's own settings of training, perhaps a StartsFromFiles."""
        ...

    @property
    def RECIPES(self) -> Mapping[str, Mapping[str, object]]:  # noqa: N802, a constant
        """Named values for Training and for the Settings of training/settings.py.

        The default is the one that ends the method's name (`paper` of rpmnet-paper), else the
        first.
        """
        ...

    def trainee(self, options: Any, training: Any, *, seed: int) -> Trainee:
        """Make what is trained; `options` name the start of its weights, if any."""
        ...


class TrainablePlugin(MethodPlugin, Trainable, Protocol):
    """A method that can be trained without labels, whole."""


@runtime_checkable
class Shaped(Protocol):
    """A trainable plugin whose weights refuse to be loaded under options of another shape."""

    @property
    def SHAPE(self) -> tuple[str, ...]:  # noqa: N802, a constant
        """The names of the options that shape the network; they are kept with its weights."""
        ...


@runtime_checkable
class HasEncoder(Protocol):
    """A trainable plugin whose weights label propagation takes as a backbone."""

    def encoder(self, options: Any) -> EncoderCard:
        """Which of its tensors embed a frame, for the card of its weights."""
        ...


@runtime_checkable
class StartsFromFiles(Protocol):
    """Settings of a training that reads files which no field names by its path."""

    def files(self) -> Mapping[str, Path]:
        """What `trainee` will read, such as the shipped weights that it starts from."""
        ...


@runtime_checkable
class ReportPlugin(Protocol):
    """What a module in reports/ offers: a table in, text out. Or see FolderReportPlugin.

    One more thing that it may offer is HasSuffix.
    """

    def render(self, table: Table) -> str:
        """Write the table as text; `vosbench.tables` has what such plugins need."""
        ...


@runtime_checkable
class HasSuffix(Protocol):
    """A report plugin that says what ends the names of its files; else it is `.` and its name."""

    @property
    def SUFFIX(self) -> str:  # noqa: N802, a constant
        """Such as ".md"."""
        ...


@runtime_checkable
class FolderReportPlugin(Protocol):
    """What a module in reports/ offers whose report is a folder, not text."""

    def write(self, page: Page, out: Path) -> None:
        """Write the report into `out`, which exists and may hold tables and figures already."""
        ...
