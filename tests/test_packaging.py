"""The wheel and the sdist hold the project's files, and the wheel works when installed alone."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = ("methods", "datasets", "reports")


def project_files() -> list[str]:
    """The project's files that git knows or would add, so that an ignored stray one shows."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout: there is no list to hold the packages against")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(
        name
        for name in listed.stdout.splitlines()
        if name.split("/")[0] in ("vosbench", *KINDS) and (ROOT / name).is_file()
    )


def build(root: Path, target: str, to: Path) -> Path:
    """One package built by hatchling alone, without the network."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(to)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (package,) = to.iterdir()
    return package


def in_wheel(name: str) -> str:
    return f"vosbench/plugins/{name}" if name.split("/")[0] in KINDS else name


def held_by(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def test_the_wheel_holds_the_projects_files_and_no_other(tmp_path: Path) -> None:
    wheel = build(ROOT, "wheel", tmp_path)
    assert held_by(wheel) == sorted(map(in_wheel, project_files()))


def test_the_sdist_builds_the_same_wheel(tmp_path: Path) -> None:
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (root,) = (tmp_path / "unpacked").iterdir()
    held = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    around = {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", ".gitignore"}
    assert held == around | set(project_files())
    wheel = build(root, "wheel", tmp_path / "wheel")
    assert held_by(wheel) == sorted(map(in_wheel, project_files()))


def test_the_wheel_works_far_from_the_checkout(tmp_path: Path) -> None:
    wheel = build(ROOT, "wheel", tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    code = (
        "import vosbench.registry as r; print(r.__file__)\n"
        "for kind in r.KINDS:\n"
        "    for name in r.names(kind): r.load(kind, name); print(name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "installed",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    where, *names = done.stdout.splitlines()
    assert Path(where).is_relative_to(tmp_path)
    assert {"copy-first", "davis2017", "markdown"} <= set(names)
