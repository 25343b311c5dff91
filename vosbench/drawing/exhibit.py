"""Tables and figures that belong together, as `inspect` makes them and a report shows them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vosbench.drawing.figure import Figure
    from vosbench.tables import Table
    from vosbench.toolbox.reports.looks import Looks


@dataclass(frozen=True)
class Exhibit:
    """Tables and figures under a heading of their own, such as a paper's Fig. 5.

    name: fit for a file's name. Without any table or figure it could not be made.
    """

    name: str
    title: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()

    def prefixed(self, prefix: str) -> Exhibit:
        """The same, whose tables and figures are named PREFIX-<name>."""
        return replace(
            self,
            tables=tuple(replace(t, name=f"{prefix}-{t.name}") for t in self.tables),
            figures=tuple(replace(f, name=f"{prefix}-{f.name}") for f in self.figures),
        )


@dataclass(frozen=True)
class Exhibition:
    """What a report shows before its sections, under one heading.

    name: of the folders for its files. looks: of the runs in its figures, by name; the rest of the
    report keeps to them. left_out: what could not be made, and why.
    """

    name: str
    title: str
    exhibits: tuple[Exhibit, ...]
    looks: Looks = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
