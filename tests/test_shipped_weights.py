"""The shipped weights give, on two real sequences, the J that their cards tell."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from vosbench.metrics.region import region_similarity
from vosbench.resolve import build_method, open_dataset
from vosbench.toolbox.methods import weights

SEQUENCES = ("car-shadow", "scooter-black")  # the shortest, as this takes most of the suite's time
SHIPPED = sorted(weights.FOLDER.rglob("*.safetensors"))  # of every release
DATA = Path(os.environ.get("VOSBENCH_DATA", "")) / "DAVIS-2016"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", SHIPPED, ids=[str(path.relative_to(weights.FOLDER)) for path in SHIPPED]
)
@pytest.mark.skipif(
    not (os.environ.get("VOSBENCH_DATA") and DATA.is_dir()),
    reason="VOSBENCH_DATA with DAVIS-2016/ is not set",
)
def test_the_card_tells_the_truth(path: Path) -> None:
    card = weights.card_of(path)
    options = {**card["all_options"], "weights": path}
    method = build_method(card["method"], options, device="cpu", seed=0)
    dataset = open_dataset("davis2016", root=DATA)
    for sequence_name in SEQUENCES:
        sequence = dataset.sequence(sequence_name)
        scores = []
        masks = method.segment(iter(sequence.frames), sequence.prompts)
        for index, mask in enumerate(masks):
            if 0 < index < len(sequence.frames) - 1:
                scores.append(region_similarity(mask > 0, sequence.truth[index] > 0))
        told = card["scores"]["davis2016"]["per_sequence"][sequence_name]["J"]
        assert np.mean(scores) == pytest.approx(told, abs=0.005), sequence_name


def test_every_method_that_learns_finds_weights_of_its_own() -> None:
    assert {"colour-reconstruction", "rpmnet-deformable", "rpmnet-correlation"} <= {
        *weights.names()
    }
