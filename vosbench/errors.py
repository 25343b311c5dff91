"""Errors that a user can mend: each says what was expected, found, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class VosbenchError(Exception):
    """Base of every error that is shown to the user without a traceback."""


class UsageError(VosbenchError):
    """A command, an option or a name is not one that exists or fits."""


class OtherRunError(UsageError):
    """A folder holds a run with other options, data, weights or source than the one asked for."""


class DataError(VosbenchError):
    """The data on disk are not what the layout promises.

    `faults` lists every fault found, one line each, each naming its file.
    """

    def __init__(self, faults: str | Sequence[str]) -> None:
        self.faults: tuple[str, ...] = (faults,) if isinstance(faults, str) else tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        shown = self.faults[:20]
        rest = len(self.faults) - len(shown)
        return "\n".join(shown) + (f"\n... and {rest} more" if rest else "")


class TruthWithheldError(DataError):
    """The split's annotations are not public, so masks can be made but not scored here."""


class MethodError(VosbenchError):
    """A method broke its contract: too few masks, a wrong size, an id that no prompt gave."""


class PluginError(VosbenchError):
    """A plugin cannot be imported, or two plugins claim one name; the message names the file."""


class IncompleteRunError(VosbenchError):
    """Some sequences of a run failed; the others are kept, and the same command goes on."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of an "unknown name" message: the nearest known name, then all of them."""
    names = sorted(known)
    return f"{nearest(word, names)}known: {', '.join(names) or 'none'}"


def nearest(word: str, known: Iterable[str]) -> str:
    """The question whether the nearest known name was meant; empty where none is near."""
    near = difflib.get_close_matches(word, sorted(known), n=1)
    return f"did you mean {near[0]!r}? " if near else ""
