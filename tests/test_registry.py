"""The registry: names from source text, errors that name files, plugins from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import vosbench.plugins
from vosbench import registry
from vosbench.errors import MissingExtraError, PluginError, UsageError

OWN_METHOD = '''\
"""Says that every pixel is the first object."""

from dataclasses import dataclass

import numpy as np

SOURCE = "my desk"


@dataclass(frozen=True)
class Options:
    label: int = 1


class Everything:
    def segment(self, frames, prompts):
        for frame in frames:
            yield np.ones(frame.shape[:2], np.uint8)


def build(options, *, device, seed):
    return Everything()
'''


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of methods registered beside the project's own."""
    folder = tmp_path / "methods"
    folder.mkdir()
    monkeypatch.setattr(vosbench.plugins, "__path__", [*vosbench.plugins.__path__, str(tmp_path)])
    return folder


def test_names_are_those_of_the_files() -> None:
    assert {"copy-first", "optical-flow", "precomputed"} <= set(registry.names("methods"))
    assert list(registry.names("datasets")) == sorted(registry.names("datasets"))
    plugin = registry.find("methods", "copy-first")
    assert plugin.path.name == "copy_first.py"
    assert plugin.summary.startswith("Repeats the prompt")
    assert "RPM-Net" in plugin.source


def test_names_are_read_without_running_the_file(elsewhere: Path) -> None:
    (elsewhere / "boom.py").write_text('"""Goes off."""\nraise RuntimeError("ran")\n')
    (elsewhere / "_private.py").write_text("")
    (elsewhere / "notes.txt").write_text("")
    assert registry.plugins("methods")["boom"].summary == "Goes off."
    assert "-private" not in registry.names("methods")
    assert "notes" not in registry.names("methods")


def test_an_unknown_name_gets_the_nearest_and_all() -> None:
    with pytest.raises(UsageError, match=r"unknown method 'copyfirst'; did you mean 'copy-first'"):
        registry.find("methods", "copyfirst")
    with pytest.raises(UsageError, match=r"known: .*optical-flow, precomputed"):
        registry.load("methods", "zzz")
    with pytest.raises(UsageError, match="unknown kind 'method'; did you mean 'methods'"):
        registry.names("method")


def test_a_duplicate_name_names_both_files(elsewhere: Path) -> None:
    (elsewhere / "copy_first.py").write_text('"""Another."""')
    own = registry.__file__ and Path(registry.__file__).parents[1] / "methods" / "copy_first.py"
    with pytest.raises(PluginError) as caught:
        registry.names("methods")
    assert "two methods are named 'copy-first'" in str(caught.value)
    assert str(own) in str(caught.value)
    assert str(elsewhere / "copy_first.py") in str(caught.value)


def test_variants_are_names_with_other_defaults(elsewhere: Path) -> None:
    (elsewhere / "many.py").write_text('VARIANTS = {"many-fast": {"size": 1}}')
    assert registry.find("methods", "many").defaults == {}
    assert registry.find("methods", "many-fast").defaults == {"size": 1}
    (elsewhere / "many.py").write_text(
        'A: dict = {"size": 1}\nB = {**A, "last": 2}\n'
        'VARIANTS = {"many-b": {**B}, "many-c": {"size": 3, **B, "last": 4}, "many-d": {}}'
    )
    variants = {name: registry.find("methods", f"many-{name}").defaults for name in "bcd"}
    assert variants == {"b": {"size": 1, "last": 2}, "c": {"size": 1, "last": 4}, "d": {}}
    later, other = "VARIANTS = {'many-b': {**A}}\nA = {}", "A = {}\nA: int\nA = f()\n"
    for text in ("VARIANTS = dict(a=1)", later, f"{other}{later}"):
        (elsewhere / "many.py").write_text(text)
        with pytest.raises(PluginError, match=r"many\.py: VARIANTS must be a literal"):
            registry.names("methods")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"many-b": 3}', "'many-b' has 3"),
        ('{"many-b": {1: 2}}', r"'many-b' has \{1: 2\}"),
        ('["many-b"]', r"it is \['many-b'\]"),
        ("{1: {}}", "1 is no name"),
        ("{[]: {}}", "a literal"),
    ],
)
def test_variants_of_another_shape_are_told(elsewhere: Path, text: str, said: str) -> None:
    (elsewhere / "many.py").write_text(f"VARIANTS = {text}")
    with pytest.raises(PluginError, match=rf"many\.py: VARIANTS must be .*{said}"):
        registry.names("methods")


def test_a_variant_may_not_take_anothers_name(elsewhere: Path) -> None:
    (elsewhere / "many.py").write_text('VARIANTS = {"copy-first": {}}')
    with pytest.raises(PluginError, match="two methods are named 'copy-first'"):
        registry.names("methods")


def test_a_failing_import_names_the_file(elsewhere: Path) -> None:
    (elsewhere / "falls.py").write_text('raise RuntimeError("over")')
    with pytest.raises(PluginError, match=r"falls\.py: cannot be imported: RuntimeError\('over'\)"):
        registry.load("methods", "falls")


def test_a_file_that_is_no_python_names_itself(elsewhere: Path) -> None:
    (elsewhere / "torn.py").write_text("def (")
    known = registry.plugins("methods")
    assert "copy-first" in known  # one broken file does not hide the others
    assert known["torn"].summary.startswith("BROKEN, ")
    with pytest.raises(PluginError, match=r"torn\.py: cannot be imported: SyntaxError"):
        registry.load("methods", "torn")


def test_a_plugin_folder_that_is_not_there_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VOSBENCH_PLUGINS", str(tmp_path / "nowhere"))
    with pytest.raises(PluginError, match="nowhere, which is not a folder"):
        registry.names("methods")


def test_a_plugin_without_its_function_names_the_file(elsewhere: Path) -> None:
    (elsewhere / "hollow.py").write_text('"""Nothing."""')
    with pytest.raises(
        PluginError, match=r"hollow\.py: a plugin in methods/ must define build\(\)"
    ):
        registry.load("methods", "hollow")


def test_a_package_is_one_plugin(elsewhere: Path) -> None:
    (elsewhere / "grand").mkdir()
    (elsewhere / "grand" / "__init__.py").write_text('"""Grand."""\nfrom .part import build\n')
    (elsewhere / "grand" / "part.py").write_text("def build(): ...")
    (elsewhere / "hollow").mkdir()
    assert registry.load("methods", "grand").build is not None
    assert "hollow" not in registry.names("methods")


def test_a_users_method_of_twenty_lines_runs_from_its_own_folder(
    tmp_path: Path, folder_root: Path
) -> None:
    (tmp_path / "mine" / "methods").mkdir(parents=True)
    (tmp_path / "mine" / "methods" / "every_pixel.py").write_text(OWN_METHOD)
    assert len([line for line in OWN_METHOD.splitlines() if line.strip()]) <= 20
    command = "run --method every-pixel --dataset folder --sequences ant --out runs --root"
    done = subprocess.run(
        [sys.executable, "-m", "vosbench", *command.split(), str(folder_root)],
        env=os.environ | {"VOSBENCH_PLUGINS": str(tmp_path / "mine")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs").rglob("ant/*.png"))) == 6


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages are installed for this test; `tiny-vos` is, with two entry points."""
    site = tmp_path / "site"
    (site / "tiny_vos" / "deep").mkdir(parents=True)
    goes_off = 'raise RuntimeError("imported")\n'
    (site / "tiny_vos" / "__init__.py").write_text(goes_off)
    (site / "tiny_vos" / "deep" / "__init__.py").write_text(goes_off)
    (site / "tiny_vos" / "deep" / "hold.py").write_text(
        f'"""Holds."""\nSOURCE = "afar"\nVARIANTS = {{"hold-2": {{"n": 2}}}}\n{goes_off}'
    )
    (site / "tiny_vos-1.dist-info").mkdir()
    (site / "tiny_vos-1.dist-info" / "METADATA").write_text("Name: tiny-vos\nVersion: 1\n")
    (site / "tiny_vos-1.dist-info" / "entry_points.txt").write_text(
        "[vosbench.methods]\nhold_on = tiny_vos.deep.hold\n"
        "[vosbench.datasets]\ngone = tiny_vos.nowhere\n"
    )
    monkeypatch.syspath_prepend(site)
    return site


def test_an_installed_package_brings_plugins_without_being_imported(installed: Path) -> None:
    plugin = registry.find("methods", "hold-on")
    assert (plugin.summary, plugin.source, plugin.package) == ("Holds.", "afar", "tiny-vos")
    assert plugin.path == installed / "tiny_vos" / "deep" / "hold.py"
    variant = registry.find("methods", "hold-2")
    assert (variant.base, variant.defaults) == ("hold-on", {"n": 2})
    assert "tiny_vos" not in sys.modules
    with pytest.raises(PluginError, match=r"hold\.py: cannot be imported.*imported"):
        registry.load("methods", "hold-on")


def test_an_entry_point_that_names_no_module_is_broken(installed: Path) -> None:
    assert "davis2016" in registry.names("datasets")  # one broken package does not hide the others
    summary = registry.find("datasets", "gone").summary
    assert summary == "BROKEN, tiny-vos names a module that is not there: tiny_vos.nowhere"
    with pytest.raises(PluginError, match=r"tiny_vos\.nowhere: cannot be imported"):
        registry.load("datasets", "gone")


def test_a_package_may_not_take_a_name(installed: Path, elsewhere: Path) -> None:
    (elsewhere / "hold_on.py").write_text('"""Another."""')
    with pytest.raises(PluginError) as caught:
        registry.names("methods")
    assert "two methods are named 'hold-on'" in str(caught.value)
    assert str(elsewhere / "hold_on.py") in str(caught.value)
    assert f"{installed}/tiny_vos/deep/hold.py of the package tiny-vos" in str(caught.value)


def test_a_plugin_that_needs_an_extra_says_what_to_install(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "hungry.py").write_text("import timm")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError) as caught:
        registry.load_method("hungry")
    said = "method 'hungry' needs timm, which is not installed: pip install \"vosbench[timm]\""
    assert str(caught.value) == said
