"""Any program as a method: laid out, run, timed, read back; and every way in which it can fail."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import command_environment, make_folder_dataset

import vosbench
from vosbench import registry
from vosbench.errors import IncompleteRunError, MethodError, UsageError
from vosbench.masks import ids, write_mask
from vosbench.types import Layers, Masks

PROGRAMS = Path(__file__).parent / "programs"
PYTHON = shlex.quote(sys.executable)
FOLLOW = f"{PYTHON} {PROGRAMS / 'follow.py'} --frames {{frames}} --masks {{masks}} --out {{out}}"
LENGTH, H, W = 6, 20, 30
plugin = registry.load("methods", "command")


def mask(*numbers: int) -> np.ndarray:
    drawn = np.zeros((H, W), np.uint8)
    for number in numbers:
        drawn[4 : 4 + 5, 6 * number - 3 : 6 * number + 1] = number
    return drawn


def frames(count: int = LENGTH, *, h: int = H, w: int = W) -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (h, w, 3)).astype(np.uint8)
    return [np.roll(noise, t, axis=1) for t in range(count)]


def odd(how: str, note: Path | None = None, **options: Any) -> Any:
    line = f"{PYTHON} {PROGRAMS / 'odd.py'} {how} {{frames}} {{masks}} {{out}} {note}"
    return build(line, **options)


def build(line: str, device: str = "cpu", seed: int = 0, **options: Any) -> Any:
    return plugin.build(plugin.Options(run=line, **options), device=device, seed=seed)


def segment(method: Any, prompts: dict[int, np.ndarray] | None = None) -> list[Any]:
    return list(method.segment(iter(frames()), prompts or {0: mask(1, 2)}))


def failing(method: Any, prompts: dict[int, np.ndarray] | None = None) -> MethodError:
    with pytest.raises(MethodError) as told:
        segment(method, prompts)
    return told.value


def lines(method: Any) -> list[str]:
    return list(method.ran.facts["last_lines"])


def gone(number: int) -> bool:
    """Whether a process has ended, or ends within a moment."""
    for _ in range(50):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.1)
                continue
        return True
    return False


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where files for programs are laid out; nothing of them may stay."""
    there = tmp_path / "scratch"
    there.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(there))
    yield there
    assert list(there.iterdir()) == []


def test_a_program_runs_over_a_benchmark_with_two_workers_and_goes_on(
    folder_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs"
    given: dict[str, Any] = {"options": {"run": FOLLOW}, "root": folder_root, "out": out}
    result = vosbench.run("command", "folder", workers=2, **given)
    assert result.summary["J"]["mean"] > 0.95  # squares that move one pixel a frame
    record = json.loads((result.folder / "sequences" / "bee.json").read_text())
    run = json.loads((result.folder / "run.json").read_text())
    assert record["program"]["exit_status"] == 0
    assert record["program"]["last_lines"] == ["followed 2 objects"]
    assert record["peak_memory_bytes"] == record["program"]["peak_memory_bytes"] > 1e7
    assert sum(record["seconds"]) == pytest.approx(record["program"]["seconds"])
    assert run["program"]["version"].startswith(f"Python {sys.version.split()[0]}")
    assert run["program"]["command"] == FOLLOW
    assert set(run["program"]["seconds"]) == {"ant", "bee", "cat"}
    mean = sum(run["program"]["seconds"].values()) / (6 + 9 + 7)
    assert run["timing"]["mean_seconds_of_all"] == pytest.approx(mean)
    assert run["timing"]["median_seconds"] is None
    assert "the program was given the frames as JPEG of quality 95" in run["remarks"]
    assert list(run["identity"]["files"]) == [str(PROGRAMS / "follow.py")]
    before = {path: path.stat().st_mtime_ns for path in result.folder.glob("masks/ant/*")}
    (result.folder / "sequences" / "cat.json").unlink()
    again = vosbench.run("command", "folder", **given)
    assert again.folder == result.folder
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (again.folder / "sequences" / "cat.json").exists()


def test_a_video_of_davis_runs(tmp_path: Path) -> None:
    root = os.environ.get("VOSBENCH_DATA")
    if not root:
        pytest.skip("VOSBENCH_DATA is not set: no DAVIS-2017")
    result = vosbench.run(
        "command", "davis2017", sequences=["bmx-trees"], options={"run": FOLLOW},
        out=tmp_path / "runs",
    )  # fmt: skip
    assert result.summary["J"]["mean"] > 0.1
    assert {"sequence": "bmx-trees", "objects": 2}.items() <= result.summary["sequences"][0].items()


def test_a_program_sees_the_video_as_public_scripts_expect_it(tmp_path: Path) -> None:
    words = (
        "{root} {images}/{video} {annotations}/{video} {first} {list} {objects} {device} {seed} "
        "{width}x{height} {length}"
    )
    line = f"{PYTHON} {PROGRAMS / 'odd.py'} lists {{frames}} {{masks}} {{out}} - {words}"
    method = build(line, device="cuda:1", seed=7)
    prompts = {0: mask(1), 3: mask(2)}
    assert [ids(each) for each in segment(method, prompts)] == [(1,)] * LENGTH
    (listed,) = lines(method)
    assert listed.split() == [
        "Annotations", "Annotations/video", "Annotations/video/00000.png",
        "Annotations/video/00003.png", "JPEGImages", "JPEGImages/video",
        *(f"JPEGImages/video/{t:05d}.jpg" for t in range(LENGTH)), "videos.txt",
    ]  # fmt: skip
    code = "import sys; print(*sys.argv[1:], sep=chr(10)); raise SystemExit(1)"
    values = (
        failing(build(f'{PYTHON} -c "{code}" {words} {{out}}'), prompts).__notes__[0].split("\n")
    )
    root = Path(values[1])
    assert values[1:] == [
        *(str(root), str(root / "JPEGImages/video"), str(root / "Annotations/video")),
        *(str(root / "Annotations/video/00000.png"), str(root / "videos.txt")),
        *("1,2", "cpu", "0", "30x20", "6", str(root.parent / "out")),
    ]


def test_late_objects_and_frames_before_the_first_prompt() -> None:
    method = build(FOLLOW)
    found = segment(method, {2: mask(1), 4: mask(2)})
    assert [ids(each) for each in found] == [(), (), (1,), (1,), (1, 2), (1, 2)]
    assert (found[2] == mask(1)).all()


@pytest.mark.parametrize("how", ["fine", "deep", "zip", "from-1", "skips"])
def test_results_are_found_where_programs_put_them(how: str) -> None:
    assert all((each == mask(1, 2)).all() for each in segment(odd(how)))


def test_of_two_places_the_user_says_which() -> None:
    with pytest.raises(MethodError, match=r"masks may be in a, b of \{out\}; say where with --set"):
        segment(odd("two"))
    assert all((each == mask(1, 2)).all() for each in segment(odd("named", results="b")))
    with pytest.raises(MethodError, match=r"results=c: \{out\}/c is not there; holds \d+ .png"):
        segment(odd("named", results="c"))


def test_objects_of_one_png_each_may_overlap_and_have_any_id() -> None:
    stack = np.zeros((2, H, W), np.bool_)
    stack[0, 2:9, 3:9] = stack[1, 5:12, 6:12] = True
    method = odd("objects", prompts="objects")
    found: list[Masks] = list(method.segment_layers(iter(frames()), {0: Layers((0, 700), stack)}))
    assert all(isinstance(each, Layers) for each in found)
    assert [each.ids for each in found if isinstance(each, Layers)] == [(0, 700)] * LENGTH
    assert all((each.stack == stack).all() for each in found if isinstance(each, Layers))


def test_white_is_the_one_object() -> None:
    assert all((each == mask(2)).all() for each in segment(odd("white"), {0: mask(2)}))


@pytest.mark.parametrize("size", [(20, 30), (21, 31)])
def test_a_video_file_holds_the_frames(size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(
        "import sys, av, numpy as np\n"
        "with av.open(sys.argv[1]) as film:\n"
        "    for t, frame in enumerate(film.decode(video=0)):\n"
        "        np.save(f'{sys.argv[3]}/{t}.npy', frame.to_ndarray(format='rgb24'))\n"
        "raise SystemExit(4)\n"
    )
    smooth = np.linspace(0, 255, size[0] * size[1] * 3).reshape(*size, 3).astype(np.uint8)
    line = f"{PYTHON} {tmp_path / 'first.py'} {{mp4}} {{out}} {tmp_path}"
    with pytest.raises(MethodError, match="status 4"):
        list(build(line).segment(iter([smooth, smooth[::-1]]), {0: np.ones(size, np.uint8)}))
    seen = [np.load(tmp_path / f"{t}.npy").astype(int) for t in range(2)]
    assert seen[0].shape == (*size, 3)
    assert abs(seen[0] - smooth).mean() < 4
    assert abs(seen[1] - smooth[::-1]).mean() < 4
    assert not (tmp_path / "2.npy").exists()


def test_png_frames_are_the_frames(tmp_path: Path) -> None:
    code = "import sys, shutil; shutil.copytree(sys.argv[1], sys.argv[2]); raise SystemExit(1)"
    with pytest.raises(MethodError):
        segment(build(f'{PYTHON} -c "{code}" {{frames}} {tmp_path}/seen {{out}}', frames="png"))
    from PIL import Image

    for t, frame in enumerate(frames()):
        assert (np.asarray(Image.open(tmp_path / "seen" / f"{t:05d}.png")) == frame).all()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("status", r"ended with status 3; it said last: reading weights \| ValueError: no such w"),
        ("signal", r"the program was ended by SIGSEGV; it printed nothing"),
        ("nothing", r"wrote no masks into \{out\}, which is empty; expected .png files"),
        ("removes", r"the program removed \{out\}; it must leave its masks there"),
        ("elsewhere", r"wrote no masks into \{out\}, which is empty"),
        ("jpeg", r"wrote no masks into \{out\}, which holds 6 .jpg files; expected .png"),
        ("few", r"left no mask for 00004, 00005 of 6 frames in \{out\}; it must write one for"),
        ("many", r"\{out\} holds 00099 of no frame; the 6 frames are numbered from 0 or from 1"),
        ("size", r"mask \{out\}/00000.png is 18x30 but its frame is 20x30; write masks at the"),
        ("id", r"mask \{out\}/00003.png holds ids \[7, 14\] that no prompt gives \(prompts: \[1"),
        ("soft", r"mask \{out\}/00000.png has 255 different grey values: it looks like a soft"),
        ("white", r"mask \{out\}/00000.png holds ids \[255\] that no prompt gives"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_sentence(how: str, said: str) -> None:
    with pytest.raises(MethodError, match=said) as told:
        segment(odd(how))
    assert "\n" not in str(told.value)


def test_megabytes_of_printing_leave_their_last_lines() -> None:
    method = odd("prints")
    tracemalloc.start()
    segment(method)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines(method) == [
        "begun",
        "step 199999 of very many, as progress bars do",
        *(f"line {i}" for i in range(2, 20)),
    ]
    assert peak < 2e6


def test_a_line_of_megabytes_does_not_stop_the_program() -> None:
    method = odd("long-line")
    started = time.monotonic()
    segment(method)
    assert lines(method) == ["the end"]
    assert time.monotonic() - started < 20


def test_memory_stays_flat_over_a_video() -> None:
    def many() -> Iterator[np.ndarray]:
        for t in range(60):
            yield np.full((200, 300, 3), t, np.uint8)  # 180 kB each

    prompt = np.zeros((200, 300), np.uint8)
    prompt[:50] = 1
    method = odd("fine")
    next(iter(method.segment(iter(frames()), {0: mask(1)})))
    tracemalloc.start()
    count = sum(1 for _ in method.segment(many(), {0: prompt}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60
    assert peak < 3e6  # all frames are 11 MB


def test_a_time_limit_ends_the_program_and_its_children(tmp_path: Path) -> None:
    note = tmp_path / "note"
    started = time.monotonic()
    with pytest.raises(
        MethodError, match="had not ended after 3 s, the time_limit; it said last: n"
    ):
        segment(odd("hangs", note, time_limit=3.0))
    assert time.monotonic() - started < 30
    program, child, _ = note.read_text().split()
    assert gone(int(program))
    assert gone(int(child))


def test_a_run_goes_on_with_another_time_limit(folder_root: Path, tmp_path: Path) -> None:
    given: dict[str, Any] = {"root": folder_root, "out": tmp_path / "runs"}
    slow = f"{PYTHON} {PROGRAMS / 'odd.py'} naps {{frames}} {{masks}} {{out}} {{length}}"
    with pytest.raises(IncompleteRunError, match="2 of 3 sequences failed"):
        vosbench.run("command", "folder", options={"run": slow, "time_limit": 3}, **given)
    made = vosbench.run("command", "folder", options={"run": slow, "time_limit": 60}, **given)
    run = json.loads((made.folder / "run.json").read_text())
    assert run["status"] == "complete"
    assert run["program"]["seconds"]["ant"] < 3 < run["program"]["seconds"]["bee"]
    assert run["program"]["time_limit"] == {"ant": 3.0, "bee": 60.0, "cat": 60.0}
    assert "time_limit" not in run["label"]
    assert "time_limit" not in run["identity"]["options"]


@pytest.mark.parametrize("how", ["forks", "daemon"])
def test_children_that_a_program_leaves_behind_end_with_it(how: str, tmp_path: Path) -> None:
    note = tmp_path / "note"
    segment(odd(how, note))
    assert gone(int(note.read_text().split()[1]))


def test_a_time_limit_ends_children_in_sessions_of_their_own(tmp_path: Path) -> None:
    note = tmp_path / "note"
    with pytest.raises(MethodError, match="had not ended after 2 s"):
        segment(odd("daemon-waits", note, time_limit=2.0))
    assert gone(int(note.read_text().split()[1]))


@pytest.mark.parametrize(
    ("how", "workers", "number"),
    [
        ("hangs", 1, signal.SIGINT),
        ("daemon-waits", 2, signal.SIGINT),
        ("hangs", 1, signal.SIGKILL),
        ("daemon-waits", 2, signal.SIGKILL),
    ],
)
def test_ctrl_c_and_kill_end_the_program(
    how: str, workers: int, number: int, tmp_path: Path
) -> None:
    root, note = make_folder_dataset(tmp_path / "data", {"ant": 3}), tmp_path / "note"
    line = f"{PYTHON} {PROGRAMS / 'odd.py'} {how} {{frames}} {{masks}} {{out}} {note}"
    run = subprocess.Popen(
        [sys.executable, "-m", "vosbench", "run", "--method", "command", "--dataset", "folder",
         "--root", str(root), "--out", str(tmp_path / "runs"), "--set", f"run={line}",
         "--workers", str(workers)],
        env=command_environment() | {"TMPDIR": str(tmp_path)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(300):
        if note.exists() and len(note.read_text().split()) == 3:
            break
        assert run.poll() is None, run.stderr and run.stderr.read()
        time.sleep(0.1)
    run.send_signal(number)
    _, said = run.communicate(timeout=60)
    assert "Traceback" not in said
    program, child, out = note.read_text().split()
    assert gone(int(program))
    assert gone(int(child))
    until = time.monotonic() + 10
    while Path(out).parent.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(out).parent.exists()


@pytest.mark.parametrize(
    ("line", "options", "said"),
    [
        ("", {}, 'command needs a program to run: --set "run=python infer.py'),
        ("python x.py {frames}", {}, "does not hold {out}, the folder where masks are expected"),
        ("python x.py {frame} {out}", {}, "holds {frame}; did you mean 'frames'"),
        ("nonsense-program {out}", {}, "program 'nonsense-program' is not found"),
        ("./nonsense {out}", {}, "program './nonsense' is not found, or may not be executed"),
        ("python 'x.py {out}", {}, "No closing quotation; quotes come in pairs"),
        (
            "python {first} {out}",
            {"prompts": "objects"},
            "{first} is one file, but prompts=objects",
        ),
        ("python {out}", {"folder": "nowhere"}, "folder=nowhere is not a folder"),
        ("python {out}", {"env": "B=1 A"}, "env=B=1 A: expected NAME=VALUE"),
        ("python {out}", {"quality": 0}, "quality=0: expected 1 to 100"),
        ("python {out}", {"time_limit": 0.0}, "time_limit=0: expected seconds, more than 0"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(
    line: str, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as told:
        build(line, **options)
    assert said in str(told.value)


def test_a_file_that_is_no_program_is_said(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"\0\1\2")
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(MethodError, match="could not be started: Exec format error"):
        segment(build(f"{tmp_path / 'tool'} {{out}}"))


def test_a_shell_only_where_it_is_asked_for() -> None:
    line = "echo $((1+1)) {out}; exit 5"
    assert "wrote no masks" in str(failing(build(line)))
    assert "status 5; it said last: 2 " in str(failing(build(line, shell=True)))


def test_a_program_runs_in_its_folder_with_its_environment(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"w")
    code = "import os; print(os.getcwd(), os.environ['LEVEL']); raise SystemExit(1)"
    line = f'{PYTHON} -c "{code}" --weights=weights.pth --other no.pth {{out}}'
    method = build(line, folder=str(tmp_path), env="LEVEL=a=b OTHER='1 2'")
    with pytest.raises(MethodError, match=f"it said last: {tmp_path} a=b"):
        segment(method)
    options = plugin.Options(run=line, folder=str(tmp_path))
    assert plugin.files(options) == {"weights.pth": tmp_path / "weights.pth"}


def test_a_script_of_hundreds_of_signs_in_the_command_line_is_no_file() -> None:
    line = f"{PYTHON} -c {shlex.quote('x = 1; ' * 80)} {{frames}} {{out}}"
    assert plugin.files(plugin.Options(run=line)) == {}
    assert "the program wrote no masks" in str(failing(build(line)))


def test_the_device_that_a_program_does_not_ask_for_is_told() -> None:
    told = "run= holds no {device}: the program chose where it computed"
    assert told in build(FOLLOW).remarks
    assert told not in build(f"{FOLLOW} --device {{device}}").remarks


def test_a_masks_file_that_is_written_as_a_label_map_is_the_prompt(tmp_path: Path) -> None:
    write_mask(tmp_path / "want.png", mask(1, 2))
    line = f"cmp {{first}} {tmp_path / 'want.png'} && echo {{out}}"
    assert "wrote no masks into {out}" in str(failing(build(line, shell=True)))


def test_the_program_of_the_docs_is_the_one_that_is_tested() -> None:
    page = (PROGRAMS.parents[1] / "docs" / "methods.md").read_text(encoding="utf-8")
    assert (PROGRAMS / "follow.py").read_text(encoding="utf-8") in page
    code = re.findall(r"^```python\n(import sys.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(code) == 1
    compile(code[0], "masks.py", "exec")
