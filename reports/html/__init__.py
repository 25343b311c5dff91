"""A folder to look at: index.html with tables, curves and a viewer of every frame's masks.

It opens from disk and needs no network. Pages are Jinja2 templates with everything escaped; the
viewer is plain JavaScript in assets/ that loads one file per sequence when it is looked at.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from vosbench.toolbox.reports.page import Page, Place, Section

from . import curves, films

if TYPE_CHECKING:
    from jinja2 import Environment


SOURCE = "vosbench"

HERE = Path(__file__).parent


def write(page: Page, out: Path) -> None:
    """Write index.html, assets/, data/, frames/ and thumbs/ into `out`, which exists."""
    shutil.copytree(HERE / "assets", out / "assets", dirs_exist_ok=True)
    cards = {section.name: films.write(section, out, page) for section in page.sections}
    styles = curves.styles(page.looks)
    index = [_indexed(section, cards[section.name], styles) for section in page.sections]
    (out / "data").mkdir(exist_ok=True)
    (out / "data" / "index.js").write_text(
        f"window.vosbench = {{films: {{}}, sections: {json.dumps(index)}}};\n", encoding="utf-8"
    )
    environment = _environment()
    environment.globals["size_of"] = lambda figure: _size(out / figure.picture)
    environment.globals |= {"page": page, "cards": cards, "styles": styles, "curves": curves}
    html = environment.get_template("index.html").render()
    (out / "index.html").write_text(html, encoding="utf-8")


def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"address": address, "place": Place, "means": _means}
    return environment


def address(section: Section, place: Place) -> str:
    """The fragment under which the viewer shows a place; its parts hold whatever signs."""
    parts = (section.name, *place)
    return "#view/" + "/".join(quote(part, safe="") for part in parts)


def _size(picture: Path) -> tuple[int, int] | None:
    """Width and height in pixels for a figure made for paper, little more than its size.

    None for other pictures. With both, a page keeps its layout while pictures are still to come.
    """
    if picture.suffix == ".png":
        from PIL import Image

        with Image.open(picture) as image:
            dots = image.info.get("dpi")
            inches = [side / dots[0] for side in image.size] if dots else []
    else:
        with picture.open(encoding="utf-8") as file:
            head = file.read(4000)
        found = re.search(r'<svg [^>]*?width="([0-9.]+)pt" height="([0-9.]+)pt"', head)
        inches = [float(side) / 72 for side in found.groups()] if found else []
    if not inches:
        return None
    width, height = (round(96 * 1.05 * side) for side in inches)
    return width, height


def _means(section: Section, sequence: str) -> str:
    """J of a sequence in every run, for the order of the gallery."""
    return json.dumps([run.means.get(sequence) for run in section.runs])


def _indexed(
    section: Section, cards: tuple[films.Card, ...], styles: dict[str, curves.Style]
) -> dict[str, object]:
    """What the viewer knows of a section before it has loaded a sequence."""
    return {
        "name": section.name,
        "title": section.title,
        "runs": [
            {"name": run.name, "colour": styles[run.name].colour, "dash": styles[run.name].dash}
            for run in section.runs
        ],
        "films": [
            {
                "name": card.name,
                "file": card.file,
                "means": [run.means.get(card.name) for run in section.runs],
            }
            for card in cards
            if card.file
        ],
    }
