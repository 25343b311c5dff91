"""Whatever a file holds, reading it gives what it should or one sentence that names the file.

Hypothesis draws the contents: damaged copies of good files, and anything at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from conftest import make_folder_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vosbench import api, results
from vosbench.errors import DataError, UsageError
from vosbench.masks import read_mask, write_mask
from vosbench.suites.reading import Suite, read
from vosbench.toolbox.datasets.layout import read_names

FEW = settings(max_examples=60, deadline=None)
Harm = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@st.composite
def harms(draw: st.DrawFn) -> Harm:
    """Bytes put in, taken out or changed at a place, or an end cut off."""
    share, size = draw(st.floats(0, 1)), draw(st.integers(0, 40))
    kind, new = (
        draw(st.sampled_from(["put in", "cut", "change", "end"])),
        draw(st.binary(max_size=8)),
    )

    def harm(content: bytes) -> bytes:
        at = int(share * len(content))
        return {
            "put in": content[:at] + new + content[at:],
            "cut": content[:at] + content[at + size :],
            "change": content[:at] + new + content[at + len(new) :],
            "end": content[:at],
        }[kind]

    return harm


def refused(read_it: Callable[[], Any], name: str) -> Any:
    """What reading gives; where it is refused, the sentence must name the file. Else None."""
    try:
        return read_it()
    except (DataError, UsageError) as error:
        said = str(error)
    assert name in said
    return None


GOOD = np.zeros((24, 32), np.uint8)
GOOD[4:12, 4:20], GOOD[14:20, 8:30] = 1, 2


@FEW
@given(harm=harms(), palette=st.booleans())
def test_damaged_masks(folder: Path, harm: Harm, palette: bool) -> None:
    path = folder / "mask.png"
    write_mask(path, GOOD) if palette else Image.fromarray(GOOD).save(path)
    path.write_bytes(harm(path.read_bytes()))
    mask = refused(lambda: read_mask(path), "mask.png")
    assert mask is None or (mask.ndim, mask.dtype) == (2, np.uint8)


@FEW
@given(content=st.binary(max_size=200), suffix=st.sampled_from([".png", ".PNG"]))
def test_anything_as_a_mask(folder: Path, content: bytes, suffix: str) -> None:
    path = folder / f"any{suffix}"
    path.write_bytes(content)
    assert refused(lambda: read_mask(path), path.name) is None


@FEW
@given(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_anything_as_a_list(folder: Path, content: bytes) -> None:
    path = folder / "val.txt"
    path.write_bytes(content)
    names = refused(lambda: read_names(path, "names of sequences"), "val.txt")
    for name in names or ():
        assert name.strip() == name != ""
        assert not {"/", "\\", "\0"} & set(name)
        assert not name.startswith(".")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@cache
def run() -> Path:
    """The folder of a scored run, made once."""
    where = Path(mkdtemp())
    root = make_folder_dataset(where / "data", {"ant": 4})
    made = api.run("copy-first", "folder", root=root, out=where / "runs").folder
    assert made is not None
    return made


def places(value: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value of JSON."""
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    return [where, *(place for key, each in inner for place in places(each, (*where, key)))]


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_json_of_a_run_with_another_value_somewhere(name: str, data: st.DataObject) -> None:
    path = run() / name
    kept = path.read_bytes()
    try:
        content = json.loads(kept)
        where = data.draw(st.sampled_from([place for place in places(content) if place]))
        value, inner = data.draw(JSON), content
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = value
        path.write_text(json.dumps(content))
        loaded = refused(lambda: results.load(run()), name)
        if loaded is not None:
            refused(lambda: str(api.compare([loaded])), "")
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize("name", ["run.json", "summary.json", "scores.csv"])
@FEW
@given(harm=harms())
def test_damaged_files_of_a_run(name: str, harm: Harm) -> None:
    path = run() / name
    kept = path.read_bytes()
    try:
        path.write_bytes(harm(kept))
        refused(lambda: results.load(run()).frame_scores, name)
    finally:
        path.write_bytes(kept)


SUITE = b"""
title = "Two runs"
datasets = ["synthetic"]

[[run]]
method = "copy-first"
sequences = ["plain"]

[[run]]
method = "optical-flow"
grid = { label = ["soft", "hard"], seed = [0, 1] }
"""


@FEW
@given(harm=harms())
def test_damaged_suites(folder: Path, harm: Harm) -> None:
    path = folder / "mine.toml"
    path.write_bytes(harm(SUITE))
    suite = refused(lambda: read(str(path)), path.stem)
    assert suite is None or isinstance(suite, Suite)


VALUES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.sampled_from(["copy-first", "synthetic", "x", ""]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["title", "datasets", "report", "method", "set", "grid", "seed", "sequences", "root", "other"]
)


@FEW
@given(whole=st.dictionaries(KEYS, VALUES, max_size=3), entry=st.dictionaries(KEYS, VALUES))
def test_suites_with_any_keys(folder: Path, whole: dict[str, Any], entry: dict[str, Any]) -> None:
    path = folder / "keys.toml"
    lines = [f"{key} = {json.dumps(value)}" for key, value in whole.items()]
    lines += ["[[run]]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    path.write_text("\n".join(lines))
    suite = refused(lambda: read(str(path)), path.stem)
    assert suite is None or isinstance(suite, Suite)
