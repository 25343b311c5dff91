"""Kind 5: what the values of a mask file mean is decided by looking, or refused, never guessed."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import make_folder_dataset
from PIL import Image

from vosbench import api, masks
from vosbench.errors import DataError, VosbenchError
from vosbench.masks import is_soft, read_colours, read_mask, write_mask
from vosbench.scoring import crosscheck

Picture = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def disc(value: int = 1, h: int = 64, w: int = 96) -> Picture:
    y, x = np.mgrid[:h, :w]
    return (np.hypot(y - 30, x - 40) < 18).astype(np.uint8) * np.uint8(value)


DISC = disc(3)


def blurred(levels: int) -> Picture:
    """A white disc whose edge has some grey levels, as drawing programs smooth it."""
    y, x = np.mgrid[:64, :96]
    share = np.clip((20 - np.hypot(y - 30, x - 40)) / 4, 0, 1)
    return (np.round(share * levels) * (255 / levels)).astype(np.uint8)


def crowd(first: int, count: int) -> Picture:
    """Objects of 5x5 pixels with ids from `first` on."""
    mask = np.zeros((max(64, 7 * -(-count // 13)), 96), np.uint8)
    for number in range(count):
        top, left = 1 + 7 * (number // 13), 1 + 7 * (number % 13)
        mask[top : top + 5, left : left + 5] = first + number
    return mask


def saved(format: str, picture: Picture = DISC, **options: object) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        content = io.BytesIO()
        Image.fromarray(picture).save(content, format=format, **options)
        path.write_bytes(content.getvalue())

    return save


def paletted(picture: Picture, colours: list[int]) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        image = Image.fromarray(picture, mode="P")
        image.putpalette(colours)
        image.save(path)

    return save


def coloured(path: Path) -> None:
    image = Image.fromarray(disc(2), mode="P")
    image.putpalette(masks.palette())
    image.convert("RGB").save(path)


def from_jpeg(quality: int, picture: Picture) -> Callable[[Path], None]:
    def save(path: Path) -> None:
        saved("JPEG", picture, quality=quality)(path)
        Image.open(path).save(path, format="PNG")

    return save


def enlarged(picture: Picture, way: Image.Resampling) -> Picture:
    h, w = picture.shape
    return np.array(Image.fromarray(picture).resize((4 * w, 4 * h), way))


def touching(count: int, h: int = 120, w: int = 160, *, deep: bool = False) -> npt.NDArray[Any]:
    """Cells of random places and ids that touch; a fifth is background."""
    rng = np.random.default_rng(count)
    y, x = np.mgrid[:h, :w]
    places = rng.uniform(0, 1, (count, 2)) * (h, w)
    nearest = np.full((h, w), np.inf)
    mask = np.zeros((h, w), np.uint16)
    numbers = rng.permutation(65535)[:count] + 1 if deep else rng.permutation(count) + 1
    numbers[: count // 5] = 0
    numbers[-1] = 65535 if deep else numbers[-1]
    for number, (top, left) in zip(numbers, places, strict=True):
        far = (y - top) ** 2 + (x - left) ** 2
        mask[far < nearest] = number
        nearest = np.minimum(far, nearest)
    return mask if deep else mask.astype(np.uint8)


def ropes(width: float) -> Picture:
    """Ropes of some pixels' width across a thick object."""
    y, x = np.mgrid[:240, :427]
    mask = (np.hypot(y - 120, x - 200) < 80).astype(np.uint8) * np.uint8(230)
    for number, slope, aside in ((46, 0.09, -47), (78, 0.41, -25), (157, 0.63, 14)):
        far = np.abs(y - 120 - slope * (x - 200) - aside) / np.hypot(1, slope)
        mask[far < width / 2] = number
    return mask


def plain(picture: npt.NDArray[Any], path: Path) -> None:
    Image.fromarray(picture).save(path)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "jpeg-q95": (saved("JPEG", quality=95), "is a JPEG picture, .* masks must be lossless"),
    "jpeg-grey-255": (saved("JPEG", disc(255)), "is a JPEG picture"),
    "webp": (saved("WEBP", np.stack([disc(200)] * 3, -1)), "is a WEBP picture"),
    "jpeg-in-tiff": (saved("TIFF", disc(9), compression="jpeg"), "is a TIFF picture, whose"),
    "jpeg-saved-as-png": (from_jpeg(60, disc(255)), "looks like a soft map; threshold it"),
    "jpeg-q95-saved-as-png": (from_jpeg(95, disc(255, 240, 427)), "soft map"),
    "jpeg-q100-saved-as-png": (from_jpeg(100, disc(255, 240, 427)), "soft map"),
    "jpeg-of-ids": (from_jpeg(90, crowd(100, 60)), "soft map"),
    "enlarged": (saved("PNG", enlarged(disc(255), Image.Resampling.BILINEAR)), "soft map"),
    "enlarged-cubic": (saved("PNG", enlarged(disc(255), Image.Resampling.BICUBIC)), "soft map"),
    "enlarged-ids": (saved("PNG", enlarged(crowd(60, 90), Image.Resampling.BILINEAR)), "soft map"),
    "two-objects-enlarged": (
        saved("PNG", enlarged(np.maximum(disc(128), disc(255)[::-1]), Image.Resampling.BILINEAR)),
        "soft map",
    ),
    "wide-edges-of-3-levels": (
        saved("PNG", np.where(blurred(255) > 200, disc(255), disc(128))),
        "2 different grey values: it looks like a soft map",
    ),
    "enlarged-in-colours": (
        paletted(enlarged(disc(255), Image.Resampling.BILINEAR), list(masks.palette())),
        "soft map",
    ),
    "edges-of-2-levels": (saved("PNG", blurred(3)), "3 different grey values: .* soft map"),
    "edges-of-7-levels": (saved("PNG", blurred(8)), "8 different grey values: .* soft map"),
    "edges-of-40-levels": (saved("PNG", blurred(41)), "soft map"),
    "soft-as-rgb": (saved("PNG", np.stack([blurred(8)] * 3, -1)), "soft map"),
    "white-0-black-1": (paletted(disc(), [255, 255, 255, 0, 0, 0]), "seem to be swapped"),
    "red-0-black-2": (paletted(disc(2), [255, 0, 0, 0, 9, 0, 0, 0, 0]), "0, .* is .255, 0, 0. and"),
    "davis-colours": (coloured, r"those of DAVIS masks, \(0, 128, 0\) is 2: .*vosbench convert"),
    "other-colours": (saved("PNG", np.stack([disc(7), disc(8), disc(9)], -1)), "has mode RGB, exp"),
    "edges-of-16-bits": (
        lambda p: Image.fromarray(blurred(41).astype(np.uint16) * 257).save(p),
        "soft map",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_ids_is_refused(tmp_path: Path, name: str) -> None:
    save, words = REFUSED[name]
    save(tmp_path / "m.png")
    with pytest.raises(DataError, match=rf"m\.png .*{words}"):
        read_mask(tmp_path / "m.png")


TAKEN: dict[str, tuple[npt.NDArray[Any], Callable[[npt.NDArray[Any], Path], None]]] = {
    "33-objects": (crowd(1, 33), lambda mask, path: write_mask(path, mask)),
    "60-objects": (crowd(100, 60), lambda mask, path: write_mask(path, mask)),
    "250-objects": (crowd(1, 250), lambda mask, path: write_mask(path, mask)),
    "33-grey": (crowd(30, 33), plain),
    "250-grey": (crowd(1, 250), plain),
    "200-touching": (touching(250), lambda mask, path: write_mask(path, mask)),
    "200-touching-grey": (touching(250), plain),
    "300-touching": (touching(375, deep=True), plain),
    "3000-touching": (touching(3750, 480, 640, deep=True), plain),
    "200-of-2x2": (touching(250)[::2, ::2], plain),
    "40-ropes": (
        np.where(np.eye(7, dtype=bool).repeat(14, 1)[np.arange(280) % 7], 0, 1).astype(np.uint8)
        * np.repeat(np.arange(100, 240, dtype=np.uint8), 2)[:, None],
        plain,
    ),
    **{f"ropes-of-{width}": (ropes(width), plain) for width in (1, 2, 3, 4.5)},
    "thin-beside-thick": (
        np.where(np.arange(96) == 70, 100, disc(200)).astype(np.uint8),
        plain,
    ),
    "values-to-be-seen": (np.maximum(disc(128)[:, ::-1], disc(255)[::-1]), plain),
    "240-to-254": (crowd(240, 15), lambda mask, path: write_mask(path, mask)),
    "0-and-255": (disc(255), lambda mask, path: Image.fromarray(mask).save(path)),
    "thin-and-thick": (
        np.where(np.eye(64, 96) > 0, 1, disc(200)).astype(np.uint8),
        lambda mask, path: Image.fromarray(mask).save(path),
    ),
    "void-band": (
        np.where(np.eye(64, 96) > 0, 255, disc(1)).astype(np.uint8),
        lambda mask, path: write_mask(path, mask),
    ),
    "rgb-grey": (disc(5), lambda m, path: Image.fromarray(np.stack([m] * 3, -1)).save(path)),
    "rgba-grey": (
        disc(255),
        lambda m, path: Image.fromarray(np.stack([m, m, m, 255 - m], -1)).save(path),
    ),
    "white-background": (disc(1), lambda m, p: paletted(m, [255, 255, 255, 9, 9, 9])(p)),
    "bmp": (disc(4), lambda m, path: saved("BMP", m)(path)),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_can_only_be_ids_is_read(tmp_path: Path, name: str) -> None:
    mask, save = TAKEN[name]
    save(mask, tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), mask)


def test_davis_colours_are_read_where_asked(tmp_path: Path) -> None:
    coloured(tmp_path / "m.png")
    np.testing.assert_array_equal(read_colours(tmp_path / "m.png"), disc(2))
    Image.new("RGB", (9, 9), (1, 2, 3)).save(tmp_path / "m.png")
    with pytest.raises(DataError, match="colours that DAVIS masks have not"):
        read_colours(tmp_path / "m.png")


@pytest.mark.parametrize("shape", [(0, 0), (1, 1), (2, 2), (1, 300), (300, 1)])
def test_small_masks_are_looked_at_too(shape: tuple[int, int]) -> None:
    for top in (0, 1, 255):
        assert not is_soft(np.full(shape, top, np.uint8))


@pytest.mark.parametrize("where", ["data", "results", "precomputed"])
@pytest.mark.parametrize("name", ["jpeg-q95", "edges-of-7-levels", "white-0-black-1"])
def test_it_is_the_same_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, name: str
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 4})
    results = shutil.copytree(root / "masks", tmp_path / "results")
    save, words = REFUSED[name]
    save((root / "masks" if where == "data" else results) / "ant" / "00001.png")
    options = {"folder": str(results)}
    ask = {
        "precomputed": lambda: api.run("precomputed", "folder", root=root, options=options),
        "results": lambda: api.evaluate(results, "folder", root=root),
        "data": lambda: api.dataset("folder", root=root).sequence("ant"),
    }[where]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VosbenchError, match=words):
        ask()


def test_255_is_the_one_object_where_the_truth_has_it_so(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 5, "bee": 5}, objects=1)
    as_1 = shutil.copytree(root / "masks", tmp_path / "one")
    as_255 = shutil.copytree(root / "masks", tmp_path / "white")
    for path in (*root.glob("masks/*/*.png"), *as_255.rglob("*.png")):
        Image.fromarray(read_mask(path) * 255).save(path)
    scores = [api.evaluate(folder, "folder", root=root).summary for folder in (as_1, as_255)]
    assert scores[0] == scores[1]
    assert scores[0]["J"]["mean"] == 1.0


@pytest.mark.parametrize("stored", ["0-255", "0-1", "two"])
def test_evaluate_and_precomputed_take_the_same_results(stored: str, tmp_path: Path) -> None:
    """But that precomputed, which may give ids anew, also takes 0/255 where the object is 1."""
    count = 2 if stored == "two" else 1
    root = make_folder_dataset(tmp_path / "data", {"ant": 4}, objects=count)
    white = shutil.copytree(root / "masks", tmp_path / "white")
    as_ids = shutil.copytree(root / "masks", tmp_path / "ids")
    for path in white.rglob("*.png"):
        Image.fromarray((read_mask(path) > 0).astype(np.uint8) * 255).save(path)
    if stored == "0-255":
        for path in root.glob("masks/*/*.png"):
            Image.fromarray(read_mask(path) * 255).save(path)

    def evaluated(folder: Path) -> float:
        mean: float = api.evaluate(folder, "folder", root=root).summary["J"]["mean"]
        return mean

    def replayed(folder: Path) -> float:
        options = {"folder": folder}
        ran = api.run("precomputed", "folder", root=root, options=options, out=tmp_path / "runs")
        mean: float = ran.summary["J"]["mean"]
        return mean

    assert evaluated(as_ids) == replayed(as_ids) == 1
    if stored == "two":
        for take in (evaluated, replayed):
            with pytest.raises(VosbenchError, match=r"ids \[255\]"):
                take(white)
        return
    assert replayed(white) == 1
    if stored == "0-255":
        assert evaluated(white) == 1
    else:
        with pytest.raises(VosbenchError, match="the values 0 and 255, but protocol"):
            evaluated(white)


def test_who_looks_at_results_of_0_and_255_again_sees_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3}, objects=1)
    for path in root.glob("masks/*/*.png"):
        Image.fromarray(read_mask(path) * 255).save(path)
    results = shutil.copytree(root / "masks", tmp_path / "results")
    laid: list[tuple[int, ...]] = []

    def asks(folder: Path, _: object) -> tuple[float, float, int]:
        laid.extend(masks.ids(read_mask(path)) for path in (folder / "masks").rglob("*.png"))
        return 1.0, 1.0, 0

    monkeypatch.setitem(crosscheck.SCORERS, "asks", ("numpy", "", asks))
    scored = api.evaluate(results, "folder", root=root, out=tmp_path / "s", cross_check="asks")
    assert laid == [(1,), (1,)]
    page = api.report([scored], tmp_path / "report", root=root)
    (film,) = page.parent.glob("data/*/ant.js")
    shown = json.loads(film.read_text(encoding="utf-8").partition(" = ")[2].rstrip(";\n"))
    assert shown["runs"] == [shown["truth"]]
    (results / "ant" / "00001.png").rename(results / "ant" / "00001.PNG")
    again = api.evaluate(results, "folder", root=root, out=tmp_path / "s", cross_check="asks")
    assert again.summary == scored.summary
    assert len(laid) == 4


def test_ids_up_to_255_are_not_lost(tmp_path: Path) -> None:
    root = make_folder_dataset(tmp_path / "data", {"ant": 3})
    for index in range(3):
        write_mask(root / f"masks/ant/{index:05d}.png", crowd(250, 6)[:32, :48])
    with pytest.raises(DataError, match="ids up to 255, which is void, not an object; number"):
        api.dataset("folder", root=root).sequence("ant")
