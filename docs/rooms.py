"""The picture of the rooms, drawn from the imports: python docs/rooms.py FILE.svg.

A room is a package of vosbench/, or one of the plugins' folders. An arrow goes from a room to one
that it imports; arrows that others imply are left out, and so are those to the ground, which all
may import. `make docs` draws it anew (mkdocs calls `on_files`), so that it is never old.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Mapping
from functools import cache
from graphlib import TopologicalSorter
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PLUGINS = {
    "methods": "Each carries masks through a video.",
    "datasets": "Each opens one dataset: its card, its sequences.",
    "reports": "Each writes a table or a page.",
}
GROUND = (
    "metrics",
    "prompts",
    "toolbox",
)  # packages that everybody may import, beside the single files
UNDRAWN = ("__init__", "__main__", "plugins")

BOX, BEND = 142, 26  # pixels: the width of a room, of an arrow that passes by
TALL, GAP = 108, 46  # pixels: a room's height, and from one row of rooms to the next
APART = 12  # pixels: between two rooms of the fullest row


class Room(NamedTuple):
    """A box: what it does in a sentence, how many files it has, which rooms it imports."""

    name: str
    words: str
    files: int
    imports: frozenset[str]


def rooms() -> tuple[dict[str, Room], tuple[str, ...]]:
    """Every room by its name, and the names of the ground."""
    core = ROOT / "vosbench"
    names = {path.stem for path in core.glob("*.py")}
    names |= {path.parent.name for path in core.glob("*/__init__.py")}
    names -= set(UNDRAWN)
    arrows = {name: _imports(_files(core, name)) & names - {name} for name in sorted(names)}
    singles = {name for name in names if (core / f"{name}.py").is_file()}
    ground = singles | set(GROUND)
    while climbing := {name for name in ground if arrows[name] - ground}:
        ground -= climbing  # api.py stands above the rooms that it calls
    drawn = {
        name: Room(
            name,
            _first_line(core, name),
            len(_files(core, name)),
            frozenset(arrows[name] - ground),
        )
        for name in sorted(names - ground)
    }
    for name, words in PLUGINS.items():
        count = len(list((ROOT / name).rglob("*.py")))
        drawn[name] = Room(name, words, count, frozenset())
    return drawn, tuple(sorted(ground))


def _files(core: Path, name: str) -> list[Path]:
    single = core / f"{name}.py"
    return [single] if single.is_file() else sorted((core / name).rglob("*.py"))


def _first_line(core: Path, name: str) -> str:
    path = core / f"{name}.py"
    path = path if path.is_file() else core / name / "__init__.py"
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def _imports(files: list[Path]) -> set[str]:
    """The parts of vosbench that files import, wherever in them the line stands."""
    parts: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                dotted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                dotted = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            parts |= {name.split(".")[1] for name in dotted if name.startswith("vosbench.")}
    return parts


def reduced(drawn: Mapping[str, Room]) -> dict[str, set[str]]:
    """The arrows without those that a longer way implies.

    Raises:
        graphlib.CycleError: rooms import each other in a circle.
    """
    TopologicalSorter({name: room.imports for name, room in drawn.items()}).prepare()

    @cache
    def reached(name: str) -> frozenset[str]:
        below = drawn[name].imports
        return below.union(*(reached(other) for other in below))

    return {
        name: {
            other
            for other in room.imports
            if not any(other in reached(third) for third in room.imports - {other})
        }
        for name, room in drawn.items()
    }


class Laid(NamedTuple):
    """Rooms in rows, lowest first, and the arrows between neighbouring rows, from above to below.

    Where an arrow passes a row, a place is kept for it, with `>` in its name.
    """

    rows: list[list[str]]
    arrows: list[tuple[str, str]]


def laid_out(arrows: Mapping[str, set[str]]) -> Laid:
    """Each room above all that it imports, near to what it is joined with."""

    @cache
    def height(name: str) -> int:
        return 1 + max((height(other) for other in arrows[name]), default=-1)

    rows: list[list[str]] = [[] for _ in range(1 + max(map(height, arrows)))]
    steps: list[tuple[str, str]] = []
    for name in sorted(arrows, key=lambda name: (name not in PLUGINS, name)):
        rows[height(name)].append(name)
        for other in sorted(arrows[name]):
            bends = [f"{name}>{other} {row}" for row in range(height(other) + 1, height(name))]
            for bend, row in zip(bends, range(height(other) + 1, height(name)), strict=True):
                rows[row].append(bend)
            way = [other, *bends, name]
            steps += [(above, below) for below, above in pairwise(way)]
    joined: dict[str, list[str]] = {name: [] for row in rows for name in row}
    for above, below in steps:
        joined[above].append(below)
        joined[below].append(above)
    for _ in range(12):
        for row in (*rows[1:], *rows[-2::-1]):
            x = centres(rows)
            row.sort(
                key=lambda name: (
                    name not in PLUGINS,
                    sum(x[end] for end in joined[name]) / max(1, len(joined[name])),
                )
            )
    return Laid(rows, steps)


def full_width(rows: list[list[str]]) -> int:
    """Of the picture: what the fullest row needs."""
    return max(sum(_width(name) + APART for name in row) + APART for row in rows)


def _width(name: str) -> int:
    return BEND if ">" in name else BOX


def centres(rows: list[list[str]]) -> dict[str, float]:
    """The middle of each place; a row is spread over the picture's width."""
    x: dict[str, float] = {}
    for row in rows:
        widths = [_width(name) for name in row]
        space = (full_width(rows) - sum(widths)) / (len(row) + 1)
        left = space
        for name, width in zip(row, widths, strict=True):
            x[name] = left + width / 2
            left += width + space
    return x


def svg() -> str:
    """The whole picture."""
    drawn, ground = rooms()
    laid = laid_out(reduced(drawn))
    x, width = centres(laid.rows), full_width(laid.rows)
    base = len(laid.rows) * (TALL + GAP)
    top = {
        name: base - (number + 1) * (TALL + GAP) + GAP / 2
        for number, row in enumerate(laid.rows)
        for name in row
    }
    parts = [_arrow(x, top, above, below) for above, below in laid.arrows]
    parts += [_bend(x[name], top[name]) for name in x if ">" in name]
    parts += [_box(room, x[name] - BOX / 2, top[name]) for name, room in drawn.items()]
    parts.append(_ground(ground, base, width))
    height = base + TALL
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" '
        'font-family="sans-serif">\n<title>The rooms of vosbench and what they import</title>\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#556"/></marker></defs>\n'
        f'<rect width="{width}" height="{height:.0f}" rx="12" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _arrow(x: Mapping[str, float], top: Mapping[str, float], above: str, below: str) -> str:
    start, end = top[above] + TALL, top[below]
    middle = (start + end) / 2
    tip = "" if ">" in below else ' marker-end="url(#tip)"'
    return (
        f'<path d="M{x[above]:.0f} {start:.0f}C{x[above]:.0f} {middle:.0f} {x[below]:.0f} '
        f'{middle:.0f} {x[below]:.0f} {end:.0f}" fill="none" stroke="#889" '
        f'stroke-width="1.6"{tip}/>'
    )


def _bend(x: float, top: float) -> str:
    return f'<path d="M{x:.0f} {top:.0f}v{TALL}" stroke="#889" stroke-width="1.6"/>'


def _box(room: Room, left: float, top: float) -> str:
    fill, edge = ("#fdf3e1", "#c9892b") if room.name in PLUGINS else ("#eef2fb", "#4a63b0")
    lines = textwrap.wrap(room.words.replace("`", ""), 23, max_lines=4, placeholder=" ...")
    words = _lines(lines, left + 9, top + 37, 10, 13)
    files = f"{room.files} file{'s' if room.files > 1 else ''}"
    return (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{BOX}" height="{TALL}" rx="7" '
        f'fill="{fill}" stroke="{edge}"/>'
        f'<text x="{left + 9:.0f}" y="{top + 20:.0f}" font-size="14" font-weight="bold">'
        f"{escape(room.name)}</text>"
        f'<text x="{left + BOX - 8:.0f}" y="{top + TALL - 8:.0f}" font-size="9.5" fill="#667" '
        f'text-anchor="end">{files}</text>{words}'
    )


def _ground(names: tuple[str, ...], top: float, width: int) -> str:
    lines = textwrap.wrap(",  ".join(names), 160)
    return (
        f'<rect x="14" y="{top:.0f}" width="{width - 28}" height="{TALL - 22}" rx="7" '
        'fill="#eaf5ea" stroke="#4a9050"/>'
        f'<text x="28" y="{top + 22:.0f}" font-size="14" font-weight="bold">the ground: every '
        "room may import it, plugins the part that is open to them</text>"
        + _lines(lines, 28, top + 46, 12, 17)
    )


def _lines(lines: list[str], x: float, y: float, size: float, apart: float) -> str:
    return "".join(
        f'<text x="{x:.0f}" y="{y + number * apart:.0f}" font-size="{size}" fill="#223">'
        f"{escape(line)}</text>"
        for number, line in enumerate(lines)
    )


def on_files(files: Any, config: Any) -> Any:
    """Give mkdocs the picture as if it lay in docs/; a hook of mkdocs.yml."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "rooms.svg", content=svg()))
    return files


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(svg(), encoding="utf-8")
