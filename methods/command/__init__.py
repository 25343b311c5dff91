"""Runs any program over each video and reads the masks that it writes.

Frames and prompts -> a folder as public inference scripts expect it -> the program of `--set run=`
-> the masks in its folder of results. The program starts anew for every video. Placeholders in the
command line name what it is given; {out} must be among them:

    {frames}       the folder of the frames, 00000.jpg and so on; the first one has the first prompt
    {masks}        the folder of the prompts: 00000.png, and 00012.png for objects that start there
    {first}        the file of the first prompt
    {images}, {annotations}, {video}, {list}
                   {images}/{video} is {frames}, {annotations}/{video} is {masks}; {list} is a text
                   file whose only line is {video}
    {root}         the folder that holds JPEGImages/ and Annotations/, which are {images} and
                   {annotations}
    {mp4}          the frames as a video file
    {out}          an empty folder for the masks: {out}/00000.png, {out}/{video}/00000.png, one PNG
                   an object in folders named by its id, a .zip or a .json of them
    {objects}      the ids of the prompts, such as 1,2
    {device}, {seed}, {width}, {height}, {length}

    --set "run=python infer.py --frames {frames} --masks {masks} --out {out}"

Frames are encoded anew, as JPEG unless frames=png is set, since a method sees no files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .options import Options

if TYPE_CHECKING:
    from .method import Command

__all__ = ["SOURCE", "Options", "build", "files"]

SOURCE = "vosbench; what runs is the user's"


def files(options: Options) -> dict[str, Path]:
    """The files that the command line names, such as scripts and weights."""
    from .line import CommandLine

    return CommandLine(options).files() if options.run else {}


def build(options: Options, *, device: str, seed: int) -> Command:
    """Make the method; nothing runs before the first video.

    Raises:
        UsageError: the command line cannot be run: no {out}, an unknown placeholder, no program.
    """
    from .line import CommandLine
    from .method import Command, CommandForObjects

    line = CommandLine(options)
    line.check()
    kind = CommandForObjects if options.prompts == "objects" else Command
    return kind(options, line, device=device, seed=seed)
