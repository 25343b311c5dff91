"""A table as text by any report plugin that gives text, found by its name.

A plugin for readers scales and rounds, one for programs keeps every value as it was computed.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from vosbench import registry
from vosbench.errors import PluginError, UsageError

if TYPE_CHECKING:
    from vosbench.tables import Table

TERMINAL = "terminal"  # the format in which commands print a table unless told otherwise


def names() -> tuple[str, ...]:
    """The names of all report plugins that give text, sorted."""
    return tuple(name for name in registry.names("reports") if _gives_text(_load(name)))


def check(name: str) -> None:
    """Raise UsageError unless a report plugin of that name gives text."""
    if not _gives_text(_load(name)):
        raise UsageError(
            f"report {name!r} gives a folder, made by `vosbench report`, not text; "
            f"choose one of {', '.join(names())}"
        )


def render(table: Table, name: str) -> str:
    """The table as the text of a report plugin; it ends in one line end.

    Raises:
        UsageError: there is no such plugin, or it gives a folder.
        PluginError: it cannot be imported, or what it gives is no text.
    """
    check(name)
    text = _load(name).render(table)
    if not isinstance(text, str):
        path = registry.find("reports", name).path
        raise PluginError(f"{path}: render() gave {type(text).__name__}, expected a string")
    return text.rstrip("\n") + "\n"


def suffix(name: str) -> str:
    """What ends the name of a file in this format: the plugin's SUFFIX, else `.` and its name."""
    return str(getattr(_load(name), "SUFFIX", f".{name}"))


def _load(name: str) -> ModuleType:
    return registry.load("reports", name)


def _gives_text(plugin: ModuleType) -> bool:
    return callable(getattr(plugin, "render", None))
