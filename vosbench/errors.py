"""Errors that a user can fix: each says what was expected, what was found, where, what to do."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sysconfig
import traceback
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# a library that the core does without -> the extra that brings it
EXTRAS = {
    "torch": "run",
    "torchvision": "run",
    "safetensors": "run",
    "av": "run",
    "pandas": "report",
    "matplotlib": "report",
    "jinja2": "report",
    "sklearn": "report",
    "scipy": "report",
    "lightning_fabric": "train",
    "tensorboard": "train",
    "distributed": "cluster",
    "dask": "cluster",
    "pydensecrf": "crf",
    "timm": "timm",
    "transformers": "sam",
    "cutie": "cutie",
}
_CAUTIONS = {"crf": "; this builds pydensecrf2, which needs a C++ compiler and about 80 s"}


# what names one frame: its file, the annotation of it, the number of its grey values
_FRAME = re.compile(
    r"(?<=[/\\ ])[^/\\\s]+\.(?:png|jpe?g|bmp|ppm|tiff?|webp|flo)\b|(?<=annotation )\S+(?= of )"
    r"|(?<=, frame )[^\s,]+|\d+(?= different)",
    re.IGNORECASE,
)


class VosbenchError(Exception):
    """Base of the errors that the user sees as one message, without a traceback."""


class UsageError(VosbenchError):
    """A command, option or name does not exist, or does not fit the others."""


class MissingExtraError(UsageError, ImportError):
    """A library is missing that an extra of vosbench brings; the message says what to install."""


class OtherRunError(UsageError):
    """The folder holds another run: its options, data, weights or source differ."""


class DataError(VosbenchError):
    """Files on disk are missing, damaged or not what was expected.

    `faults` lists every fault, one line each, with its file.
    """

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        lines = one_a_cause(self.faults)
        rest = len(lines) - 20
        return "\n".join(lines[:20]) + (f"\n... and {rest} more" if rest > 0 else "")


class NoMasksError(DataError):
    """There is no mask of a sequence at all."""


class IncompleteScoresError(DataError):
    """Some sequences could not be scored; `scored` is what the others gave, `failed` names these.

    scored: an Evaluation, or from `evaluate` a Result, whose files are written where asked for.
    failed: sequence -> its faults. zero: those among them that count as 0, as a protocol may say.
    """

    def __init__(
        self, failed: Mapping[str, tuple[str, ...]], scored: Any, zero: Collection[str] = ()
    ) -> None:
        super().__init__([fault for faults in failed.values() for fault in faults])
        self.failed, self.scored, self.zero = failed, scored, tuple(zero)

    def __str__(self) -> str:
        left = ", ".join(name for name in self.failed if name not in self.zero)
        told = [f"not scored: {left}; the scores are of the others"] if left else []
        told += [f"counted as 0: {', '.join(self.zero)}"] if self.zero else []
        return f"{super().__str__()}\nNOT COMPLETE, {'; '.join(told)}"


class TruthWithheldError(DataError):
    """The split's annotations are not public: masks can be made, but not scored here."""


class MethodError(VosbenchError):
    """A method gave wrong masks, or failed; the message names the line of its code."""


class PluginError(VosbenchError):
    """A plugin cannot be imported or fails, or two claim one name; the message names the file."""


class IncompleteRunError(VosbenchError):
    """Some sequences of a run failed; the others are kept, and the same command continues."""


def one_a_cause(faults: Iterable[str]) -> list[str]:
    """One line for three or more faults that differ only in the file of a frame.

    >>> one_a_cause([f"mask d/{i}.png is 4x5 but its frame is 2x3" for i in range(3)])
    ['mask d/0.png is 4x5 but its frame is 2x3 (3 such, up to 2.png)']
    """
    alike: dict[str, list[str]] = {}
    for fault in faults:
        alike.setdefault(_FRAME.sub("", fault), []).append(fault)
    lines = []
    for members in alike.values():
        if len(members) < 3:
            lines += members
        else:
            last = _FRAME.findall(members[-1])
            upto = f", up to {last[0]}" if last else ""
            lines.append(f"{members[0]} ({len(members)} such{upto})")
    return lines


def nameless(error: str, name: str) -> str:
    """An error without the name of its sequence: the same for all that fail alike.

    >>> nameless("masks/ant is missing, expected masks of ant", "ant")
    'masks/ is missing, expected masks of '
    """
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", error)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an "unknown name" message: `did you mean 'x'? known: w, x, y`."""
    names = sorted(known)
    return f"{nearest(word, names)}known: {', '.join(names) or 'none'}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? `, or "" if no name is close; names that begin with the word are.

    Capitals and the signs between words do not count. Last come names of which it is a part.

    >>> nearest("sweep", ["sweep-a", "sweep-b", "weep"])
    "did you mean 'sweep-a' or 'sweep-b'? "
    >>> nearest("DAVIS_2017", ["davis2016", "davis2017"]), nearest("JF", ["F", "J", "J&F"])
    ("did you mean 'davis2017'? ", "did you mean 'J&F'? ")
    >>> nearest("sam2", ["video-sam", "same-size"])
    "did you mean 'video-sam'? "
    """
    names, sought = sorted(known), _bare(word)
    same = [name for name in names if sought and _bare(name) == sought]
    begun = [name for name in names if len(sought) > 1 and _bare(name).startswith(sought)]
    bare = {_bare(name): name for name in reversed(names)}
    close = [bare[each] for each in difflib.get_close_matches(sought, bare, n=1)]
    part = sought.rstrip("0123456789")
    parts = [name for name in names if len(part) > 2 and part in re.split(r"\W|_", name.lower())]
    near = same or begun or difflib.get_close_matches(word, names, n=1) or close or parts
    return f"did you mean {' or '.join(map(repr, near[:3]))}? " if near else ""


def _bare(name: str) -> str:
    """The letters and digits of a name, small."""
    return "".join(sign for sign in name.lower() if sign.isalnum())


@contextlib.contextmanager
def needing(what: str, *, extra: str = "") -> Iterator[None]:
    """Turn the failing import of an extra's library into one sentence that says what to install.

    Args:
        what: what is being done, in words that open the message: "method 'rpmnet'".
        extra: the extra that brings all that it needs, where it holds the library's own.

    Raises:
        MissingExtraError: in the place of a ModuleNotFoundError for a library of EXTRAS.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in EXTRAS:
            raise
        wanted = extra or EXTRAS[library]
        raise MissingExtraError(
            f"{what} needs {library}, which is not installed: "
            f'pip install "vosbench[{wanted}]"{_CAUTIONS.get(wanted, "")}',
            name=library,
        ) from error


@contextlib.contextmanager
def blaming(what: str, kind: type[VosbenchError] = MethodError) -> Iterator[None]:
    """Turn whatever a plugin's code raises into one sentence that names the line of that code.

    Our own errors and Ctrl-C pass. A child that the code forked and let run on ends here.

    Args:
        what: whose code runs, in words that open the message: "method 'rpmnet'".

    Raises:
        VosbenchError: of this kind, in the place of any other exception, SystemExit among them.
    """
    process = os.getpid()
    try:
        yield
    except (VosbenchError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise kind(f"{what} {described(error)}{line_of(error)}") from error
    finally:
        if os.getpid() != process:
            os._exit(1)


def described(error: BaseException) -> str:
    r"""What an exception of a plugin's code says, in one line.

    >>> described(ValueError("no\nface")), described(SystemExit(0))
    ('failed: ValueError: no face', 'tried to end the program: SystemExit(0)')
    """
    if isinstance(error, SystemExit):
        return f"tried to end the program: SystemExit({error.code})"
    try:
        text = " ".join(str(error).split())
    except Exception:  # its own code, which may fail as well
        text = ""
    said = f": {text[:300]}{'...' if len(text) > 300 else ''}" if text else ""
    return f"failed: {type(error).__name__}{said}"


def line_of(error: BaseException) -> str:
    """` (FILE, line N)`, where the last line of a plugin's own code ran; "" where none did."""
    own = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file, module = frame.f_code.co_filename, frame.f_globals.get("__name__") or ""
        if module.startswith("vosbench.plugins.") or _of_plugin(file):
            own = f" ({file}, line {line})"
    return own


def line_in(dump: str) -> str:
    r"""The same of what Python's fault handler wrote, which begins with the last line that ran.

    Of several threads the one that crashed comes first, then the first that was begun: others may
    read frames meanwhile, which is a plugin's code as well.

    >>> line_in('  File "<string>", line 1 in a\n  File "/my/method.py", line 7 in segment\n')
    ' (/my/method.py, line 7)'
    """
    threads = re.split(r"^(?=Thread |Current thread )", dump, flags=re.MULTILINE)[::-1]
    threads.sort(key=lambda each: not each.startswith("Current"))
    for each in threads:
        for file, line in re.findall(r'^ *File "(.+)", line (\d+)', each, re.MULTILINE):
            if _of_plugin(file):
                return f" ({file}, line {line})"
    return ""


def _of_plugin(file: str) -> bool:
    return file.startswith(_PLUGINS) or not file.startswith((*_NOT_OF_PLUGINS, "<"))


_CORE = str(Path(__file__).parent) + os.sep
_PLUGINS = f"{_CORE}plugins{os.sep}"
_NOT_OF_PLUGINS = (
    _CORE,
    *(sysconfig.get_path(each) + os.sep for each in ("stdlib", "purelib", "platlib")),
)
