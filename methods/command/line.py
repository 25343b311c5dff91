"""A command line as the user typed it -> the arguments for one video, and what is known of it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from vosbench.errors import UsageError, did_you_mean

from .options import Options

PLACEHOLDERS = (
    "frames", "masks", "first", "images", "annotations", "video", "list", "root", "mp4", "out",
    "objects", "device", "seed", "width", "height", "length",
)  # fmt: skip
_PLACEHOLDER = re.compile(r"\{([a-z0-9_]+)\}")
_EXAMPLE = '--set "run=python infer.py --frames {frames} --masks {masks} --out {out}"'
_VERSIONS = (  # of the Python that runs, and of the torch beside it, without importing that
    "import platform; from importlib import metadata as m; n = 'torch'\n"
    "try: t = f', torch {m.version(n)}'\n"
    "except m.PackageNotFoundError: t = ''\n"
    "print(f'Python {platform.python_version()}{t}')"
)


class CommandLine:
    """A command line with placeholders, and where it runs.

    Raises:
        UsageError: there is none, or its quotes do not close.
    """

    def __init__(self, options: Options) -> None:
        if not options.run.strip():
            raise UsageError(f"command needs a program to run: {_EXAMPLE}")
        try:
            self.words = shlex.split(options.run)
        except ValueError as error:
            raise UsageError(f"run={options.run}: {error}; quotes come in pairs") from None
        self.options = options
        self.folder = Path(options.folder) if options.folder else Path.cwd()
        self.names = frozenset(_PLACEHOLDER.findall(options.run))

    def check(self) -> None:
        """Raise UsageError for what would fail with every video."""
        for name in sorted(self.names):
            if name not in PLACEHOLDERS:
                raise UsageError(f"run= holds {{{name}}}; {did_you_mean(name, PLACEHOLDERS)}")
        if "out" not in self.names:
            raise UsageError(
                f"run={self.options.run} does not hold {{out}}, the folder where masks are "
                f"expected; such as {_EXAMPLE}"
            )
        if "first" in self.names and self.options.prompts == "objects":
            raise UsageError(
                "{first} is one file, but prompts=objects writes one a object; use {masks}"
            )
        if not self.folder.is_dir():
            raise UsageError(f"folder={self.folder} is not a folder; the program is to run there")
        if not self.options.shell and self.program() is None:
            raise UsageError(
                f"program {self.words[0]!r} is not found, or may not be executed; give its path, "
                "or one that lies on PATH"
            )

    def program(self) -> Path | None:
        """The program's file; None where it is not found."""
        path = self.options.variables.get("PATH") or os.environ.get("PATH")
        inside = str(self.folder / self.words[0]) if "/" in self.words[0] else self.words[0]
        found = shutil.which(inside, path=path)
        return Path(found) if found else None

    def arguments(self, values: Mapping[str, str]) -> list[str]:
        """The program and its arguments, or a shell's, with the values of all placeholders."""
        if not self.options.shell:
            program, *others = [_filled(word, values) for word in self.words]
            return [str(self.program() or program), *others]
        quoted = {name: shlex.quote(value) for name, value in values.items()}
        return ["/bin/sh", "-c", _filled(self.options.run, quoted)]

    def files(self) -> dict[str, Path]:
        """Word -> the file that it names, of arguments and of `--name=FILE`.

        The program is one of them where it is named by its path and is no Python.
        """
        found = {}
        for place, word in enumerate(self.words):
            if place == 0 and ("/" not in word or _is_python(word)):
                continue
            for part in (word, word.partition("=")[2]):
                if part and not _PLACEHOLDER.search(part) and _is_file(self.folder / part):
                    found[part] = self.folder / part
        return found

    def facts(self) -> dict[str, object]:
        """What runs: the command line, the program's file and version, the commit of its folder."""
        program = self.program()
        return {
            "command": self.options.run,
            "program": str(program) if program else self.words[0],
            "version": self._version(program),
            "folder": str(self.folder),
            "commit": _said(
                ["git", "describe", "--always", "--dirty=+", "--exclude=*"], self.folder
            ),
        }

    def _version(self, program: Path | None) -> str:
        """Of a Python and its torch; "" of other programs, which may do anything when asked."""
        if program is None or not _is_python(program.name):
            return ""
        return _said([str(program), "-c", _VERSIONS], self.folder)


def _is_file(path: Path) -> bool:
    """Whether a file is there; no system has files named like a script of 300 characters."""
    try:
        return path.is_file()
    except OSError:
        return False


def _is_python(word: str) -> bool:
    return Path(word).name.startswith("python")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def _said(words: list[str], folder: Path) -> str:
    """What a program prints in a line; "" where it fails."""
    try:
        done = subprocess.run(
            words, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    return done.stdout.strip()
