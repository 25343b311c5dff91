"""Kind 9: flow that cannot be one, and frames before a prompt, are told of, once a cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Vosbench, make_folder_dataset
from fixtures_flow import write_flo

from vosbench import api
from vosbench.errors import IncompleteRunError
from vosbench.results import Result

H, W = 32, 48


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folder_dataset(tmp_path / "data", {"ant": 5, "bee": 4})


def flows(root: Path, folder: Path, bad: dict[tuple[str, int], float]) -> dict[str, str]:
    """Flow files that follow the squares of the dataset; `bad`: what some hold in four pixels."""
    for name in ("ant", "bee"):
        (folder / name).mkdir(parents=True)
        for index in range(1, len(list((root / "images" / name).iterdir()))):
            field = np.zeros((H, W, 2), np.float32)
            field[..., 0] = -1
            if (name, index) in bad:
                field[4:6, 8:10, index % 2] = bad[name, index]
            write_flo(folder / name / f"{index:05d}.flo", field)
    return {"flow": "file", "folder": str(folder)}


def run(root: Path, options: dict[str, str] | None = None, method: str = "optical-flow") -> Result:
    return api.run(method, "folder", root=root, options=options, out=root.parent / "runs")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e10, 1666.7, -49])
def test_flow_that_cannot_be_one_is_told(value: float, root: Path) -> None:
    options = flows(root, root.parent / "flow", {("ant", 2): value, ("ant", 3): value})
    made = run(root, options)
    said = (
        "ant: in 2 frames, first in 00002, the flow is not finite or longer than the frame is, at "
        "8 of 3072 pixels: they become background"
    )
    assert made.manifest is not None
    assert made.manifest["remarks"] == [said]
    assert said in api.compare([made]).tables[0].to_text().replace("\n  ", " ")


@pytest.mark.parametrize("value", [0, 47.9, -48])
def test_flow_that_can_be_one_is_not_told(value: float, root: Path) -> None:
    made = run(root, flows(root, root.parent / "flow", {("ant", 2): value}))
    assert made.manifest is not None
    assert made.manifest["remarks"] == []


@pytest.mark.parametrize("mode", ["chained", "direct"])
def test_flow_of_estimators_is_not_told(mode: str, root: Path) -> None:
    made = run(root, {"mode": mode})
    assert made.manifest is not None
    assert made.manifest["remarks"] == []


def test_one_line_where_several_sequences_have_the_cause(root: Path) -> None:
    made = run(root, flows(root, root.parent / "flow", {("ant", 1): 1e9, ("bee", 2): np.nan}))
    assert made.manifest is not None
    (said,) = made.manifest["remarks"]
    assert said.startswith("ant: in 1 frames, first in 00001")
    assert said.endswith("(and so in 1 more, such as bee)")


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((32, 56), "padded the frames to multiples of 8: cut the flow back"),
        ((64, 64), "padded the frames to multiples of 8: cut the flow back"),
        ((40, 48), "padded the frames to multiples of 8: cut the flow back"),
        ((30, 48), "compute the flow at the size of the frames"),
        ((16, 24), "compute the flow at the size of the frames"),
        ((33, 49), "compute the flow at the size of the frames"),
        ((320, 480), "compute the flow at the size of the frames"),
    ],
)
def test_flow_of_another_size_is_told(size: tuple[int, int], words: str, root: Path) -> None:
    options = flows(root, root.parent / "flow", {})
    write_flo(root.parent / "flow" / "ant" / "00002.flo", np.zeros((*size, 2), np.float32))
    with pytest.raises(
        IncompleteRunError, match=rf"00002\.flo is .* its frame is 32x48; .*{words}"
    ):
        run(root, options)


def keep(root: Path, name: str, *frames: int) -> None:
    """Leave only the masks of these frames."""
    for path in (root / "masks" / name).iterdir():
        if int(path.stem) not in frames:
            path.unlink()


@pytest.mark.parametrize("method", ["optical-flow", "copy-first"])
@pytest.mark.parametrize("first", [1, 3])
def test_frames_before_the_first_prompt_are_told(method: str, first: int, root: Path) -> None:
    keep(root, "ant", first, 4)
    made = run(root, method=method)
    assert made.manifest is not None
    assert made.manifest["remarks"] == [
        f"ant: the first prompt is on frame {first:05d}; the {first} before it are background"
    ]


def test_masks_before_a_prompt_are_no_background(root: Path) -> None:
    """Another tool may go back from the prompt."""
    results = root.parent / "results"
    (root / "masks").rename(results)
    make_folder_dataset(root.parent / "again", {"ant": 5, "bee": 4})
    (root.parent / "again" / "masks").rename(root / "masks")
    keep(root, "ant", 3, 4)
    made = run(root, {"folder": str(results)}, "precomputed")
    assert made.manifest is not None
    assert made.manifest["remarks"] == []


def test_the_command_says_it_where_nothing_is_scored(root: Path, command: Vosbench) -> None:
    for name in ("ant", "bee"):
        keep(root, name, 2)
    ran = command("run", "--method", "copy-first", "--dataset", "folder", "--root", root)
    assert ran.returncode == 0
    assert ran.stderr.count("note: ") == 1
    assert "note: ant: the first prompt is on frame 00002; the 2 before it" in ran.stderr
    assert "(and so in 1 more, such as bee)" in ran.stderr
