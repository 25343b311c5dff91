"""Whether objects are there and predicted: tracked, missed, hallucinated, rightly empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vosbench.errors import DataError
from vosbench.results import PRESENCE
from vosbench.tables import Cell, Column, Table

if TYPE_CHECKING:
    from vosbench.analysis.groups import Group


def presence(group: Group) -> Table:
    """The shares of object-frames in which truth and prediction show the object, or do not.

    Raises:
        DataError: a run was scored before these were counted.
    """
    rows: list[tuple[Cell, ...]] = []
    for run in group.results:
        shares = run.presence
        if shares is None:
            raise DataError(f"{run.name} was scored before these were counted; evaluate it again")
        rows.append((run.name, *(shares[kind] for kind in PRESENCE)))
    better = {"tracked": "higher", "missed": "lower", "hallucinated": "lower"}
    return Table(
        name="presence",
        title=f"Object-frames: {group.title}",
        columns=(
            Column("run"),
            *(
                Column(kind.replace("_", " "), "%", better=better.get(kind, "higher"))  # type: ignore[arg-type]
                for kind in PRESENCE
            ),
        ),
        rows=tuple(rows),
        notes=(
            *group.notes,
            "tracked: truth and prediction show the object; missed: the truth alone; "
            "hallucinated: the prediction alone; rightly empty: neither",
            f"of {group.results[0].summary['presence']['object_frames']} object-frames that the "
            "protocol scores",
        ),
    )
