"""Installed scorers agree with us; what cannot be compared is said."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_evaluation import moving, random_masks, square, tree, write

from vosbench import registry
from vosbench.errors import UsageError, VosbenchError
from vosbench.protocols import DAVIS2016, DAVIS2017, DAVIS2017_UNSUPERVISED, PROMPTED, UNITED
from vosbench.scoring import crosscheck
from vosbench.scoring.crosscheck import cross_check
from vosbench.scoring.evaluation import score_masks
from vosbench.toolbox.datasets.layout import without_void

DATA = Path(os.environ.get("VOSBENCH_DATA", "/nonexistent"))


@pytest.fixture(params=["vos-benchmark", "trackeval", "davis2017"])
def scorer(request):
    module = crosscheck.SCORERS[request.param][0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}")
    return request.param


def check(tmp_path, dataset, masks, scorer, protocol):
    folder = write(tmp_path / "masks", masks)
    return cross_check(dataset, folder, scorer, score_masks(dataset, folder, protocol=protocol))


@pytest.mark.parametrize("protocol", [DAVIS2017, DAVIS2016, PROMPTED, UNITED], ids=lambda p: p.name)
def test_scorers_agree(tmp_path, scorer, protocol):
    truths = {"a": random_masks(1, 6, 1), "b": random_masks(2, 7, 3)}
    masks = {"a": random_masks(3, 6, 1), "b": random_masks(4, 7, 3)}
    result = check(tmp_path, tree(truths), masks, scorer, protocol)
    objects = [("a", 1), ("b", 1), ("b", 2), ("b", 3)]
    united = protocol.objects == "united"
    assert [(r.sequence, r.object) for r in result.rows] == (objects[:2] if united else objects)
    assert result.largest < 1e-12
    assert not result.skipped
    assert f"{scorer}: {len(result.rows)} objects, largest difference" in str(result)


def test_known_differences_are_not_taken_for_ours(tmp_path, scorer):
    """Truth 255, ids {1, 5}, swapped ids, a later prompt, an object that comes late."""
    one = moving(6)
    truth = [
        square(10, 255, top=16, on=mask if i < 3 else square(20, 5, on=mask))
        for i, mask in enumerate(one)
    ]
    swapped = [np.select([m == 1, m == 5], [5, 1]).astype(np.uint8) for m in truth]
    dataset = tree({"a": truth}, prompts={"a": {0: one[0], 2: square(20, 5)}})
    result = check(tmp_path, dataset, {"a": swapped}, scorer, PROMPTED)
    assert [row.object for row in result.rows] == [1, 5]
    assert result.largest < 1e-12


def test_a_difference_is_found(tmp_path, scorer):
    dataset = tree({"a": moving(5)})
    folder = write(tmp_path / "masks", {"a": [square(4 + i) for i in range(5)]})
    ours = score_masks(dataset, folder, protocol=DAVIS2017)
    wrong = replace(ours, rows=tuple(row._replace(F=row.F - 0.25) for row in ours.rows))
    result = cross_check(dataset, folder, scorer, wrong)
    assert result.largest == pytest.approx(0.25)
    assert "in a, object 1: J +0, F -0.25" in str(result)


GONE = [moving(1)[0]] + [square(0, 0)] * 4  # the prompt, then nothing


def test_an_object_in_no_mask_is_compared_as_well(tmp_path, scorer):
    result = check(tmp_path, tree({"a": moving(5)}), {"a": GONE}, scorer, DAVIS2017)
    assert [(row.J, row.F) for row in result.rows] == [(0.0, 0.0)]
    assert not result.skipped


@pytest.mark.parametrize(
    ("name", "called"), [("vos-benchmark", "vos-benchmark"), ("trackeval", "TrackEval")]
)
def test_objects_a_scorer_does_not_score_are_skipped_by_name(tmp_path, name, called):
    pytest.importorskip(crosscheck.SCORERS[name][0])
    result = check(tmp_path, tree({"a": GONE}), {"a": moving(5)}, name, DAVIS2017)
    assert result.rows == ()
    assert result.largest == 0.0
    said = f"skipped: a, object 1: {called} does not score an object that is in no annotation"
    assert said in str(result)


def test_davis2017_compares_an_object_that_is_in_no_annotation(tmp_path):
    pytest.importorskip("davis2017")
    result = check(tmp_path, tree({"a": GONE}), {"a": moving(5)}, "davis2017", DAVIS2017)
    assert [(row.J, row.F) for row in result.rows] == [(0.0, 0.0)]


def test_a_scorer_that_ends_the_program_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(crosscheck.SCORERS, "ends", ("numpy", "", lambda *_: sys.exit(0)))
    with pytest.raises(VosbenchError, match=r"ends failed on a, object 1: SystemExit\(0\)"):
        check(tmp_path, tree({"a": moving(5)}), {"a": moving(5)}, "ends", DAVIS2017)


def test_a_scorer_that_is_not_there_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(crosscheck, "find_spec", lambda name: None)
    for name, word in (("davis2017", "not on PyPI; pip install git"), ("trackeval", "pip install")):
        with pytest.raises(UsageError, match=f"--cross-check {name} needs the package.*{word}"):
            cross_check(tree({}), tmp_path, name, None)
    with pytest.raises(UsageError, match=r"unknown scorer 'vosbenchmark'; did you mean 'vos-bench"):
        cross_check(tree({}), tmp_path, "vosbenchmark", None)


@pytest.mark.skipif(not (DATA / "official-results").is_dir(), reason="needs VOSBENCH_DATA")
@pytest.mark.parametrize("name", ["vos-benchmark", "trackeval"])
def test_real_masks(name):
    pytest.importorskip(crosscheck.SCORERS[name][0])
    plugin = registry.load("datasets", "davis2017")
    dataset = plugin.load(DATA / "DAVIS-2017", split="val", resolution="480p")
    masks = DATA / "official-results/davis2017-val/stm"
    ours = score_masks(dataset, masks, protocol=DAVIS2017, sequences=("libby",))
    result = cross_check(dataset, masks, name, ours)
    assert len(result.rows) == 1
    assert result.largest < 1e-12


def test_proposals_are_compared_with_the_objects_that_they_got(tmp_path, scorer):
    """Proposals have ids of their own, one object may get none, and void is left out of both."""
    truth = [square(20, 2, on=square(2 + i)) for i in range(6)]
    truth = [square(14, 3, top=15, on=mask) for mask in truth]
    masks = [square(21, 1, on=square(2 + i, 2)) for i in range(6)]
    for mask in truth:
        mask[4:7, 3:9] = 255
    dataset = tree({"a": MappedArrays(dict(enumerate(truth)))})
    result = check(tmp_path, dataset, {"a": masks}, scorer, DAVIS2017_UNSUPERVISED)
    assert [row.object for row in result.rows] == [1, 2, 3]
    assert result.largest < 1e-12


class MappedArrays(dict):
    """Annotations with void, as `MappedFiles` gives them."""

    def raw(self, index):
        return super().__getitem__(index)

    def __getitem__(self, index):
        return without_void(self.raw(index))
