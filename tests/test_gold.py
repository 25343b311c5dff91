"""The values that each benchmark's own scorer gives, on drawn data in its own layout.

They come from a folder outside the project, whose README names scorer, commit and how they ran.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vosbench import api
from vosbench.errors import IncompleteScoresError

GOLD = Path(os.environ.get("VOSBENCH_DATA", "/nonexistent")) / "gold" / "seed1"
EXACT = 1e-9

pytestmark = pytest.mark.skipif(not GOLD.is_dir(), reason="needs VOSBENCH_DATA with gold/")


def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GOLD / "expected" / f"{name}.json").read_text())
    return found


def scored(
    masks: str | Path, dataset: str, root: str | Path, protocol: str = "", split: str = ""
) -> dict[str, Any]:
    try:
        result = api.evaluate(
            GOLD / masks, dataset, root=GOLD / root, protocol=protocol, split=split
        )
    except IncompleteScoresError as error:
        result = error.scored
    return result.summary


def by_object(summary: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{row['sequence']}/{row['object']}": row for row in summary["objects"]}


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, abs=EXACT)


MOSEV2 = {"J&Fdot": "J&Ḟ", "Fdot": "Ḟ", "J&Fdot_d": "J&Ḟ_d", "J&Fdot_r": "J&Ḟ_r"}


def holds_mosev2(summary: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    for key, ours in MOSEV2.items():
        assert summary["figures"][ours] == near(theirs["global"][key]), key
    for metric in "JF":
        assert summary[metric]["mean"] == near(theirs["global"][metric])
    assert summary["J&F"] == near(theirs["global"]["J&F"])
    objects = by_object(summary)
    assert objects.keys() == theirs["objects"].keys()
    for name, values in theirs["objects"].items():
        row = objects[name]
        assert row["J"]["mean"] == near(values["J"]), name
        assert row["F"]["mean"] == near(values["F"]), name
        for key, ours in {"Fdot": "Ḟ", "Jd": "J_d", "Fd": "Ḟ_d", "Jr": "J_r", "Fr": "Ḟ_r"}.items():
            assert row["figures"].get(ours) == near(values[key]), (name, key)


def test_mosev2() -> None:
    holds_mosev2(scored("mosev2/predictions", "mosev2", "mosev2"), expected("mosev2"))


def test_mosev2_without_the_masks_of_a_video(tmp_path: Path) -> None:
    masks = Path(shutil.copytree(GOLD / "mosev2" / "predictions", tmp_path / "masks"))
    shutil.rmtree(masks / "d3e4f5a6")
    summary = scored(masks, "mosev2", "mosev2")
    holds_mosev2(summary, expected("mosev2")["without_predictions_of_d3e4f5a6"])
    assert list(summary["failed"]) == ["d3e4f5a6"]


def test_mosev2_of_one_video_is_scored_and_not_zero(tmp_path: Path) -> None:
    """Its scorer descends into a folder that is alone and gives zeros."""
    shutil.copytree(GOLD / "mosev2/predictions/a1b2c3d4", tmp_path / "masks" / "a1b2c3d4")
    with pytest.raises(IncompleteScoresError) as caught:
        api.evaluate(tmp_path / "masks", "mosev2", root=GOLD / "mosev2")
    whole = by_object(scored("mosev2/predictions", "mosev2", "mosev2"))
    row = by_object(caught.value.scored.summary)["a1b2c3d4/1"]
    assert row == whole["a1b2c3d4/1"]
    assert row["J"]["mean"] > 0.8


def test_mosev2_takes_frames_from_the_truth_not_from_the_masks_names(tmp_path: Path) -> None:
    masks = Path(shutil.copytree(GOLD / "mosev2" / "predictions", tmp_path / "masks"))
    (masks / "a1b2c3d4" / "00005.png").unlink()
    with pytest.raises(IncompleteScoresError, match=r"1 of 12 masks are missing in .*a1b2c3d4"):
        api.evaluate(masks, "mosev2", root=GOLD / "mosev2")


def holds_lvos(summary: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    for key in ("J_seen", "J_unseen", "F_seen", "F_unseen", "V", "J&F"):
        assert summary["figures"][key] == near(theirs["global"][key]), key
    for metric in "JF":
        assert summary[metric]["mean"] == near(theirs["global"][metric])
    objects = by_object(summary)
    for name, values in theirs.get("objects", {}).items():
        assert objects[name]["J"]["mean"] == near(values["J"]), name
        assert objects[name]["F"]["mean"] == near(values["F"]), name
        assert objects[name]["figures"]["V"] == near(values["V"]), name


def lvos_tree(folder: Path, **files: str) -> Path:
    """The drawn LVOS with some of its own files replaced."""
    for part in (GOLD / "lvos").iterdir():
        if part.name not in files and part.name != "predictions":
            (folder / part.name).symlink_to(part)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_lvos() -> None:
    summary = scored("lvos/predictions", "lvos-v2", "lvos")
    holds_lvos(summary, expected("lvos"))
    assert len(summary["objects"]) == 10


def test_lvos_counts_frames_that_its_list_has_too_many_as_0(tmp_path: Path) -> None:
    slots = (GOLD / "lvos" / "valid_meta-slots.json").read_text()
    root = lvos_tree(tmp_path, **{"valid_meta.json": slots})
    holds_lvos(
        scored("lvos/predictions", "lvos-v2", root), expected("lvos")["with_valid_meta-slots"]
    )


def test_lvos_without_unseen_videos_is_undefined(tmp_path: Path) -> None:
    root = lvos_tree(tmp_path, **{"unseen_videos.txt": ""})
    summary = scored("lvos/predictions", "lvos-v2", root)
    holds_lvos(summary, expected("lvos")["with_an_empty_unseen_list"])
    assert summary["J"]["mean"] is None


def holds_sav(summary: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """Theirs in percent; an object of theirs is named like a folder, 001."""
    for metric in "JF":
        assert 100 * summary[metric]["mean"] == near(theirs["global"][metric])
    names = {
        f"{sequence}/{int(number)}": values
        for name, values in theirs["objects"].items()
        for sequence, number in [name.split("/")]
    }
    objects = by_object(summary)
    assert objects.keys() == names.keys()
    for name, values in names.items():
        for metric in "JF":
            assert 100 * objects[name][metric]["mean"] == near(values[metric]), name


def test_sav() -> None:
    holds_sav(scored("sav/predictions", "sav", "sav"), expected("sav")["sav_layout"])


def test_sav_from_label_maps_is_vos_benchmark() -> None:
    summary = scored("mosev1/predictions", "mosev1", "mosev1", protocol="sav")
    holds_sav(summary, expected("sav")["davis_layout_on_mosev1"])
    holds_sav(summary, expected("vos-benchmark")["mosev1"])
    summary = scored("mosev2/predictions", "mosev2", "mosev2", protocol="sav")
    holds_sav(summary, expected("vos-benchmark")["mosev2"])


def test_mosev1_agrees_on_the_objects_of_the_first_annotation() -> None:
    """Its server's program is not public; vos-benchmark scores the same frames of these objects."""
    objects = by_object(scored("mosev1/predictions", "mosev1", "mosev1", protocol="mosev1"))
    theirs = expected("vos-benchmark")["mosev1"]["objects"]
    both = objects.keys() & theirs.keys()
    assert len(both) == 6
    for name in both:
        for metric in "JF":
            assert 100 * objects[name][metric]["mean"] == near(theirs[name][metric]), name


def test_vost() -> None:
    summary, theirs = scored("vost/predictions", "vost", "vost"), expected("vost")
    for key in ("Mean", "Recall", "Decay"):
        assert summary["J"][key.lower()] == near(theirs["global"][f"J-{key}"])
    assert summary["figures"]["J_last"] == near(theirs["global"]["J_last-Mean"])
    objects = by_object(summary)
    assert objects.keys() == theirs["objects"].keys()
    for name, values in theirs["objects"].items():
        assert objects[name]["J"]["mean"] == near(values["J-Mean"]), name
        assert objects[name]["figures"]["J_last"] == near(values["J_last-Mean"]), name


def test_davis2017_semi_supervised() -> None:
    summary = scored("davis2017/predictions-semi", "davis2017", "davis2017")
    holds_davis(summary, expected("davis2017-semi"))


def holds_davis(summary: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    for metric in "JF":
        for key in ("Mean", "Recall", "Decay"):
            assert summary[metric][key.lower()] == near(theirs["global"][f"{metric}-{key}"])
    assert summary["J&F"] == near(theirs["global"]["J&F-Mean"])


def test_davis2017_unsupervised() -> None:
    summary = scored("davis2017/predictions-unsupervised", "davis2017-unsupervised", "davis2017")
    theirs = expected("davis2017-unsupervised")
    holds_davis(summary, theirs)
    rows = {
        f"{name.rsplit('_', 1)[0]}/{values['object']}": values
        for name, values in theirs["objects"].items()
    }
    objects = by_object(summary)
    assert objects.keys() == rows.keys()
    for name, values in rows.items():
        assert objects[name]["proposal"] == values["proposal"], name
        for metric in "JF":
            assert objects[name][metric]["mean"] == near(values[f"{metric}-Mean"]), name


def test_volumetric_as_we_read_it() -> None:
    theirs = expected("own-reading")["volumetric on mosev1"]
    summary = scored("mosev1/predictions", "mosev1", "mosev1", protocol="volumetric")
    for metric in "JF":
        assert summary[metric]["mean"] == near(theirs[metric])
    for name, values in theirs["objects"].items():
        for metric in "JF":
            assert by_object(summary)[name][metric]["mean"] == near(values[metric]), name


def test_youtube_vos_as_we_read_it(tmp_path: Path) -> None:
    theirs = expected("own-reading")["youtube-vos-local on ytvos"]
    summary = scored("ytvos/predictions", "youtube-vos-2019", "ytvos", "youtube-vos-local")
    objects = by_object(summary)
    for name, values in theirs["objects"].items():
        for metric in "JF":
            assert objects[name][metric]["mean"] == near(values[metric]), name
