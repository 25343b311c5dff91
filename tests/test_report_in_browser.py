"""The page in a real browser, opened from disk: sort, open, step, switch, play, no error."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_report import ATTACK, make_report
from PIL import Image

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"{make_report(tmp_path_factory.mktemp('browsed')).as_uri()}/index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install playwright"
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A fresh page; whatever it says on the console, or asks of the network, fails the test."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(60_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on(
        "request",
        lambda request: None if request.url.startswith(("file:", "data:")) else said.append(
            request.url
        ),
    )  # fmt: skip
    page.goto(address)
    yield page
    page.close()
    assert said == []


def column(page: Any, table: str, number: int) -> list[str]:
    cells = page.locator(f"table[data-table={table}] tbody tr > :nth-child({number})")
    return [text.strip() for text in cells.all_inner_texts()]


def open_at(page: Any, address: str, place: str) -> None:
    page.goto(f"{address}#view/folder-all-prompted/{place}")
    page.wait_for_function("document.querySelector('[data-part=now]').textContent")


def now(page: Any) -> str:
    text: str = page.locator("[data-part=now]").inner_text()
    return text


def names(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".stage figcaption b").all_inner_texts()]


def pixels(page: Any, pane: int) -> np.ndarray:
    """What a canvas shows, (h, w, 3), as a person sees it."""
    shot = page.locator(".stage canvas").nth(pane).screenshot()
    return np.array(Image.open(io.BytesIO(shot)).convert("RGB"))


def test_an_attack_is_shown_as_text(page: Any) -> None:
    assert page.title() == f"Of {ATTACK}"
    assert ATTACK in page.locator("table[data-table=scores]").inner_text()


def test_tables_sort_by_click_and_by_key(page: Any) -> None:
    heading = page.locator("table[data-table=scores] thead th").nth(1)
    before = column(page, "scores", 2)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert column(page, "scores", 2) == sorted(before, key=float, reverse=True)
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, "scores", 2) == sorted(before, key=float)


def test_the_gallery_is_ordered_anew(page: Any) -> None:
    def order() -> list[str]:
        return [text.strip() for text in page.locator(".gallery h4").all_inner_texts()]

    assert order() == ["ant", "bee & co", "cat"]
    worst = page.locator("select.order").select_option("worst") and order()
    page.locator("select.order").select_option("best")
    assert order() == worst[::-1]


def test_a_picture_opens_the_viewer_at_its_frame(page: Any) -> None:
    assert not page.locator("#viewer").is_visible()
    page.locator(".gallery article").nth(1).locator(".thumbs a").nth(2).click()
    page.wait_for_function("document.querySelector('[data-part=now]').textContent")
    assert now(page).startswith("frame 00006, 7 of 9")
    assert names(page)[0] == "truth"
    assert len(names(page)) == 2
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    page.wait_for_function("!location.hash.startsWith('#view')")


def test_keys_step_and_the_address_follows(page: Any, address: str) -> None:
    open_at(page, address, "bee%20%26%20co/00003/")
    for key, wanted in {"ArrowRight": 5, "End": 9, "ArrowLeft": 8, "Home": 1}.items():
        page.keyboard.press(key)
        page.wait_for_function(
            "n => document.querySelector('[data-part=now]').textContent.includes(`, ${n} of 9`)",
            arg=wanted,
        )
    assert page.locator("[data-part=slider]").input_value() == "0"
    page.wait_for_function("location.hash.includes('/00000/')")
    page.keyboard.press("]")
    page.wait_for_function("document.querySelector('[data-part=now]').textContent.includes('of 7')")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function("document.querySelector('[data-part=now]').textContent.includes('7 of')")


def test_runs_are_switched_and_stand_side_by_side(page: Any, address: str) -> None:
    open_at(page, address, "ant/00003/copy-first")
    assert names(page) == ["truth", "copy-first"]
    page.keyboard.press("0")
    assert names(page) == ["truth"]
    page.keyboard.press("s")
    assert set(names(page)) == {"truth", "copy-first", ATTACK}
    page.get_by_role("checkbox", name="show truth beside the others").uncheck()
    assert set(names(page)) == {"copy-first", ATTACK}
    page.locator(".legend button", has_text="copy-first").click()
    assert names(page) == ["copy-first"]
    page.wait_for_function("document.querySelector('.stage canvas').ariaLabel")
    assert "masks of copy-first J " in page.locator(".stage canvas").get_attribute("aria-label")


def test_errors_and_masks_are_drawn_over_the_frame(page: Any, address: str) -> None:
    open_at(page, address, "cat/00006/copy-first")
    masks = pixels(page, 1)
    page.keyboard.press("e")
    page.wait_for_timeout(300)
    errors = pixels(page, 1)
    scale = errors.shape[1] / 48  # of the frame's 48 columns
    rows = slice(round(3 * scale), round(11 * scale))
    red, _, blue = errors[rows, round(4 * scale) : round(8 * scale)].mean((0, 1))
    assert red - blue > 100, "the first object, held still, is false on the left: orange"
    red, _, blue = errors[rows, round(14 * scale) : round(18 * scale)].mean((0, 1))
    assert blue - red > 60, "and missed on the right: blue"
    page.keyboard.press("m")
    page.wait_for_timeout(300)
    bare = pixels(page, 1)
    assert np.abs(bare.astype(int) - masks).max() > 60
    assert np.abs(bare.astype(int) - errors).max() > 60


def test_it_plays_and_stops(page: Any, address: str) -> None:
    open_at(page, address, "ant/00000/")
    page.keyboard.press(" ")
    page.wait_for_function(
        "!document.querySelector('[data-part=now]').textContent.includes(' 1 of')"
    )
    assert page.locator("[data-part=play]").inner_text() == "Pause"
    page.keyboard.press(" ")
    page.wait_for_timeout(300)  # a frame may be under way
    still = now(page)
    page.wait_for_timeout(300)
    assert (now(page), page.locator("[data-part=play]").inner_text()) == (still, "Play")


def test_a_phone_scrolls_in_one_direction(browser: Any, address: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    open_at(page, address, "ant/00003/")
    assert page.evaluate("document.querySelector('#viewer').scrollWidth") <= 390
    page.close()


def test_what_is_missing_is_said(browser: Any, address: str, tmp_path: Path) -> None:
    folder = Path(address.removeprefix("file://")).parent
    shutil.copytree(folder, tmp_path / "cut")
    for film in (tmp_path / "cut" / "data").glob("*/ant.js"):
        film.unlink()
    page = browser.new_page()
    page.goto(f"{(tmp_path / 'cut' / 'index.html').as_uri()}#view/folder-all-prompted/ant//")
    page.wait_for_function(
        "document.querySelector('[data-part=message]').textContent.includes('missing')"
    )
    assert "copy the report's whole folder" in page.locator("[data-part=message]").inner_text()
    page.close()
