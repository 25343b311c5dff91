"""Errors that a user can fix: each says what was expected, what was found, where, what to do."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
}
_CAUTIONS = {"crf": "; this builds pydensecrf2, which needs a C++ compiler and about 80 s"}


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
        shown = self.faults[:20]
        rest = len(self.faults) - len(shown)
        return "\n".join(shown) + (f"\n... and {rest} more" if rest else "")


class IncompleteScoresError(DataError):
    """Some sequences could not be scored; `scored` is what the others gave, `failed` names these.

    scored: an Evaluation, or from `evaluate` a Result, whose files are written where asked for.
    failed: sequence -> its faults.
    """

    def __init__(self, failed: Mapping[str, tuple[str, ...]], scored: Any) -> None:
        super().__init__([fault for faults in failed.values() for fault in faults])
        self.failed, self.scored = failed, scored

    def __str__(self) -> str:
        names = ", ".join(self.failed)
        return (
            f"{super().__str__()}\nNOT COMPLETE, not scored: {names}; the scores are of the others"
        )


class TruthWithheldError(DataError):
    """The split's annotations are not public: masks can be made, but not scored here."""


class MethodError(VosbenchError):
    """A method gave wrong masks: too few, of another size, or with an id that no prompt has."""


class PluginError(VosbenchError):
    """A plugin cannot be imported, or two plugins claim one name; the message names the file."""


class IncompleteRunError(VosbenchError):
    """Some sequences of a run failed; the others are kept, and the same command continues."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of an "unknown name" message: `did you mean 'x'? known: w, x, y`."""
    names = sorted(known)
    return f"{nearest(word, names)}known: {', '.join(names) or 'none'}"


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'? `, or "" if no name is close."""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""


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
