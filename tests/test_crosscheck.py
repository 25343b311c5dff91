"""Installed scorers agree with us; what cannot be compared is said. davis2017 by a stand-in."""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reference import boundary as slow_boundary
from reference import region as slow_region
from test_evaluate import moving, random_masks, square, tree, write

from vosbench import registry
from vosbench.errors import UsageError, VosbenchError
from vosbench.protocols import DAVIS2016, DAVIS2017, PROMPTED, UNITED
from vosbench.scoring import crosscheck
from vosbench.scoring.crosscheck import cross_check
from vosbench.scoring.evaluate import evaluate

DATA = Path(os.environ.get("VOSBENCH_DATA", "/nonexistent"))


@pytest.fixture(params=["vos-benchmark", "trackeval", "davis2017"])
def scorer(request, monkeypatch):
    if request.param == "davis2017" and importlib.util.find_spec("davis2017") is None:
        stand_in(monkeypatch)
    module = crosscheck.SCORERS[request.param][0]
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"needs {module}")
    return request.param


def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A davis2017 that reads the layout and gives the table that the official one does."""

    class DAVISEvaluation:
        def __init__(self, davis_root, task, gt_set):
            assert task == "semi-supervised"
            self.root = Path(davis_root)
            self.names = (self.root / f"ImageSets/2017/{gt_set}.txt").read_text().split()

        def evaluate(self, res_path):
            result = {"J": {"M_per_object": {}}, "F": {"M_per_object": {}}}
            for name in self.names:
                assert list((self.root / "JPEGImages/480p" / name).glob("*.jpg"))
                files = sorted((self.root / "Annotations/480p" / name).glob("*.png"))
                truth = [np.array(Image.open(path)) for path in files][1:-1]
                objects = np.array(Image.open(files[0])).max()
                masks = [np.array(Image.open(Path(res_path) / name / p.name)) for p in files[1:-1]]
                if max(mask.max() for mask in masks) != objects:
                    sys.exit()
                pairs = [(m == 1, t == 1) for m, t in zip(masks, truth, strict=True)]
                j = np.mean([slow_region.region_similarity(*pair) for pair in pairs])
                f = np.mean([slow_boundary.boundary_f(*pair) for pair in pairs])
                result["J"]["M_per_object"][f"{name}_1"] = j
                result["F"]["M_per_object"][f"{name}_1"] = f
            return result

    package, module = types.ModuleType("davis2017"), types.ModuleType("davis2017.evaluation")
    package.__spec__ = importlib.util.spec_from_loader("davis2017", None)
    module.DAVISEvaluation = DAVISEvaluation
    monkeypatch.setitem(sys.modules, "davis2017", package)
    monkeypatch.setitem(sys.modules, "davis2017.evaluation", module)


def check(tmp_path, dataset, masks, scorer, protocol):
    folder = write(tmp_path / "masks", masks)
    return cross_check(dataset, folder, scorer, evaluate(dataset, folder, protocol=protocol))


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
    ours = evaluate(dataset, folder, protocol=DAVIS2017)
    wrong = replace(ours, rows=tuple(row._replace(F=row.F - 0.25) for row in ours.rows))
    result = cross_check(dataset, folder, scorer, wrong)
    assert result.largest == pytest.approx(0.25)
    assert "in a, object 1: J +0, F -0.25" in str(result)


@pytest.mark.parametrize(
    ("name", "missing"),
    [("vos-benchmark", "truth"), ("trackeval", "truth"), ("davis2017", "masks")],
)
def test_objects_a_scorer_does_not_know_are_skipped_by_name(tmp_path, name, missing, monkeypatch):
    if importlib.util.find_spec("davis2017") is None:
        stand_in(monkeypatch)
    pytest.importorskip(crosscheck.SCORERS[name][0])
    gone = [moving(1)[0]] + [square(0, 0)] * 4
    truth, masks = (gone, moving(5)) if missing == "truth" else (moving(5), gone)
    result = check(tmp_path, tree({"a": truth}), {"a": masks}, name, DAVIS2017)
    assert result.rows == ()
    assert result.largest == 0.0
    assert "skipped: a, object 1: " in str(result)


def test_a_scorer_that_ends_the_program_is_an_error(tmp_path, monkeypatch):
    stand_in(monkeypatch)
    evaluation = sys.modules["davis2017.evaluation"].DAVISEvaluation
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: sys.exit(0))
    with pytest.raises(VosbenchError, match=r"davis2017 failed on a, object 1: SystemExit\(0\)"):
        check(tmp_path, tree({"a": moving(5)}), {"a": moving(5)}, "davis2017", DAVIS2017)


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
    ours = evaluate(dataset, masks, protocol=DAVIS2017, sequences=("libby",))
    result = cross_check(dataset, masks, name, ours)
    assert len(result.rows) == 1
    assert result.largest < 1e-12
