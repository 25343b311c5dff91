from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import fixtures_layouts
import numpy as np
import pytest
from conftest import Vosbench
from fixtures_trees import gold, meta, video
from PIL import Image

import vosbench
from vosbench import registry
from vosbench.errors import DataError, UsageError
from vosbench.masks import palette as palette_of_davis
from vosbench.masks import write_mask
from vosbench.resolve import choose_submission, submissions
from vosbench.scoring.archive import Packed, packed_for
from vosbench.scoring.check_packed import check_packed
from vosbench.stored import open_stored

GOLD = {  # submission -> dataset, its gold tree
    "mosev1": ("mosev1", "mosev1"),
    "mosev2": ("mosev2", "mosev2"),
    "lvos": ("lvos-v2", "lvos"),
    "sav": ("sav", "sav"),
    "youtube-vos": ("youtube-vos-2019", "ytvos"),
}
H, W = fixtures_layouts.H, fixtures_layouts.W


def predictions(
    folder: Path, videos: Mapping[str, Sequence[int]], *objects: int, stem: str = "05d"
) -> Path:
    for name, frames in videos.items():
        for i in frames:
            fixtures_layouts.mask(folder / name / f"{i:{stem}}.png", *objects)
    return folder


@pytest.fixture
def mose(tmp_path: Path) -> Path:
    """Two videos of six frames with the objects 1 and 3; the first frames are annotated."""
    for name in ("a", "b"):
        video(tmp_path / "data/valid", name, {0: (1, 3)})
    return tmp_path / "data"


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Masks for `mose`."""
    return predictions(tmp_path / "masks", {"a": range(6), "b": range(6)}, 1, 3)


def packed(masks: Path, root: Path, out: Path, submission: str = "mosev1") -> Packed:
    return vosbench.pack(masks, submission, out, root=root)


def checked(path: Path, submission: str, root: Path, dataset: str = "") -> Packed:
    return check_packed(path, *choose_submission(submission, dataset, root=root))


def refused(masks: Path, root: Path, submission: str = "mosev1") -> tuple[str, ...]:
    """Why masks are not packed; that they are not."""
    out = masks.parent / "refused.zip"
    before = sorted(masks.parent.iterdir())
    with pytest.raises(DataError) as caught:
        packed(masks, root, out, submission)
    assert sorted(masks.parent.iterdir()) == before
    return caught.value.faults


def rezip(path: Path, change: Mapping[str, bytes | str | None]) -> Path:
    """A copy of an archive: members replaced by bytes, moved to another name, or left out."""
    out = path.with_name(f"other-{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            what = change.get(name, old.read(name))
            if isinstance(what, str):
                new.writestr(what, old.read(name))
            elif what is not None:
                new.writestr(name, what)
        for name in change.keys() - set(old.namelist()):
            new.writestr(name, change[name] or b"")
    return out


def png(values: np.ndarray, *, palette: bool = True) -> bytes:
    content = io.BytesIO()
    image = Image.fromarray(values)
    if palette:
        image.putpalette(palette_of_davis())
    image.save(content, format="PNG")
    return content.getvalue()


@pytest.mark.parametrize("submission", GOLD)
def test_the_drawn_predictions_packed_have_their_scores(submission: str, tmp_path: Path) -> None:
    dataset, tree = GOLD[submission]
    root = gold(tree)
    folder, out = root / "predictions", tmp_path / "x.zip"
    made = vosbench.pack(folder, submission, out, dataset=dataset, root=root)
    assert checked(out, submission, root, dataset).faults == ()
    again = tmp_path / "again.zip"
    vosbench.pack(out, submission, again, dataset=dataset, root=root)
    assert again.read_bytes() == out.read_bytes()
    assert made.masks == len(zipfile.ZipFile(out).namelist())
    loose = vosbench.evaluate(folder, dataset, root=root)
    zipped = vosbench.evaluate(out, dataset, root=root)
    assert zipped.summary == loose.summary
    assert zipped.summary["objects"]


@pytest.mark.parametrize("submission", [name for name in GOLD if name != "sav"])
def test_members_are_palette_pngs_of_the_same_ids(submission: str, tmp_path: Path) -> None:
    dataset, tree = GOLD[submission]
    out = tmp_path / "x.zip"
    vosbench.pack(gold(tree) / "predictions", submission, out, dataset=dataset, root=gold(tree))
    with zipfile.ZipFile(out) as archive:
        for name in archive.namelist():
            sequence, frame = name.removeprefix("Annotations/").split("/")
            with Image.open(archive.open(name)) as image:
                assert image.mode == "P"
                assert image.getpalette()[:6] == [0, 0, 0, 128, 0, 0]  # type: ignore[index]
                source = Image.open(gold(tree) / "predictions" / sequence / frame)
                assert (np.array(image) == np.array(source)).all()


def test_members_of_sav_are_binary_and_lie_in_folders_of_objects(tmp_path: Path) -> None:
    root, out = gold("sav"), tmp_path / "x.zip"
    vosbench.pack(root / "predictions", "sav", out, root=root)
    truth = root / "Annotations_6fps"
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == sorted(
            file.relative_to(truth).as_posix() for file in truth.rglob("*.png")
        )
        for name in archive.namelist():
            found = np.array(Image.open(archive.open(name)))
            source = np.array(Image.open(root / "predictions" / name))
            assert ((found > 0) == (source > 0)).all()
            assert set(np.unique(found)) <= {0, 1}


def test_archives_are_the_same_whenever_they_are_made(mose: Path, masks: Path) -> None:
    out = masks.parent / "x.zip"
    packed(masks, mose, out)
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == [f"{v}/{i:05d}.png" for v in "ab" for i in range(6)]
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None
    assert packed_for(out) == {
        "for": "mosev1", "dataset": "mosev1", "split": "valid", "resolution": "",
    }  # fmt: skip
    other = masks.parent / "y.zip"
    packed(masks, mose, other)
    assert other.read_bytes() == out.read_bytes()


def test_davis_test_dev_has_its_sequences_at_the_top(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for i in range(4):
        fixtures_layouts.picture(root / f"JPEGImages/480p/cat/{i:05d}.jpg", seed=i)
    fixtures_layouts.mask(root / "Annotations/480p/cat/00000.png", 1, 2)
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/test-dev.txt").write_text("cat\n")
    folder, out = predictions(tmp_path / "masks", {"cat": range(4)}, 1, 2), tmp_path / "x.zip"
    made = packed(folder, root, out, "davis2017-test-dev")
    assert (made.split, made.sequences, made.masks) == ("test-dev", 1, 4)
    assert zipfile.ZipFile(out).namelist() == [f"cat/{i:05d}.png" for i in range(4)]
    assert checked(out, "davis2017-test-dev", root).faults == ()
    with pytest.raises(UsageError, match="takes masks of test-dev, not of 'val'"):
        vosbench.pack(folder, "davis2017-test-dev", out, root=root, split="val")


def test_of_youtube_vos_only_the_listed_frames_are_packed(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for i in range(12):
        fixtures_layouts.picture(root / f"valid_all_frames/JPEGImages/a/{i:05d}.jpg", seed=i)
    for i, number in ((0, 1), (5, 2)):
        fixtures_layouts.picture(root / f"valid/JPEGImages/a/{i:05d}.jpg", seed=i)
        fixtures_layouts.mask(root / f"valid/Annotations/a/{i:05d}.png", number)
    frames = {"1": ["00000", "00005"], "2": ["00005", "00010"]}
    objects = {n: {"category": "dog", "frames": listed} for n, listed in frames.items()}
    meta(root / "valid/meta.json", {"a": {"objects": objects}})
    folder = predictions(tmp_path / "masks", {"a": range(12)}, 1, 2)
    with pytest.raises(UsageError, match="of youtube-vos-2018 and youtube-vos-2019; say which"):
        packed(folder, root, tmp_path / "x.zip", "youtube-vos")
    out = tmp_path / "x.zip"
    vosbench.pack(folder, "youtube-vos", out, dataset="youtube-vos-2018", root=root)
    assert zipfile.ZipFile(out).namelist() == [f"Annotations/a/{i:05d}.png" for i in (0, 5, 10)]
    (folder / "a/00003.png").unlink()  # nobody asks for it
    (folder / "a/00010.png").unlink()
    with pytest.raises(DataError) as caught:
        vosbench.pack(folder, "youtube-vos", tmp_path / "y.zip", dataset="youtube-vos-2018",
                      root=root)  # fmt: skip
    assert caught.value.faults == (f"{folder / 'a'}: 1 of 3 masks are missing: 00010.png",)


def test_what_is_missing_is_named_one_line_a_cause(mose: Path, masks: Path) -> None:
    for i in (1, 2, 5):
        (masks / f"a/{i:05d}.png").unlink()
    assert refused(masks, mose) == (
        f"{masks / 'a'}: 3 of 6 masks are missing: 00001.png, 00002.png, 00005.png",
    )
    shutil.rmtree(masks / "a")
    (alone,) = refused(masks, mose)
    assert f"{masks / 'a'} is missing: expected a folder of masks for a" in alone
    (masks / "b").rename(masks / "c")
    (both,) = refused(masks, mose)
    assert both.startswith(f"2 of 2 sequences of mosev1 valid are missing in {masks}: a, b; ")
    assert "holds 1 folder, such as c/" in both


def test_masks_of_another_size_or_of_other_ids_are_refused(mose: Path, masks: Path) -> None:
    fixtures_layouts.mask(masks / "a/00002.png", 1, h=H // 2, w=W // 2)
    fixtures_layouts.mask(masks / "b/00003.png", 1, 2, 7)
    assert refused(masks, mose) == (
        f"mask {masks / 'a/00002.png'} is 6x10 but its video is 12x20 (height x width); resize "
        "with nearest neighbour",
        f"mask {masks / 'b/00003.png'} has the ids [2, 7], but the objects of the video are [1, 3]",
    )
    predictions(masks, {"a": range(6), "b": range(6)}, 2)
    with pytest.raises(DataError) as caught:
        packed(masks, mose, masks.parent / "refused.zip")
    assert len(str(caught.value).splitlines()) == 2  # a line for each video, not one a frame
    assert "(6 such, up to 00005.png)" in str(caught.value)


def test_255_for_the_one_object_is_told_what_to_write(tmp_path: Path) -> None:
    video(tmp_path / "data/valid", "a", {0: (4,)})
    folder = predictions(tmp_path / "masks", {"a": range(6)}, 255)
    assert "has the ids [255], but the objects of the video are [4]: write 4 instead" in refused(
        folder, tmp_path / "data"
    )[0]  # fmt: skip


def test_colours_and_lossy_files_are_refused(mose: Path, masks: Path) -> None:
    colours = np.zeros((H, W, 3), np.uint8)
    colours[:4] = (12, 200, 3)
    fixtures_layouts.picture(masks / "a/00001.png", colours)
    jpeg = io.BytesIO()
    Image.fromarray(fixtures_layouts.labels(1, 3)).save(jpeg, format="JPEG")
    (masks / "a/00002.png").write_bytes(jpeg.getvalue())
    for i in range(6):
        (masks / f"b/{i:05d}.png").rename(masks / f"b/{i:05d}.jpg")
    colour, lossy, other = refused(masks, mose)
    assert "a/00001.png has mode RGB, expected a palette (P) or grey (L) image" in colour
    assert "a/00002.png is a JPEG picture" in lossy
    assert "b holds no .png at all, only 6 .jpg files; masks must be lossless PNG" in other


def test_what_is_not_packed_is_told(mose: Path, masks: Path) -> None:
    predictions(masks, {"z": range(2), "a": [9]}, 1)
    (masks / "a/notes.txt").write_text("x")
    made = packed(masks, mose, masks.parent / "x.zip")
    assert made.masks == 12
    others, frames, files = made.notes
    assert others.endswith("1 folder of no sequence of mosev1 valid, not packed: z")
    assert "1 mask belongs to no frame: 00009.png" in frames
    assert "also holds 1 .txt file: not read" in files
    assert f"note: {others}" in str(made)


def test_of_many_notes_five_are_shown(tmp_path: Path) -> None:
    for name in "abcdefgh":
        video(tmp_path / "data/valid", name, {0: (1,)}, frames=2)
        predictions(tmp_path / "masks", {name: range(3)}, 1)
    made = packed(tmp_path / "masks", tmp_path / "data", tmp_path / "x.zip")
    assert len(made.notes) == 8
    assert str(made).count("belongs to no frame: 00002.png") == 5
    assert "note: 3 more such; --json lists all" in str(made)


def test_no_file_is_replaced_unasked(mose: Path, masks: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.zip"
    out.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"x\.zip exists; give --replace, or name another file"):
        packed(masks, mose, out)
    assert out.read_bytes() == b"mine"
    (masks / "a/00001.png").unlink()
    with pytest.raises(DataError):
        vosbench.pack(masks, "mosev1", out, root=mose, replace=True)
    assert out.read_bytes() == b"mine"  # a refused one takes no place
    fixtures_layouts.mask(masks / "a/00001.png", 1)
    vosbench.pack(masks, "mosev1", out, root=mose, replace=True)
    assert zipfile.is_zipfile(out)
    with pytest.raises(UsageError, match="holds the masks themselves"):
        vosbench.pack(out, "mosev1", out, root=mose, replace=True)
    for wrong, why in (
        (tmp_path / "x.tar", r"write --out x\.tar\.zip"),
        (tmp_path / "no/x.zip", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=why):
            packed(masks, mose, wrong)
    (tmp_path / "f.zip").mkdir()
    with pytest.raises(UsageError, match=r"f\.zip is a folder; name a file"):
        packed(masks, mose, tmp_path / "f.zip")


def objects(folder: Path, name: str, frames: Mapping[int, Sequence[int]]) -> Path:
    """Masks of one video, a picture an object; all objects lie at one place."""
    for number, stored in frames.items():
        for i in stored:
            fixtures_layouts.mask(folder / name / f"{number:03d}/{i:05d}.png", 1)
    return folder


def test_objects_stored_by_themselves_become_label_maps(tmp_path: Path) -> None:
    video(tmp_path / "data/valid", "a", {0: (1, 3)})
    folder = objects(tmp_path / "masks", "a", {1: range(6), 3: range(2, 6)})
    write_mask(folder / "a/003/00002.png", np.zeros((H, W), np.uint8))
    made = packed(folder, tmp_path / "data", tmp_path / "x.zip")
    (note,) = made.notes
    assert "objects overlap in 3 frames, 00003.png, 00004.png, 00005.png; where objects" in note
    stored = open_stored(tmp_path / "x.zip")
    assert set(np.unique(stored.read("a", "00002"))) == {0, 1}  # type: ignore[arg-type]
    assert set(np.unique(stored.read("a", "00004"))) == {0, 3}  # type: ignore[arg-type]
    for i in (4, 5):
        (folder / f"a/003/{i:05d}.png").unlink()
    assert refused(folder, tmp_path / "data") == (
        f"{folder / 'a'}: 2 of 4 masks of object 003 are missing: 00004.png, 00005.png; write an "
        "empty mask where it is not seen",
    )
    shutil.move(folder / "a/003", folder / "a/004")
    extra, lacks = refused(folder, tmp_path / "data")
    assert extra.endswith("has the objects [4], but the video has only [1, 3]")
    assert "lacks object 003" in lacks


@pytest.fixture
def sav(tmp_path: Path) -> Path:
    """One video of nine frames; the objects 0 and 1 overlap and are annotated in 0, 4 and 8."""
    root = tmp_path / "sav"
    for i in range(9):
        fixtures_layouts.picture(root / f"JPEGImages_24fps/v/{i:05d}.jpg", seed=i)
    objects(root / "Annotations_6fps", "v", {0: (0, 4, 8), 1: (0, 4, 8)})
    (root / "sav_val.txt").write_text("v\n")
    return root


def test_of_sav_the_annotated_frames_of_each_object_are_packed(sav: Path, tmp_path: Path) -> None:
    folder = objects(tmp_path / "masks", "v", {0: range(9), 1: range(9)})
    packed(folder, sav, tmp_path / "x.zip", "sav")
    assert zipfile.ZipFile(tmp_path / "x.zip").namelist() == [
        f"v/{n:03d}/{i:05d}.png" for n in (0, 1) for i in (0, 4, 8)
    ]
    assert checked(tmp_path / "x.zip", "sav", sav).faults == ()
    (folder / "v/001/00004.png").unlink()
    (fault,) = refused(folder, sav, "sav")
    assert fault.startswith(f"{folder / 'v'}: 1 of 3 masks of object 001 are missing: 00004.png; ")
    flat = predictions(tmp_path / "flat", {"v": range(9)}, 1)
    assert "is a label map, but the video has object 000" in refused(flat, sav, "sav")[0]


def test_label_maps_are_packed_for_sav_where_no_object_is_000(sav: Path, tmp_path: Path) -> None:
    shutil.move(sav / "Annotations_6fps/v/000", sav / "Annotations_6fps/v/002")
    flat = predictions(tmp_path / "flat", {"v": range(9)}, 1, 2)
    packed(flat, sav, tmp_path / "x.zip", "sav")
    stored = open_stored(tmp_path / "x.zip")
    assert sorted(stored.objects("v")) == [1, 2]
    two = stored.read("v", "00004", (2,))
    assert (two.stack[0] == (fixtures_layouts.labels(1, 2) == 2)).all()  # type: ignore[union-attr]


def test_a_run_knows_its_dataset_and_is_packed_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        video(tmp_path / "data", name, dict.fromkeys(range(6), (1, 3)))
    run = vosbench.run("copy-first", "mosev1", root="data")
    folder = run.folder
    assert folder
    made = vosbench.pack(folder, "mosev1", "x.zip")
    assert (made.sequences, made.masks, made.notes) == (2, 12, ())
    assert checked(Path("x.zip"), "mosev1", tmp_path / "data").faults == ()
    with pytest.raises(UsageError, match="is a run and has its own dataset and split; remove"):
        vosbench.pack(folder, "mosev1", "y.zip", dataset="mosev1")
    with pytest.raises(UsageError, match="mosev1 has no submission 'lvos'; it is of lvos-v1 and"):
        vosbench.pack(folder, "lvos", "y.zip")
    fixtures_layouts.mask(folder / "masks/a/00003.png", 1)
    with pytest.raises(DataError, match="are not those that the run made: one was changed since"):
        vosbench.pack(folder, "mosev1", "y.zip")
    (folder / "masks/a/00003.png").unlink()
    with pytest.raises(DataError, match=r"a/00003\.png is missing; give the command of the run"):
        vosbench.pack(folder, "mosev1", "y.zip")
    part = vosbench.run("copy-first", "mosev1", root="data", sequences=["a"], out="part")
    assert part.folder
    with pytest.raises(DataError, match="expected a folder of masks for b"):
        vosbench.pack(part.folder, "mosev1", "y.zip")
    assert not Path("y.zip").exists()


@pytest.mark.usefixtures("test_plugins")
def test_what_a_server_is_given_by_boxes_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    video(tmp_path / "data", "a", dict.fromkeys(range(6), (1, 3)))
    run = vosbench.run("told", "mosev1", root="data", prompt="box")
    assert run.folder
    assert vosbench.pack(run.folder, "mosev1", "x.zip").notes == (
        "objects were told by box, not by masks: say so where you hand this in",
    )


def test_masks_without_a_public_truth_are_run_then_packed(mose: Path, command: Vosbench) -> None:
    ran = command("run", "--method", "copy-first", "--dataset", "mosev1", "--root", "data")
    assert ran.returncode == 0, ran.stderr
    assert "(a server): vosbench pack --for mosev1 writes what it takes" in ran.stderr
    done = command("pack", "runs/copy-first-mosev1", "--for", "mosev1", "--out", "x.zip")
    assert done.returncode == 0, done.stderr
    assert "mosev1 valid, 2 sequences, 12 masks" in done.stdout


def test_a_wrong_name_says_what_there_is() -> None:
    with pytest.raises(UsageError, match="unknown submission 'youtube-vs'; did you mean 'youtube"):
        choose_submission("youtube-vs")
    with pytest.raises(UsageError, match="vost has no submission 'mosev1'; it is of mosev1"):
        choose_submission("mosev1", "vost")
    with pytest.raises(UsageError, match="mosev1 has no submission 'x'; known: mosev1"):
        choose_submission("x", "mosev1")
    assert {"davis2017-test-dev", *GOLD} <= set(submissions())


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_a_card_hands_in_splits_that_it_has(name: str) -> None:
    card = registry.load_dataset(name).CARD
    names = [submission.name for submission in card.submissions]
    assert len(set(names)) == len(names)
    for submission in card.submissions:
        assert submission.splits
        assert set(submission.splits) <= set(card.splits)
        assert submission.source
        assert card.server


def faults_of(path: Path, root: Path) -> tuple[str, ...]:
    return checked(path, "mosev1", root).faults


@pytest.fixture
def archive(mose: Path, masks: Path) -> Path:
    packed(masks, mose, masks.parent / "x.zip")
    return masks.parent / "x.zip"


def test_an_archive_with_another_root_is_told_where_it_lies(archive: Path, mose: Path) -> None:
    names = zipfile.ZipFile(archive).namelist()
    assert faults_of(archive, mose) == ()
    deeper = rezip(archive, {name: f"mine/masks/{name}" for name in names})
    assert faults_of(deeper, mose) == (
        f"{deeper}: the folders of the sequences lie in mine/masks/, expected at the top; pack it "
        "anew",
    )
    other = rezip(archive, {name: name.replace(".png", ".PNG") for name in names})
    assert "holds 12 files, such as a/00000.PNG; expected <sequence>/" in faults_of(other, mose)[0]


def test_the_folder_annotations_is_asked_for_where_the_server_wants_it(tmp_path: Path) -> None:
    root, out = gold("ytvos"), tmp_path / "x.zip"
    vosbench.pack(root / "predictions", "youtube-vos", out, dataset="youtube-vos-2019", root=root)
    names = zipfile.ZipFile(out).namelist()
    bare = rezip(out, {name: name.removeprefix("Annotations/") for name in names})
    (fault,) = checked(bare, "youtube-vos", root, "youtube-vos-2019").faults
    assert fault.endswith("lie at the top, expected in Annotations/; pack it anew")


def test_what_an_archive_lacks_or_has_too_much_is_named(archive: Path, mose: Path) -> None:
    lacking = rezip(archive, dict.fromkeys(("a/00001.png", "a/00004.png")))
    assert faults_of(lacking, mose) == (
        f"{lacking}: a: 2 of 6 masks are missing: 00001.png, 00004.png",
    )
    gone = rezip(archive, {f"b/{i:05d}.png": None for i in range(6)})
    assert faults_of(gone, mose) == (f"{gone} has no masks of 1 of 2 sequences: b",)
    mask = png(fixtures_layouts.labels(1))
    strange = rezip(
        archive,
        {"__MACOSX/a/._00000.png": b"", "readme.txt": b"", "a/00006.png": mask, "z/0.png": mask},
    )
    assert faults_of(strange, mose) == (
        f"{strange} holds masks that are not asked for, 3 in number: __MACOSX/a/._00000.png, "
        "a/00006.png, z/0.png; pack it anew without them",
        f"{strange} holds files that are not asked for, 1 in number: readme.txt; pack it anew "
        "without them",
    )


def test_every_mask_of_an_archive_is_looked_at(archive: Path, mose: Path) -> None:
    wrong = rezip(
        archive,
        {
            "a/00001.png": png(np.zeros((H, W + 1), np.uint8)),
            "a/00002.png": png(fixtures_layouts.labels(1, 5)),
            "a/00003.png": png(fixtures_layouts.labels(1, 3), palette=False),
            "a/00004.png": png(fixtures_layouts.noise(), palette=False),
            "a/00005.png": png(fixtures_layouts.labels(1))[:60],
        },
    )
    size, ids, grey, colours, damaged = faults_of(wrong, mose)
    assert f"mask {wrong}: a/00001.png is 12x21 but its video is 12x20" in size
    assert f"mask {wrong}: a/00002.png has the ids [5], but the objects of the video" in ids
    assert f"mask {wrong}: a/00004.png has mode RGB" in colours
    assert f"mask {wrong}: a/00005.png is damaged" in damaged
    assert f"mask {wrong}: a/00003.png is grey, but a palette PNG is asked for" in grey


def test_what_is_no_archive_is_one_sentence(tmp_path: Path, mose: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK")
    for path, why in (("x.zip", "cannot be read as a zip archive"), ("y.zip", "is missing")):
        with pytest.raises(DataError, match=why):
            packed_for(tmp_path / path)


def test_the_commands(archive: Path, mose: Path, masks: Path, command: Vosbench) -> None:
    done = command("pack", "masks", "--for", "mosev1", "--root", "data", "--out", "new.zip")
    assert done.returncode == 0, done.stderr
    assert "new.zip: mosev1 valid, 2 sequences, 12 masks" in done.stdout
    assert "takes <sequence>/<frame>.png, palette PNGs" in done.stdout
    assert "server: https://codalab.lisn.upsaclay.fr/competitions/10703" in done.stdout
    good = command("data", "check", "new.zip", "--root", "data", "--json")
    assert good.returncode == 0, good.stderr
    report = json.loads(good.stdout)
    assert (report["ok"], report["for"], report["masks"]) == (True, "mosev1", 12)
    other = rezip(archive, {"a/00001.png": None})
    asks = command("data", "check", other.name, "--root", "data")
    assert "`vosbench pack` did not write it; give --for NAME" in asks.stderr
    bad = command("data", "check", other.name, "--root", "data", "--for", "mosev1")
    assert bad.returncode == 1
    assert "other-x.zip: a: 1 of 6 masks are missing: 00001.png" in bad.stdout
    (masks / "a/00001.png").unlink()
    no = command("pack", "masks", "--for", "mosev1", "--root", "data", "--out", "no.zip")
    assert no.returncode == 1
    assert (
        "not packed, no.zip was not written:\nerror: masks/a: 1 of 6 masks are missing" in no.stderr
    )
    assert not (masks.parent / "no.zip").exists()
    wrong = command("data", "check", "mosev1", "--for", "mosev1", "--root", "data")
    assert "--for and --dataset are for a .zip of masks, and mosev1 is none" in wrong.stderr


def test_a_comment_that_is_nested_too_deeply_is_that_of_others(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.comment = b"[" * 60_000
    assert packed_for(tmp_path / "x.zip") == {}
