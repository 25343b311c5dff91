"""The wheel and the sdist hold the project's files; the core and its lowest versions work alone."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fixtures_layouts import real

ROOT = Path(__file__).parents[1]
KINDS = ("methods", "datasets", "reports")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SCORING = ("boundary", "davis", "evaluation", "masks", "png", "region", "statistics")


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


def in_wheel(names: list[str]) -> list[str]:
    """Where the wheel holds these files, but for those that pyproject leaves out."""
    return sorted(
        f"vosbench/plugins/{name}" if name.split("/")[0] in KINDS else name
        for name in names
        if not name.startswith("vosbench/weights/large/")
    )


def held_by(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return sorted(name for name in archive.namelist() if ".dist-info/" not in name)


def test_the_wheel_holds_the_projects_files_and_no_other(tmp_path: Path) -> None:
    wheel = build(ROOT, "wheel", tmp_path)
    assert held_by(wheel) == in_wheel(project_files())


def test_the_sdist_builds_the_same_wheel(tmp_path: Path) -> None:
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (root,) = (tmp_path / "unpacked").iterdir()
    held = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    around = {"PKG-INFO", "pyproject.toml", "README.md", "LICENSE", ".gitignore"}
    around |= {"CITATION.cff", "CHANGELOG.md"}
    assert held == around | set(project_files())
    wheel = build(root, "wheel", tmp_path / "wheel")
    assert held_by(wheel) == in_wheel(project_files())


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


class Installed(NamedTuple):
    """An environment of its own that holds the wheel."""

    python: Path
    site: Path

    def __call__(self, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """The result of a command there, with nothing of this checkout on its path."""
        hidden = ("PYTHONPATH", "VOSBENCH_PLUGINS", "VOSBENCH_CACHE")
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            env={key: value for key, value in os.environ.items() if key not in hidden},
            cwd=cwd, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def vosbench(self, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        """The result of `vosbench ARGUMENTS`."""
        return self(self.python.with_name("vosbench"), *arguments, cwd=cwd)

    def pip(self, *arguments: object) -> None:
        """Run this environment's pip on that one, which has none of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--python", str(self.python), "--quiet",
             "--disable-pip-version-check", *map(str, arguments)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def environment(folder: Path, *requirements: object) -> Installed:
    """A fresh environment with these packages and what they need."""
    venv.create(folder, with_pip=False)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    made = Installed(folder / "bin" / "python", site / "site-packages")
    made.pip("install", *requirements)
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    """The core as `pip install vosbench` gives it today."""
    return environment(tmp_path_factory.mktemp("core") / "venv", wheel)


@pytest.fixture(scope="module")
def lowest(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    """The core with the lowest versions that pyproject allows, and pytest."""
    bounds = [bound.replace(">=", "==") for bound in PROJECT["dependencies"]]
    tools = ("pytest", "pytest-timeout", "hypothesis")
    return environment(tmp_path_factory.mktemp("lowest") / "venv", wheel, *bounds, *tools)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, core: Installed) -> Path:
    """A scored run that the core made."""
    folder = tmp_path_factory.mktemp("ran")
    run = "run --method copy-first --dataset synthetic --sequences plain --out runs"
    done = core.vosbench(*run.split(), cwd=folder)
    assert done.returncode == 0, done.stderr
    (made,) = (folder / "runs").iterdir()
    return made


def scores(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The numbers of a summary, printed as JSON."""
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    return {key: summary[key] for key in ("J", "F", "J&F", "objects", "sequences")}


def test_there_are_no_upper_bounds() -> None:
    extras = PROJECT["optional-dependencies"].values()
    for bound in (PROJECT["requires-python"], *PROJECT["dependencies"], *itertools.chain(*extras)):
        assert not set("<~=") & set(bound.replace(">=", "")), bound


@pytest.mark.slow
def test_the_core_is_small(core: Installed) -> None:
    size = sum(path.stat().st_size for path in core.site.rglob("*") if path.is_file())
    assert size < 300e6
    assert not {"torch", "pandas", "matplotlib", "scipy"} & {p.name for p in core.site.iterdir()}


@pytest.mark.slow
def test_the_core_says_what_there_is(core: Installed, tmp_path: Path) -> None:
    done = core.vosbench("--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "evaluate" in done.stdout
    done = core.vosbench("list", "methods", cwd=tmp_path)
    assert {"copy-first", "rpmnet"} <= {line.split()[0] for line in done.stdout.splitlines()}


@pytest.mark.slow
def test_the_core_scores_as_this_environment_does(
    core: Installed, lowest: Installed, ran: Path, tmp_path: Path
) -> None:
    arguments = [ran / "masks", "--dataset", "synthetic", "--sequences", "plain", "--json"]
    here = Installed(Path(sys.executable), ROOT)("-m", "vosbench", "evaluate", *arguments, cwd=ROOT)
    assert scores(here)["J"]["mean"] > 0
    for there in (core, lowest):
        assert scores(there.vosbench("evaluate", *arguments, cwd=tmp_path)) == scores(here)


@pytest.mark.slow
def test_the_core_scores_real_masks_as_this_environment_does(
    core: Installed, lowest: Installed, tmp_path: Path
) -> None:
    masks, root = real("official-results/davis2017-val") / "stm", real("DAVIS-2017")
    arguments = [masks, "--dataset", "davis2017", "--root", root, "--json"]
    here = Installed(Path(sys.executable), ROOT)("-m", "vosbench", "evaluate", *arguments, cwd=ROOT)
    for there in (core, lowest):
        assert scores(there.vosbench("evaluate", *arguments, cwd=tmp_path)) == scores(here)


@pytest.mark.slow
def test_the_core_checks_compares_and_analyses(
    core: Installed, ran: Path, tmp_path: Path, folder_root: Path
) -> None:
    for arguments in (
        ("data", "check", "folder", "--root", folder_root), ("compare", ran), ("analyse", ran),
    ):  # fmt: skip
        done = core.vosbench(*arguments, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert ("copy-first" if ran in arguments else "no fault found") in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extra", "command"),
    [
        ("run", "run --method rpmnet --dataset synthetic"),
        ("run", "run --method copy-first --dataset synthetic --device cuda"),
        ("cluster", "run --method copy-first --dataset synthetic --scheduler tcp://127.0.0.1:9"),
        ("train", "train --method rpmnet --videos CLIPS"),
        ("report", "inspect --method rpmnet --dataset synthetic --out looked"),
        ("report", "report RUN --out page"),
    ],
)
def test_a_command_without_its_extra_says_what_to_install(
    core: Installed, ran: Path, folder_root: Path, tmp_path: Path, extra: str, command: str
) -> None:
    words = command.replace("RUN", str(ran)).replace("CLIPS", str(folder_root)).split()
    done = core.vosbench(*words, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert f'is not installed: pip install "vosbench[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_python_without_an_extra_says_what_to_install(core: Installed, ran: Path) -> None:
    code = (
        "from pathlib import Path\nfrom vosbench import errors, results\n"
        f"try:\n    results.load(Path({str(ran)!r})).objects\n"
        "except errors.MissingExtraError as error:\n    print(error)"
    )
    done = core("-c", code, cwd=ran)
    said = 'a table of scores needs pandas, which is not installed: pip install "vosbench[report]"'
    assert done.stdout.strip() == said, done.stderr


@pytest.mark.slow
def test_the_scoring_tests_pass_with_the_lowest_versions(lowest: Installed, tmp_path: Path) -> None:
    files = [ROOT / "tests" / f"test_{name}.py" for name in SCORING]
    settings = ("-c", ROOT / "pyproject.toml", "--rootdir", ROOT, "-p", "no:cacheprovider", "-q")
    done = lowest("-m", "pytest", *settings, *files, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    where = lowest("-c", "import vosbench; print(vosbench.__file__)", cwd=tmp_path)
    assert Path(where.stdout.strip()).is_relative_to(lowest.site)


@pytest.mark.slow
def test_a_package_brings_a_method(core: Installed, tmp_path: Path) -> None:
    package = tmp_path / "tiny"
    (package / "tiny_vos").mkdir(parents=True)
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "tiny-vos"\nversion = "1"\n'
        '[project.entry-points."vosbench.methods"]\nhold-still = "tiny_vos.hold"\n'
    )
    touch = "from pathlib import Path\nPath('imported').touch()\n"
    (package / "tiny_vos" / "__init__.py").write_text(touch)
    (package / "tiny_vos" / "hold.py").write_text(
        '"""Holds still, from afar."""\nfrom dataclasses import dataclass\nSOURCE = "a test"\n'
        'VARIANTS = {"hold-more": {"more": True}}\n'
        "@dataclass(frozen=True)\nclass Options:\n    more: bool = False\n"
        "class Hold:\n    def segment(self, frames, prompts):\n"
        "        for _ in frames: yield prompts[0].copy()\n"
        "def build(options, *, device, seed): return Hold()\n"
    )
    core.pip("install", "--no-deps", build(package, "wheel", tmp_path / "wheel"))
    try:
        listed = core.vosbench("list", "methods", cwd=tmp_path)
        said = dict(line.split(maxsplit=1) for line in listed.stdout.splitlines())
        assert said["hold-still"] == "Holds still, from afar. [a test]"
        assert said["hold-more"] == "hold-still with more=true"
        assert not (tmp_path / "imported").exists(), "listing imported the package"
        run = "run --method hold-more --dataset synthetic --sequences plain"
        done = core.vosbench(*run.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "imported").exists()
    finally:
        core.pip("uninstall", "--yes", "tiny-vos")


def test_twine_finds_no_fault(wheel: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("twine") is None:
        pytest.skip("twine is not installed (extra dev)")
    sdist = build(ROOT, "sdist", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
