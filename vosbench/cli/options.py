"""Every argument and option that several commands have, with its help text, declared once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from vosbench import registry
from vosbench.errors import UsageError


def split_list(text: str | None, option: str) -> tuple[str, ...]:
    """Split `a, b,c` into names; () if the option was not given.

    Raises:
        UsageError: the text names nothing, as `,` does.
    """
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text and not names:
        raise UsageError(f"{option} {text!r} names nothing; write {option} a,b,c")
    return names


def completing(choices: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Shell completion for a value that must be one of the choices."""
    return lambda incomplete: [choice for choice in choices() if choice.startswith(incomplete)]


def names(kind: str) -> Callable[[str], list[str]]:
    """Shell completion for names of this kind."""
    return completing(lambda: registry.names(kind))


def submission_names() -> Iterable[str]:
    """What --for takes."""
    from vosbench.resolve import submissions

    return submissions()


def out_folder(default: str = "") -> Any:
    """The option --out; default: where the command writes without it, in words."""
    return typer.Option("--out", help=OUT_HELP, show_default=default or False)


OUT_HELP = "Folder to write into; for a single figure, film or archive its file, e.g. figure.pdf."

# the headings under which `--help` groups the options
METHOD, DATA, MACHINE = "Method", "Data", "Machine"

RUNS = typer.Argument(help="Folders of scored runs. Those without scores are skipped with a note.")
MASKS = typer.Argument(help="A run, or a folder, zip archive or JSON file of masks.")
METHOD_NAME = typer.Option(
    "--method",
    help="Method; see `vosbench list methods`.",
    autocompletion=names("methods"),
    rich_help_panel=METHOD,
)
AGAINST_HELP = (
    "What to compare with: for `analyse` the name of a run, for `explain` other masks, a scored "
    "run, a scores.csv or the per-sequence CSV of davis2017-evaluation."
)
WHAT_HELP = "What to compute: a name from the list above, or several as a,b,c."
VIDEOS = typer.Option(
    "--videos", help="Folder of unlabelled clips: video files, or folders of frames."
)

Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Set an option of the method, e.g. topk=5; repeatable. "
        "See `vosbench list methods METHOD`.",
        rich_help_panel=METHOD,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed for everything random.", show_default="0", rich_help_panel=METHOD),
]
Prompt = Annotated[
    str | None,
    typer.Option(
        help="What the method is told of each object: mask, box, points:N (up to N clicks) or "
        "click-center; boxes and clicks are made from the mask.",
        show_default="mask",
        autocompletion=completing(lambda: ("mask", "box", "points:3", "click-center")),
        rich_help_panel=METHOD,
    ),
]
PromptFrame = Annotated[
    str | None,
    typer.Option(
        "--prompt-at",
        help="Frame on which the objects are prompted: first (where the dataset does it), mid "
        "(the middle annotated frame), or a frame's name or number. Not the benchmark's number.",
        show_default="first",
        autocompletion=completing(lambda: ("first", "mid")),
        rich_help_panel=METHOD,
    ),
]
Direction = Annotated[
    str | None,
    typer.Option(
        help="Where the method goes from the prompt: forward, or both (forward and backward).",
        show_default="forward",
        autocompletion=completing(lambda: ("forward", "both")),
        rich_help_panel=METHOD,
    ),
]
DatasetArgument = Annotated[
    str,
    typer.Argument(help="Dataset; see `vosbench list datasets`.", autocompletion=names("datasets")),
]
DatasetName = Annotated[
    str | None,
    typer.Option(
        "--dataset",
        help="Dataset; see `vosbench list datasets`.",
        autocompletion=names("datasets"),
        rich_help_panel=DATA,
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        help="The dataset's folder, or the folder that holds all datasets.",
        show_default="where the run found it, else VOSBENCH_DATA",
        rich_help_panel=DATA,
    ),
]
Submission = Annotated[
    str,
    typer.Option(
        "--for",
        help="What is handed in, e.g. youtube-vos; `vosbench data info DATASET` names it.",
        show_default=False,
        autocompletion=completing(submission_names),
        rich_help_panel=DATA,
    ),
]
Split = Annotated[
    str | None,
    typer.Option(
        help="Split, e.g. val.", show_default="the dataset's first choice", rich_help_panel=DATA
    ),
]
Resolution = Annotated[
    str | None,
    typer.Option(
        help="Resolution, if the dataset has several, e.g. 480p.",
        show_default="the dataset's first choice",
        rich_help_panel=DATA,
    ),
]
Sequences = Annotated[
    str | None,
    typer.Option(
        help="Use only these sequences, e.g. bear,camel.",
        show_default="all",
        rich_help_panel=DATA,
    ),
]
ProtocolName = Annotated[
    str | None,
    typer.Option(
        help="Scoring protocol; see `vosbench data info DATASET`.",
        show_default="the dataset's first choice",
        rich_help_panel=DATA,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="Device to compute on: cpu, cuda, cuda:1.",
        show_default="cpu",
        rich_help_panel=MACHINE,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Number of local processes.",
        show_default="1",
        min=1,
        rich_help_panel=MACHINE,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Run on this Dask cluster, e.g. tcp://host:8786.", rich_help_panel=MACHINE),
]
OwnProcess = Annotated[
    bool | None,
    typer.Option(
        "--own-process",
        help="Run the method in a process of its own, so that one that crashes or eats the memory "
        "costs its sequence, not the run; more than one worker always does.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        help="Give up a sequence when a frame takes longer than this many seconds; in a process of "
        "its own.",
        show_default="none",
        rich_help_panel=MACHINE,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--fps", help="Frames a second of the film.", show_default="the video's, 24 for pictures"
    ),
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace", help="Replace what is there; of a folder only what this command wrote."
    ),
]
RealTime = Annotated[
    float | None,
    typer.Option(
        help="Let the frames come so many a second, as from a camera: those that come while the "
        "method is busy get its last mask and are not shown to it. Masks then depend on the "
        "machine.",
        metavar="FPS",
        show_default="all frames are shown",
        rich_help_panel=MACHINE,
    ),
]
ProtocolTime = Annotated[
    bool | None,
    typer.Option(
        "--protocol-time",
        help="When the masks are made, time the method by a fixed protocol in a process of its "
        "own: seconds, frames a second by objects, memory; see `analyse --what protocol-time`.",
        show_default=False,
        rich_help_panel=MACHINE,
    ),
]
Grace = Annotated[
    int | None,
    typer.Option(
        help="Forgive so many late masks of each sequence in --real-time.",
        show_default="3, as VOT's challenges do",
        min=0,
        rich_help_panel=MACHINE,
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="Format, e.g. markdown; see `vosbench list reports`.",
        autocompletion=names("reports"),
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
