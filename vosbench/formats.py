"""A table as text by any report plugin that gives text, found by its name.

A plugin for readers scales and rounds, one for programs keeps every value as it was computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vosbench import registry
from vosbench.errors import PluginError, UsageError

if TYPE_CHECKING:
    from vosbench.tables import Table
    from vosbench.types import ReportPlugin

TERMINAL = "terminal"  # the format in which commands print a table unless told otherwise
PAPER, SHEET = "latex", "csv"  # those of which `compare` makes a paper's table, a spreadsheet's


def names() -> tuple[str, ...]:
    """The names of all report plugins that give text, sorted."""
    from vosbench.types import ReportPlugin

    return tuple(
        name
        for name in registry.names("reports")
        if isinstance(registry.load_report(name), ReportPlugin)
    )


def check(name: str) -> ReportPlugin:
    """The report plugin of that name; UsageError unless it gives text."""
    from vosbench.types import ReportPlugin

    plugin = registry.load_report(name)
    if isinstance(plugin, ReportPlugin):
        return plugin
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
    text: object = check(name).render(table)
    if not isinstance(text, str):
        path = registry.find("reports", name).path
        raise PluginError(f"{path}: render() gave {type(text).__name__}, expected a string")
    return text.rstrip("\n") + "\n"


def suffix(name: str) -> str:
    """What ends the name of a file in this format: the plugin's SUFFIX, else `.` and its name."""
    from vosbench.types import HasSuffix

    plugin = registry.load_report(name)
    return plugin.SUFFIX if isinstance(plugin, HasSuffix) else f".{name}"
