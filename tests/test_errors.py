"""Errors say what to do: a library that an extra brings is named with what installs it."""

from __future__ import annotations

import pickle
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from vosbench import registry
from vosbench.errors import EXTRAS, MissingExtraError, UsageError, VosbenchError, needing
from vosbench.tables import Table

PYPROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))


@pytest.fixture
def without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if pandas were not installed, also where an earlier test imported it."""
    for name in [name for name in sys.modules if name.startswith("pandas.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pandas", None)


@pytest.mark.usefixtures("without_pandas")
def test_a_missing_library_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError) as caught, needing("a table"):
        import_module("pandas.core")
    assert str(caught.value) == (
        'a table needs pandas, which is not installed: pip install "vosbench[report]"'
    )
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, ImportError)  # what other tools expect of a missing library
    assert caught.value.name == "pandas"


@pytest.mark.usefixtures("without_pandas")
def test_what_needs_more_than_the_librarys_extra_names_its_own() -> None:
    with (
        pytest.raises(MissingExtraError, match=r'"vosbench\[train\]"'),
        needing("it", extra="train"),
    ):
        import_module("pandas")


def test_another_missing_module_is_none_of_ours() -> None:
    with pytest.raises(ModuleNotFoundError, match="vosbench_nowhere") as caught, needing("it"):
        import_module("vosbench_nowhere")
    assert not isinstance(caught.value, VosbenchError)


def test_it_comes_back_from_another_process() -> None:
    error = pickle.loads(pickle.dumps(MissingExtraError("it needs x", name="x")))
    assert (str(error), error.name) == ("it needs x", "x")


def test_every_extra_that_is_named_is_declared() -> None:
    declared = PYPROJECT["project"]["optional-dependencies"]
    assert set(EXTRAS.values()) <= declared.keys()


@pytest.mark.usefixtures("without_pandas")
def test_a_table_says_that_pandas_is_missing() -> None:
    with pytest.raises(MissingExtraError, match="a table for pandas needs pandas"):
        Table("t", "T", (), ()).to_pandas()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "youtube-vos",
            "did you mean 'youtube-vos-2018' or 'youtube-vos-2019'? known: davis2016, ",
        ),
        ("YouTubeVOS", "did you mean 'youtube-vos-2018' or 'youtube-vos-2019'? known: davis2016, "),
        ("DAVIS-2017", "did you mean 'davis2017'? known: "),
        ("davsi2016", "did you mean 'davis2016'? known: "),
        ("mose", "did you mean 'mosev1' or 'mosev2'? known: "),
        ("imagenet", "known: davis2016, "),
        ("", "known: davis2016, "),
    ],
)
def test_a_near_miss_names_what_exists(word: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"unknown dataset {word!r}; {said}")):
        registry.find("datasets", word)
