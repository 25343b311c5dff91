"""Kind 12: whatever a method's code does, the user reads one sentence with the line of that code.

The status is 1, the other sequences go on, and nothing that was done is lost.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import command_environment, make_folder_dataset

import vosbench.plugins
from vosbench.cli import main
from vosbench.errors import blaming, described

NUMBER = itertools.count()
METHOD = '''"""Holds the prompt, and fails at one place."""
import os, sys
from dataclasses import dataclass
{top}
@dataclass(frozen=True)
class Options:
    x: int = 1
    def __post_init__(self):
        {options}
class Holds:
    def __init__(self, options, *, device, seed):
        {build}
    def for_sequence(self, name, frame_names):
        self.name = name
        {for_sequence}
        return self
    def segment(self, frames, prompts):
        {segment}
        for index, frame in enumerate(frames):
            if self.name == "bee" and index == 2:
                {frame}
            yield prompts[0]
        if self.name == "bee":
            {end}
build = Holds
'''
PLACES = ("top", "options", "build", "for_sequence", "segment", "frame", "end")
WAYS = {
    "raise RuntimeError('no face found')": "no face found",
    "sys.exit(0)": "SystemExit(0)",
    "os._exit(0)": "SystemExit(0)",
    "raise GeneratorExit": "GeneratorExit",
    "open('/nowhere/at/all')": "No such file or directory",
    r"raise ValueError('no file \udcff')": "no file ",  # of a name in bytes
    "raise type('Odd', (Exception,), {'__str__': None})": "Odd",
}


class Made:
    """A method written for one test, and the command that runs it over ant, bee and cat."""

    def __init__(self, folder: Path, **code: str) -> None:
        self.name = f"fails-{next(NUMBER)}"
        self.file = folder / "plugins" / "methods" / f"{self.name.replace('-', '_')}.py"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(METHOD.format(**{**dict.fromkeys(PLACES, "pass"), **code}))
        self.run = folder / "runs" / f"{self.name}-folder-data"
        self.arguments = ["run", "--method", self.name, "--dataset", "folder", "--root", "data"]
        make_folder_dataset(folder / "data", {"ant": 5, "bee": 6, "cat": 4})

    def line(self, code: str) -> str:
        """` (FILE, line N)` of the line that holds this code."""
        lines = self.file.read_text().splitlines()
        return f"({self.file}, line {1 + [line.strip() for line in lines].index(code)})"

    def done(self) -> set[str]:
        return {path.stem for path in self.run.glob("sequences/*.json")}


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = [*vosbench.plugins.__path__, str(tmp_path / "plugins")]
    monkeypatch.setattr(vosbench.plugins, "__path__", path)
    return tmp_path


def typed(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The status of a command as one types it, in this process."""
    monkeypatch.setattr(sys, "argv", ["vosbench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("code", WAYS)
@pytest.mark.parametrize("place", PLACES)
def test_a_failure_anywhere_is_one_sentence_with_its_line(
    inside: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    place: str,
    code: str,
) -> None:
    made = Made(inside, **{place: code})
    assert typed(monkeypatch, *made.arguments) == 1
    said = capfd.readouterr().err
    assert WAYS[code] in said
    assert made.line(code) in said
    assert "Traceback" not in said
    assert "make room" not in said
    lost = {"frame": {"bee"}, "end": {"bee"}}.get(place, {"ant", "bee", "cat"})
    assert made.done() == {"ant", "bee", "cat"} - lost
    if place in ("frame", "end"):
        assert "Traceback" in (made.run / "log.txt").read_text()
        assert json.loads((made.run / "run.json").read_text())["failed"].keys() == {"bee"}
        assert (made.run / "summary.json").is_file()


@pytest.mark.parametrize("own", [(), ("--workers", "2")])
def test_a_log_that_cannot_be_written_costs_no_mask(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    own: tuple[str, ...],
) -> None:  # fmt: skip
    made = Made(inside)
    typed(monkeypatch, *made.arguments)
    (made.run / "log.txt").unlink()
    (made.run / "log.txt").symlink_to("/dev/full")
    for name in ("ant", "bee"):
        (made.run / "sequences" / f"{name}.json").unlink()
    assert typed(monkeypatch, *made.arguments, *own) == 0
    assert "Traceback" not in capfd.readouterr().err
    assert made.done() == {"ant", "bee", "cat"}


@pytest.mark.parametrize("gives", ["None", "[prompts[0] for _ in frames]", "3", "prompts[0]"])
def test_a_method_that_does_not_yield(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], gives: str
) -> None:
    made = Made(inside, build=f"self.segment = lambda frames, prompts: {gives}")
    assert typed(monkeypatch, *made.arguments) == 1
    said = capfd.readouterr().err
    kind = {"N": "NoneType", "[": "list", "3": "int", "p": "ndarray"}[gives[0]]
    assert (
        said.count(f"bee: failed: segment() gave {kind}; it must yield one mask per frame\n") == 1
    )
    assert said.count("failed as bee did") == 2


@pytest.mark.parametrize("place", ["top", "options", "build", "frame", "end"])
def test_a_method_that_goes_to_another_folder_takes_nothing_along(
    inside: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    made = Made(inside, **{place: "os.chdir('/')"})
    assert typed(monkeypatch, *made.arguments) == 0
    assert Path.cwd() == inside
    assert made.done() == {"ant", "bee", "cat"}


def test_a_child_that_a_method_leaves_running_ends(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    made = Made(inside, frame="os.fork()")
    assert typed(monkeypatch, *made.arguments) == 0
    assert capfd.readouterr().err.count("bee: done") == 1
    assert made.done() == {"ant", "bee", "cat"}


def test_a_method_that_gives_no_mask_for_long_is_told_of_once(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vosbench.running.silence.SILENCE", 0.2)
    made = Made(inside, frame="import time; time.sleep(1.1)")
    assert typed(monkeypatch, *made.arguments) == 0
    said = capfd.readouterr().err
    assert said.count("bee: no mask for 0 s or more, 2 of 6 are done; after Ctrl-C") == 1
    assert "ant: no mask" not in said


PRINTS = {
    "top": "print('hello')",
    "build": "os.system('echo hello')",
    "frame": "os.write(1, b'hello')",
    "end": "print('hello', file=sys.__stdout__)",
}


def processes(folder: Path, made: Made, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vosbench", *made.arguments, *more],
        cwd=folder,
        env=command_environment() | {"VOSBENCH_PLUGINS": str(folder / "plugins")},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def test_prints_of_a_method_stay_out_of_the_json(tmp_path: Path) -> None:
    made = Made(tmp_path, **PRINTS)
    for folder, workers in (("one", "1"), ("two", "2")):
        ended = processes(tmp_path, made, "--json", "--out", folder, "--workers", workers)
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["run"]["status"] == "complete"
        assert ended.stderr.count("hello") >= len(PRINTS)


ENDS = {  # what the code of a method does to its process -> what is said of it
    "raise GeneratorExit": "GeneratorExit",
    "sys.exit(0)": "SystemExit(0)",
    "os._exit(0)": "its process ended with status 0 before its work was done",
    "os.abort()": "its process was ended by SIGABRT",
    "import ctypes; ctypes.string_at(0)": "its process was ended by SIGSEGV",
    "os.kill(os.getpid(), 9)": "its process was ended by SIGKILL, as happens where memory runs out",
    "os.close(3); os.closerange(3, 99)": "Bad file descriptor",
}


@pytest.mark.parametrize(("code", "says"), ENDS.items())
def test_a_failure_in_a_process_of_its_own_costs_its_sequence_alone(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    code: str, says: str,
) -> None:  # fmt: skip
    made = Made(inside, frame=code)
    assert typed(monkeypatch, *made.arguments, "--own-process") == 1
    said = capfd.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert made.done() == {"ant", "cat"}
    if "9" not in code:  # SIGKILL leaves no line
        assert made.line(code) in said
    if "its process" in says:
        assert "; 2 of 6 masks were done" in said
    else:
        assert f'"{made.file}", line' in (made.run / "log.txt").read_text()


@pytest.mark.parametrize(
    ("code", "says"),
    [("os.abort()", "Aborted"), ("import ctypes; ctypes.string_at(0)", "Segmentation fault")],
)
@pytest.mark.parametrize("place", ["build", "frame"])
def test_a_crash_in_the_process_of_the_command_is_one_sentence(
    tmp_path: Path, place: str, code: str, says: str
) -> None:
    made = Made(tmp_path, **{place: code})
    ended = processes(tmp_path, made)
    assert ended.returncode < 0
    (said,) = [line for line in ended.stderr.splitlines() if ": done" not in line]
    assert said == (
        f"error: this process crashed: {says} {made.line(code)}; what is done is kept; "
        "with --own-process a crash costs its sequence, not the run"
    )
    if place == "frame":
        again = processes(tmp_path, made, "--own-process")
        assert again.returncode == 1
        assert made.done() == {"ant", "cat"}
        assert [path.name for path in (made.run / "masks").iterdir() if path.name[0] == "."] == []


@pytest.mark.parametrize("code", ["sys.exit(0)", "os.abort()"])
def test_the_same_in_one_of_two_workers(tmp_path: Path, code: str) -> None:
    made = Made(tmp_path, frame=code)
    ended = processes(tmp_path, made, "--workers", "2")
    assert ended.returncode == 1, ended.stderr
    assert ENDS[code] in ended.stderr
    assert made.line(code) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert made.done() == {"ant", "cat"}


@pytest.mark.parametrize(
    ("place", "code", "lost"),
    [
        ("frame", "import time; time.sleep(60)", {"bee"}),
        ("frame", "import ctypes; ctypes.PyDLL(None).sleep(60)", {"bee"}),  # holds the GIL
        ("end", "while True: pass", {"bee"}),
        ("for_sequence", "while True: pass", {"ant", "bee", "cat"}),
    ],
)
def test_a_frame_that_takes_too_long_costs_its_sequence(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    place: str, code: str, lost: set[str],
) -> None:  # fmt: skip
    made = Made(inside, **{place: code})
    assert typed(monkeypatch, *made.arguments, "--timeout", "0.7") == 1
    said = capfd.readouterr().err
    assert said.count(f"bee: failed: no mask for 0.7 s, the --timeout {made.line(code)}") == 1
    assert made.done() == {"ant", "bee", "cat"} - lost
    described = json.loads((made.run / "run.json").read_text())
    assert described["failed"].keys() == lost
    assert not {"timeout", "own_process"} & described["identity"].keys()


def test_no_time_is_refused(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for seconds in ("0", "-3", "nan", "inf", "1e9"):
        assert typed(monkeypatch, *Made(inside / seconds).arguments, "--timeout", seconds) == 1
        assert "timeout" in (said := capfd.readouterr().err)
        assert "expected" in said


@pytest.mark.parametrize("own", [(), ("--own-process",), ("--workers", "2")])
def test_children_that_a_method_leaves_end_with_the_command(
    inside: Path, monkeypatch: pytest.MonkeyPatch, own: tuple[str, ...]
) -> None:
    seconds = f"{random.randrange(1000, 9999)}.5"
    made = Made(
        inside,
        top="import signal, subprocess",
        frame=f"subprocess.Popen(['sleep', '{seconds}']); os.fork() or signal.pause()",
    )
    before = children()
    assert typed(monkeypatch, *made.arguments, *own) == 0
    assert made.done() == {"ant", "bee", "cat"}
    until = time.monotonic() + 10
    while (left := children() - before) and time.monotonic() < until:
        time.sleep(0.05)
    assert left == set()
    assert [line for line in commands() if seconds in line or str(inside) in line] == []


def children() -> set[str]:
    """The processes that this one began and that run."""
    listed = Path("/proc/self/task").glob("*/children")
    found = {child for each in listed for child in each.read_text().split()}
    return {child for child in found if ") Z " not in Path(f"/proc/{child}/stat").read_text()}


def commands() -> list[str]:
    """What runs on this machine."""
    listed = subprocess.run(
        ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return listed.stdout.splitlines()


def test_a_long_message_is_cut_and_our_own_errors_pass() -> None:
    assert described(ValueError("a\n" * 900)) == f"failed: ValueError: {'a ' * 150}..."
    assert described(ValueError()) == "failed: ValueError"
    with pytest.raises(KeyboardInterrupt), blaming("it"):
        raise KeyboardInterrupt
