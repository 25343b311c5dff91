"""Masks and truth on disk to scores: protocols, faults, files; held against other scorers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from reference import boundary as slow_boundary
from reference import region as slow_region
from reference import statistics as slow_statistics

from vosbench.errors import DataError, TruthWithheldError, UsageError
from vosbench.masks import write_mask
from vosbench.protocols import DAVIS2016, DAVIS2017, PROMPTED, UNITED
from vosbench.results import load_summary
from vosbench.scoring.evaluation import Evaluation, score_masks
from vosbench.scoring.summarise import Score
from vosbench.types import DatasetCard, Mask, ScoringProtocol, Sequence

GROUPS = replace(PROMPTED, name="groups", average="groups")
SEQUENCES = replace(PROMPTED, name="sequences", average="sequences")


@dataclass
class Tree:
    """A dataset of the given truths; prompts are the first annotation unless given."""

    truths: Mapping[str, Mapping[int, Mask]]
    prompts: Mapping[str, Mapping[int, Mask]]
    groups: Mapping[str, str]
    split: str = "val"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.truths)

    @property
    def card(self) -> DatasetCard:
        return DatasetCard(
            name="tree", title="", url="", licence="", citation="", folder="", splits={},
            protocols=(DAVIS2017, DAVIS2016, PROMPTED, UNITED),
        )  # fmt: skip

    def sequence(self, name: str) -> Sequence:
        truth = self.truths[name]
        first = min(truth, default=0)
        return Sequence(
            name=name,
            frames=[],
            frame_names=tuple(f"{i:05d}" for i in range(max(truth, default=0) + 1)),
            prompts=self.prompts.get(name) or {i: truth[i] for i in truth if i == first},
            truth=truth,
            group=self.groups.get(name, ""),
        )


def tree(truths, *, prompts=None, groups=None) -> Tree:
    as_truth = {
        name: value if isinstance(value, dict) else dict(enumerate(value))
        for name, value in truths.items()
    }
    return Tree(as_truth, prompts or {}, groups or {})


def square(
    left: int, number: int = 1, *, top: int = 5, side: int = 8, on: Mask | None = None
) -> Mask:
    mask = np.zeros((24, 32), np.uint8) if on is None else on.copy()
    mask[top : top + side, left : left + side] = number
    return mask


def moving(n: int, number: int = 1) -> list[Mask]:
    return [square(2 + i, number) for i in range(n)]


def write(root: Path, masks: Mapping[str, Mapping[int, Mask] | list[Mask]]) -> Path:
    for name, frames in masks.items():
        (root / name).mkdir(parents=True)
        for index, mask in frames.items() if isinstance(frames, dict) else enumerate(frames):
            write_mask(root / name / f"{index:05d}.png", mask)
    return root


def score(
    tmp_path: Path, dataset: Tree, masks, protocol: ScoringProtocol = DAVIS2017, **options
) -> Evaluation:
    return score_masks(dataset, write(tmp_path / "masks", masks), protocol=protocol, **options)


def fails(tmp_path: Path, dataset: Tree, masks, protocol: ScoringProtocol = DAVIS2017) -> DataError:
    with pytest.raises(DataError) as caught:
        score(tmp_path, dataset, masks, protocol)
    return caught.value


def random_masks(seed: int, n: int, objects: int) -> list[Mask]:
    """Overlapping rectangles, every object in the first frame."""
    generator = np.random.default_rng(seed)
    masks = []
    for _ in range(n):
        mask = np.zeros((48, 64), np.uint8)
        for number in range(1, objects + 1):
            top, left = generator.integers(0, 36), generator.integers(0, 50)
            mask[top : top + 12, left : left + 14] = number
        for number in range(1, objects + 1):
            mask[number, 2 * number] = number  # never wholly hidden
        masks.append(mask)
    return masks


def test_scores_equal_the_slow_definitions(tmp_path):
    truth, masks = random_masks(1, 9, 3), random_masks(2, 9, 3)
    result = score(tmp_path, tree({"a": truth}), {"a": masks})
    assert [row.frame for row in result.rows[:7]] == [f"{i:05d}" for i in range(1, 8)]
    assert {type(value) for row in result.rows for value in row} == {str, int, float}
    for row in result.rows:
        pair = [m[int(row.frame)] == row.object for m in (masks, truth)]
        assert pytest.approx(slow_region.region_similarity(*pair), abs=1e-12) == row.J
        assert pytest.approx(slow_boundary.boundary_f(*pair), abs=1e-12) == row.F
    assert [entry["object"] for entry in result.summary["objects"]] == [1, 2, 3]
    for entry in result.summary["objects"]:
        values = [row.F for row in result.rows if row.object == entry["object"]]
        expected = slow_statistics.over_frames(values)
        assert list(entry["F"].values()) == pytest.approx(expected, abs=1e-12)


def test_equals_vos_benchmark(tmp_path):
    evaluator = pytest.importorskip("vos_benchmark.evaluator", reason="needs vos-benchmark")
    truths = {f"s{i}": random_masks(i, 8, 1 + i) for i in range(3)}
    masks = {f"s{i}": random_masks(10 + i, 8, 1 + i) for i in range(3)}
    summary = score(tmp_path, tree(truths), masks).summary
    totals = []
    for name, truth in truths.items():
        other = evaluator.Evaluator()
        for prediction, annotation in list(zip(masks[name], truth, strict=True))[1:-1]:
            other.feed_frame(prediction, annotation)
        j, f = other.conclude()
        for entry in summary["objects"]:
            if entry["sequence"] == name:
                assert entry["J"]["mean"] == pytest.approx(j[entry["object"]] / 100, abs=1e-12)
                assert entry["F"]["mean"] == pytest.approx(f[entry["object"]] / 100, abs=1e-12)
        totals += [(j[i] + f[i]) / 200 for i in j]
    assert summary["J&F"] == pytest.approx(np.mean(totals), abs=1e-12)


@pytest.mark.parametrize(
    ("protocol", "frames"),
    [(DAVIS2017, [1, 2, 3]), (DAVIS2016, [1, 2, 3]), (PROMPTED, [1, 2, 3, 4]),
     (UNITED, [1, 2, 3, 4]), (replace(UNITED, drop_first=False), [0, 1, 2, 3, 4])],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_which_frames_are_scored(tmp_path, protocol, frames):
    result = score(tmp_path, tree({"a": moving(5)}), {"a": moving(5)}, protocol)
    assert [int(row.frame) for row in result.rows] == frames
    assert result.summary["J&F"] == 1.0


@pytest.mark.parametrize("base", [DAVIS2017, PROMPTED, UNITED], ids=lambda value: value.name)
def test_the_first_frame_has_its_own_score_where_a_protocol_keeps_it(tmp_path, base):
    wrong = [square(20), *moving(5)[1:]]
    protocol = replace(base, drop_first=False, frames="all")
    result = score(tmp_path, tree({"a": moving(5)}), {"a": wrong}, protocol)
    assert [row.J for row in result.rows][:2] == [0.0, 1.0]


def test_only_annotated_frames_need_a_mask_and_others_are_ignored(tmp_path):
    truth = {0: square(2), 10: square(4), 20: square(6)}
    result = score(tmp_path, tree({"a": truth}), {"a": {10: square(4), 11: square(0)}})
    assert [row.frame for row in result.rows] == ["00010"]


def test_a_missing_object_scores_as_empty_and_truth_255_is_background(tmp_path):
    both = [square(20, 2, on=mask) for mask in moving(4)]
    void = [square(12, 255, top=16, on=mask) for mask in both]
    summary = score(tmp_path, tree({"a": void}), {"a": moving(4)}).summary
    assert [entry["J"]["mean"] for entry in summary["objects"]] == [1.0, 0.0]
    assert summary["J"]["mean"] == 0.5


def test_numbered_refuses_gaps_that_the_official_tool_scores_as_one(tmp_path):
    gap = [square(20, 5, on=mask) for mask in moving(4)]
    error = str(fails(tmp_path, tree({"a": gap}), {"a": gap}))
    assert "a, annotation 00000 has the ids [1, 5], but protocol davis2017" in error
    assert "[2, 3, 4] as objects too and give them 1.0" in error
    assert "--protocol prompted" in error


def test_prompted_scores_each_object_after_its_own_prompt(tmp_path):
    one = moving(6)
    both = [mask if i < 3 else square(20, 7, on=mask) for i, mask in enumerate(one)]
    prompts = {"a": {0: one[0], 3: square(20, 7)}}
    summary = score(tmp_path, tree({"a": both}, prompts=prompts), {"a": both}, PROMPTED).summary
    assert [(e["object"], e["frames"]) for e in summary["objects"]] == [(1, 5), (7, 2)]
    assert summary["sequences"][0]["frames"] == 5
    assert summary["sequences"][0]["objects"] == 2


def test_united_takes_any_id_for_the_object(tmp_path):
    truth = [square(20, 255, on=square(2, 255)) for _ in range(4)]
    masks = [square(20, 2, on=square(2, 1)) for _ in range(4)]
    result = score(tmp_path, tree({"a": truth}), {"a": masks}, DAVIS2016)
    assert {row.object for row in result.rows} == {1}
    assert result.summary["J&F"] == 1.0


def test_averages_over_objects_sequences_or_groups(tmp_path):
    right, wrong, two = moving(4), [square(22)] * 4, [square(20, 2, on=m) for m in moving(4)]
    dataset = tree({"a": two, "b": right, "c": right}, groups={"a": "x", "b": "x", "c": "y"})
    masks = {"a": two, "b": right, "c": wrong}
    over = {
        protocol.average: score(tmp_path / protocol.name, dataset, masks, protocol).summary
        for protocol in (PROMPTED, SEQUENCES, GROUPS)
    }
    assert over["objects"]["J"]["mean"] == pytest.approx(3 / 4)
    assert over["sequences"]["J"]["mean"] == pytest.approx(2 / 3)
    assert over["groups"]["J"]["mean"] == pytest.approx(1 / 2)
    assert [(g["group"], g["sequences"]) for g in over["groups"]["groups"]] == [("x", 2), ("y", 1)]
    assert "groups" not in over["objects"]
    assert [entry["group"] for entry in over["objects"]["objects"]] == ["x", "x", "x", "y"]


def test_copy_first_is_the_prompts_held_still(tmp_path):
    one = moving(6)
    truth = [mask if i < 3 else square(20, 2, on=mask) for i, mask in enumerate(one)]
    prompts = {"a": {0: one[0], 3: square(20, 2)}}
    dataset = tree({"a": truth}, prompts=prompts)
    still = [one[0] if i < 3 else square(20, 2, on=one[0]) for i in range(6)]
    first = score(tmp_path / "1", dataset, {"a": still}, PROMPTED, baseline=True).summary
    other = score(tmp_path / "2", dataset, {"a": truth}, PROMPTED, baseline=True).summary
    assert {key: first[key] for key in ("J", "F", "J&F")} == first["copy_first"]
    assert other["copy_first"] == first["copy_first"]
    assert 0 < other["copy_first"]["J&F"] < other["J&F"] == 1.0
    assert score(tmp_path / "3", dataset, {"a": truth}, PROMPTED).summary["copy_first"] is None


def test_a_choice_of_sequences_and_progress(tmp_path):
    dataset = tree({"a": moving(4), "b": moving(4), "c": moving(4)})
    seen: list[str] = []
    masks = {"a": moving(4), "c": moving(4)}
    result = score(tmp_path, dataset, masks, sequences=("c", "a"), progress=seen.append)
    assert seen == ["a", "c"]
    assert result.summary["dataset"]["sequences"] == 2
    assert result.summary["dataset"]["card_sequences"] == 3
    assert [row.sequence for row in result.rows] == ["a", "a", "c", "c"]
    with pytest.raises(UsageError, match=r"unknown sequence 'aa'; did you mean 'a'\?"):
        score_masks(dataset, tmp_path, protocol=DAVIS2017, sequences=("aa",))


def test_a_baseline_needs_a_prompt(tmp_path):
    dataset = tree({"a": moving(4)})
    dataset.sequence = lambda name: replace(Tree.sequence(dataset, name), prompts={})
    result = score(tmp_path, dataset, {"a": moving(4)}, baseline=True)
    assert result.summary["copy_first"] is None
    assert result.summary["J&F"] == 1.0


def test_sequences_without_a_frame_to_score_are_left_out_and_named(tmp_path):
    dataset = tree({"a": moving(4), "short": moving(2), "empty": [square(0, 0)] * 4})
    summary = score(tmp_path, dataset, {"a": moving(4)}).summary
    assert summary["unscored"] == ["short", "empty"]
    assert [entry["sequence"] for entry in summary["sequences"]] == ["a"]
    assert summary["J&F"] == 1.0


def test_withheld_truth_is_said(tmp_path):
    for name, truth in {"none": {}, "prompt only": {0: square(2)}}.items():
        with pytest.raises(TruthWithheldError, match=r"tree \(val\) has no truth"):
            score(tmp_path / name, tree({"a": truth}), {"a": moving(3)})


def test_every_missing_file_and_folder_is_listed_before_reading(tmp_path):
    dataset = tree({name: moving(5) for name in "abcd"})
    masks = {
        "a": {1: square(3), 3: square(9)},
        "c": {i + 100: m for i, m in enumerate(moving(5))},
        "d": {},
    }
    faults = fails(tmp_path, dataset, masks).faults
    assert len(faults) == 4
    assert faults[0].startswith("1 of 3 masks are missing in ")
    assert faults[0].endswith("masks/a: 00002.png")
    assert "masks/b is missing: expected a folder of masks for b" in faults[1]
    assert "none of the 3 masks 00001.png to 00003.png but 5 others, such as 00100.png" in faults[2]
    assert "masks/d is empty; masks must be lossless PNG" in faults[3]


def test_a_missing_mask_folder_is_said(tmp_path):
    with pytest.raises(DataError, match="nowhere is not a folder; expected masks as"):
        score_masks(tree({"a": moving(3)}), tmp_path / "nowhere", protocol=DAVIS2017)


def test_every_unfit_file_is_listed(tmp_path):
    wrong = moving(6)
    wrong[1] = wrong[1][:20]
    wrong[2] = square(5, 3)
    masks = write(tmp_path / "masks", {"a": wrong, "b": moving(6)})
    (masks / "b" / "00004.png").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        score_masks(tree({"a": moving(6), "b": moving(6)}), masks, protocol=DAVIS2017)
    faults = caught.value.faults
    assert len(faults) == 3
    assert "a/00001.png is 20x32 but its annotation is 24x32" in faults[0]
    assert (
        "a/00002.png has the ids [3], but protocol davis2017 scores only the objects [1]"
        in (faults[1])
    )
    assert "b/00004.png is not a picture: it is empty" in faults[2]


@pytest.mark.parametrize("protocol", [DAVIS2017, PROMPTED], ids=lambda p: p.name)
def test_one_object_as_255_is_told_how_to_go_on(tmp_path, protocol):
    error = str(fails(tmp_path, tree({"a": moving(3)}), {"a": moving(3, 255)}, protocol))
    assert "00001.png has the values 0 and 255" in error
    assert "write 1 instead of 255, or use --protocol united" in error


def test_unknown_ids_are_found_between_known_ones(tmp_path):
    truth = [square(20, 5, on=mask) for mask in moving(3)]
    error = str(fails(tmp_path, tree({"a": truth}), {"a": moving(3, 3)}, PROMPTED))
    assert "has the ids [3], but protocol prompted scores only the objects [1, 5] of a" in error


@pytest.mark.parametrize("which", ["mask", "annotation"])
def test_a_soft_map_is_to_be_thresholded(tmp_path, which):
    soft = [np.arange(24 * 32).reshape(24, 32).astype(np.uint8)] * 3
    truth, masks = (moving(3), soft) if which == "mask" else (soft, moving(3))
    error = str(fails(tmp_path, tree({"a": truth}), {"a": masks}, DAVIS2016))
    assert f"{which} " in error
    assert "has 255 different grey values: it looks like a soft map; threshold it" in error


def test_what_is_written_reads_back_and_is_the_same_each_time(tmp_path):
    dataset = tree({"a, b": random_masks(1, 6, 2)})
    result = score(tmp_path, dataset, {"a, b": random_masks(2, 6, 2)}, baseline=True)
    result.write(tmp_path / "out")
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    result.write(tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first
    assert set(first) == {"scores.csv", "summary.json"}
    lines = list(csv.reader(first["scores.csv"].decode().splitlines()))
    assert lines[0] == ["sequence", "object", "frame", "J", "F"]
    assert [Score(s, int(o), n, float(j), float(f)) for s, o, n, j, f in lines[1:]] == list(
        result.rows
    )
    assert load_summary(tmp_path / "out") == result.summary
    assert json.loads(first["summary.json"])["protocol"]["name"] == "davis2017"


def test_each_file_is_read_once(tmp_path, monkeypatch):
    masks = write(tmp_path / "masks", {"a": moving(5)})
    read: list[Path] = []
    original = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or original(path))
    score_masks(tree({"a": moving(5)}), masks, protocol=DAVIS2017, baseline=True)
    assert [path.name for path in read] == ["00001.png", "00002.png", "00003.png", "00004.png"]


def test_what_lies_beside_the_masks_is_told_in_a_few_lines(tmp_path):
    names = [f"s{number}" for number in range(8)]
    masks = write(tmp_path / "masks", {name: moving(5) for name in names})
    for name in names:
        (masks / name / "00001.jpg").touch()
    (masks / "s0" / "00009.png").symlink_to("gone")
    result = score_masks(tree({name: moving(5) for name in names}), masks, protocol=DAVIS2017)
    first, second, third, *_, last = result.summary["notes"]
    assert first.endswith(
        "s0: 1 mask belongs to no frame: 00009.png; frames are named 00000 to 00004"
    )
    assert second.endswith("s0 also holds 1 .jpg file: not read")
    assert third.endswith("00009.png is a link to gone, which is not there")
    assert last == "and so in more sequences, such as s3: 5 in all"
    assert len(result.summary["notes"]) == 6


def test_the_truths_checksum_does_not_ask_which_masks_are_there(tmp_path):
    """Else runs on the same truth would count as runs on another."""
    dataset = tree({"a": moving(6)})
    whole = score(tmp_path / "x", dataset, {"a": moving(6)})
    without_last = score(tmp_path / "y", dataset, {"a": moving(6)[:5]})
    damaged = write(tmp_path / "z" / "masks", {"a": moving(6)})
    (damaged / "a" / "00005.png").write_bytes(b"")
    third = score_masks(dataset, damaged, protocol=DAVIS2017)
    sums = {each.summary["dataset"]["truth_crc32"] for each in (whole, without_last, third)}
    assert len(sums) == 1
