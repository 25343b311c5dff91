"""`vosbench show`: films of runs are decoded again and looked at."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import Vosbench, make_folder_dataset
from PIL import Image

import vosbench
from vosbench.errors import DataError, UsageError
from vosbench.filming import video
from vosbench.filming.lettering import GROUND
from vosbench.masks import read_mask, write_mask
from vosbench.stored import write_masks
from vosbench.toolbox.reports import stills
from vosbench.types import Layers
from vosbench.videos import VideoFile

ENLARGED = 7  # 48 pixels become 336
LINE = 18  # pixels of a strip of words there


@pytest.fixture
def run(folder_root: Path, tmp_path: Path) -> Path:
    """A scored run of copy-first on `ant` and `bee`, of 6 and 9 frames of 32x48."""
    made = vosbench.run(
        "copy-first", "folder", root=folder_root, sequences=["ant", "bee"], out=tmp_path / "runs"
    )
    assert made.folder
    return made.folder


def frames(path: Path) -> list[np.ndarray]:
    return list(VideoFile(path))


def panes(film: np.ndarray, number: int, count: int) -> np.ndarray:
    """One of the panes beside each other in a picture, at the size of the data."""
    w = 48 * ENLARGED
    assert film.shape[1] == count * w + 4 * (count - 1)
    left = number * (w + 4)
    return film[LINE : LINE + 32 * ENLARGED, left : left + w]


def near(
    shown: np.ndarray, wanted: np.ndarray, *, where: np.ndarray | None = None, off_by: int = 12
) -> None:
    """Equal but for what H.264 does to it; `where` in pixels of the data."""
    off = np.abs(shown.astype(int) - wanted).max(2)
    inner = np.ones(off.shape, bool)
    if where is not None:
        inner = np.kron(where, np.ones((ENLARGED, ENLARGED), bool)).astype(bool)
    assert np.median(off[inner]) <= off_by


def enlarged(frame: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(frame, ENLARGED, axis=0), ENLARGED, axis=1)


def test_a_film_shows_every_frame_with_the_runs_masks(run: Path, folder_root: Path) -> None:
    out = run.parent / "s.mp4"
    shown = vosbench.show(run, out, sequence="ant")
    assert (shown.path, shown.sequence, shown.frames, shown.fps) == (out, "ant", 6, 24)
    decoded = frames(out)
    assert len(decoded) == 6
    assert decoded[0].shape[1::-1] == shown.size
    sequence = vosbench.dataset("folder", root=folder_root).sequence("ant")
    for index, film in enumerate(decoded):
        mask = read_mask(run / "masks/ant" / f"{index:05d}.png")
        wanted = stills.overlay(enlarged(sequence.frames[index]), enlarged(mask))
        near(panes(film, 0, 1), wanted)
        near(panes(film, 0, 1), wanted, where=mask == 1)
        near(panes(film, 0, 1), wanted, where=mask == 2)


def test_runs_stand_side_by_side_with_the_truth_under_their_names(
    run: Path, folder_root: Path
) -> None:
    other = vosbench.run("empty", "folder", root=folder_root, sequences=["ant"], out=run.parent)
    out = run.parent / "s.mp4"
    vosbench.show([run, other], out, sequence="ant", truth="beside")
    film = frames(out)[5]
    sequence = vosbench.dataset("folder", root=folder_root).sequence("ant")
    large, truth = enlarged(sequence.frames[5]), enlarged(sequence.truth[5])
    assert not isinstance(truth, Layers)
    near(panes(film, 0, 3), stills.overlay(large, truth), where=np.asarray(sequence.truth[5]) > 0)
    first = enlarged(read_mask(run / "masks/ant/00000.png"))
    near(panes(film, 1, 3), stills.overlay(large, first), where=first[::7, ::7] > 0)
    near(panes(film, 2, 3), large)
    names = [film[:LINE, left : left + 336] for left in (0, 340, 680)]
    assert all((np.abs(name.astype(int) - GROUND) > 60).any() for name in names)
    scores = [(np.abs(name[:, 200:].astype(int) - GROUND) > 60).any() for name in names]
    assert scores == [False, True, True]  # J of the frame


def test_errors_have_their_colours_and_a_legend(run: Path, folder_root: Path) -> None:
    out = run.parent / "s.mp4"
    vosbench.show(run, out, sequence="ant", errors=True)
    film = frames(out)[4]
    sequence = vosbench.dataset("folder", root=folder_root).sequence("ant")
    truth, mask = np.asarray(sequence.truth[4]), read_mask(run / "masks/ant/00004.png")
    wanted = stills.errors(enlarged(sequence.frames[4]), enlarged(mask), enlarged(truth))
    shown = panes(film, 0, 1)
    for where in (
        (truth == mask) & (truth > 0),
        (truth > 0) & (mask == 0),
        (truth == 0) & (mask > 0),
        (truth == 0) & (mask == 0),
    ):
        assert where.any()
        near(shown, wanted, where=where, off_by=24)  # thin stripes, and colour has half the pixels
    below = film[LINE + 32 * ENLARGED :].reshape(-1, 3).astype(int)
    for colour in (stills.MISSED, stills.FALSE, stills.WRONG):
        assert (np.abs(below - colour).max(1) < 40).any()
    shown = vosbench.show(run, out, sequence="ant", replace=True)
    assert shown.size[1] == film.shape[0] - 2 * LINE + LINE


def test_the_truth_over_the_masks_is_an_outline(run: Path, folder_root: Path) -> None:
    out = run.parent / "s.gif"
    vosbench.show(run, out, sequence="bee", truth="over", fps=10)
    sequence = vosbench.dataset("folder", root=folder_root).sequence("bee")
    with Image.open(out) as gif:
        assert gif.n_frames == 9
        gif.seek(8)
        shown = panes(np.asarray(gif.convert("RGB")), 0, 1).astype(int)
    truth = enlarged(np.asarray(sequence.truth[8]))
    edge = np.zeros(truth.shape, bool)
    edge[1:] |= truth[1:] != truth[:-1]
    edge[:, 1:] |= truth[:, 1:] != truth[:, :-1]
    assert (shown[edge] > 230).all(1).any()
    assert (shown[edge] < 25).all(1).any()
    assert ((shown[edge] > 230) | (shown[edge] < 25)).all(1).mean() > 0.9


def test_an_unscored_run_and_masks_that_evaluate_remembers_are_shown(
    run: Path, folder_root: Path
) -> None:
    masks = run.parent / "theirs"
    shutil.copytree(run / "masks", masks)
    vosbench.evaluate(
        masks, "folder", root=folder_root, sequences=["ant"], name="STM", out=run.parent / "stm"
    )
    (run / "summary.json").unlink()
    shown = vosbench.show([run, run.parent / "stm"], run.parent / "s.mp4", sequence="ant")
    first = frames(shown.path)[3][:LINE].astype(int)
    assert not (np.abs(first[:, 250:336] - GROUND) > 60).any()
    assert (np.abs(first[:, 600:] - GROUND) > 60).any()


def test_j_of_masks_that_were_changed_since_is_not_shown(run: Path, folder_root: Path) -> None:
    before = frames(vosbench.show(run, run.parent / "a.mp4", sequence="ant").path)[3]
    mask = run / "masks/ant/00005.png"
    write_mask(mask, np.zeros((32, 48), np.uint8))
    after = frames(vosbench.show(run, run.parent / "b.mp4", sequence="ant").path)[3]
    wide = (np.abs(after[:LINE, 200:260].astype(int) - GROUND) > 60).any()
    assert wide  # the words "changed since scored" in place of "J 43"
    assert not (np.abs(before[:LINE, 200:260].astype(int) - GROUND) > 60).any()


def test_frames_without_mask_or_truth_are_shown_bare_and_say_so(
    run: Path, folder_root: Path
) -> None:
    for index in (2, 3):
        (folder_root / "masks/ant" / f"{index:05d}.png").unlink()
    masks = run.parent / "theirs"
    shutil.copytree(run / "masks/ant", masks / "ant")
    (masks / "ant/00003.png").unlink()
    stm = vosbench.evaluate(
        masks, "folder", root=folder_root, sequences=["ant"], name="STM", out=run.parent / "stm"
    )
    out = run.parent / "s.mp4"
    vosbench.show(stm, out, sequence="ant", truth="beside", errors=True)
    sequence = vosbench.dataset("folder", root=folder_root).sequence("ant")
    film = frames(out)
    for index in (2, 3):
        near(panes(film[index], 0, 2), enlarged(sequence.frames[index]))
    near(panes(film[3], 1, 2), enlarged(sequence.frames[3]))
    plain = stills.overlay(
        enlarged(sequence.frames[2]), enlarged(read_mask(masks / "ant/00002.png"))
    )
    near(panes(film[2], 1, 2), plain)


def test_objects_that_overlap_come_late_or_have_large_ids_are_shown(tmp_path: Path) -> None:
    """One PNG an object, 0 and 700 among the ids; 700 starts at frame 2 and overlaps 0."""
    data = make_folder_dataset(tmp_path / "data", {"cat": 5}, objects=1)
    shutil.rmtree(data / "masks/cat")
    (data / "masks/cat").mkdir()
    stack = np.zeros((2, 32, 48), bool)
    for index in range(5):
        stack[0, 4:20, 4:20] = True
        stack[1, 12:28, 12:40] = index >= 2
        shown = 2 if index >= 2 else 1
        write_masks(data / "masks/cat", f"{index:05d}", Layers((0, 700)[:shown], stack[:shown]))
    run = vosbench.run("copy-first", "folder", root=data, out=tmp_path / "runs")
    vosbench.show(run, tmp_path / "s.mp4", truth="beside")
    sequence = vosbench.dataset("folder", root=data).sequence("cat")
    film = frames(tmp_path / "s.mp4")[4]
    flat = np.where(stack[0], 1, np.where(stack[1], 2, 0)).astype(np.uint8)
    wanted = stills.overlay(enlarged(sequence.frames[4]), enlarged(flat))
    for number in (0, 1):
        for value in (1, 2):
            near(panes(film, number, 2), wanted, where=flat == value)
    assert len(frames(tmp_path / "s.mp4")) == 5


def test_a_film_has_the_rate_of_its_video_or_the_one_asked_for(tmp_path: Path) -> None:
    data = make_folder_dataset(tmp_path / "data", {"cat": 5})
    with video.opened(tmp_path / "cat.mp4", fps=Fraction(12), total=5) as film:
        for path in sorted((data / "images/cat").iterdir()):
            film.add(np.asarray(Image.open(path)))
    shutil.copy(data / "masks/cat/00000.png", tmp_path / "cat.png")
    with pytest.raises(DataError):  # there is nothing to score, and masks are there
        vosbench.run("copy-first", "folder", root=tmp_path / "cat.mp4", out=tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    for fps, expected in ((None, 12), (5, 5)):
        shown = vosbench.show(run, tmp_path / "s.mp4", fps=fps, replace=True)
        assert shown.fps == expected
        assert VideoFile(shown.path).rate == expected
        assert len(frames(shown.path)) == 5


def test_what_cannot_be_shown_is_told_in_a_sentence(
    run: Path, folder_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.mp4"
    synthetic = vosbench.run("empty", "synthetic", sequences=["plain"], out=run.parent)
    (tmp_path / "clip-out/masks").mkdir(parents=True)
    (tmp_path / "clip-out/segment.json").write_text("{}")
    for runs, options, words in (
        ([], {}, "no run is given"),
        (run.parent / "none", {}, "is no folder; expected that of a run"),
        (folder_root, {}, "is no run: it holds neither run.json nor summary.json"),
        (tmp_path / "clip-out", {}, "`vosbench segment` made it, and its film is .*/clip-out/over"),
        (tmp_path / "clip-out/masks", {}, "its film is .*/clip-out/overlay.mp4"),
        (run, {}, "which sequence.* have masks of ant, bee; name it with --sequence S"),
        (run, {"sequence": "ants"}, "folder has no sequence 'ants'; did you mean 'ant'"),
        (run, {"sequence": "cat"}, "expected a folder of masks for cat"),
        (
            [run, synthetic],
            {"sequence": "ant"},
            "copy-first is of folder all and empty of synthetic val; a film",
        ),
        (run, {"sequence": "ant", "truth": "besides"}, "did you mean 'beside'"),
        (run, {"sequence": "ant", "colours": "save"}, "did you mean 'safe'"),
        (run, {"sequence": "ant", "fps": 0}, "--fps 0: expected"),
        (run, {"sequence": "ant", "fps": 1e-9}, "--fps 1e-09: expected"),
        (run, {"sequence": "ant", "scale": float("nan")}, "--scale nan: expected a number above 0"),
        (run, {"sequence": "ant", "scale": float("inf")}, "--scale inf: expected a number above 0"),
        (run, {"sequence": "ant", "scale": 0.1}, "scale 0.1 makes frames of 48x32 pixels 5x3"),
    ):
        with pytest.raises((UsageError, DataError), match=words):
            vosbench.show(runs, out, **options)  # type: ignore[arg-type]
        assert not out.exists()


def test_masks_of_another_size_are_refused_and_nothing_is_left(run: Path) -> None:
    write_mask(run / "masks/ant/00004.png", np.zeros((16, 24), np.uint8))
    out = run.parent / "films" / "s.mp4"
    out.parent.mkdir()
    words = r"00004\.png is 16x24 but its frame is 32x48; bring both to one size"
    with pytest.raises(DataError, match=words):
        vosbench.show(run, out, sequence="ant")
    assert list(out.parent.iterdir()) == []


def test_without_any_truth_there_are_no_errors_to_show(tmp_path: Path) -> None:
    data = make_folder_dataset(tmp_path / "data", {"cat": 5})
    for index in range(1, 5):
        (data / "masks/cat" / f"{index:05d}.png").unlink()
    with pytest.raises(DataError):
        vosbench.run("copy-first", "folder", root=data, out=tmp_path / "runs")
    (run,) = (tmp_path / "runs").iterdir()
    shown = vosbench.show(run, tmp_path / "s.mp4")
    assert shown.frames == 5
    with pytest.raises(UsageError, match=r"cat has no truth here.*leave out --truth and --errors"):
        vosbench.show(run, tmp_path / "t.mp4", errors=True)


def test_the_command_says_what_it_wrote_and_replaces_only_when_told(
    run: Path, command: Vosbench
) -> None:
    words = ("show", run, "--sequence", "ant", "--out", "s.gif", "--truth", "beside")
    done = command(*words, "--colours", "safe", "--scale", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("s.gif: ant, 6 frames at 24 a second, 1 of 2 shown, 196x100, ")
    again = command(*words)
    assert again.returncode == 1
    assert again.stderr == "error: --out s.gif exists; give --replace, or name another file\n"
    assert command(*words, "--replace").returncode == 0
