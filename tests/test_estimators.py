"""Flow estimators against known motion, .flo files, and warps against a slow twin."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from fixtures_flow import write_flo

from methods.optical_flow import estimators
from methods.optical_flow.warp import decode, lay_maps, maps_of, warp
from vosbench.errors import DataError, UsageError

RNG = np.random.default_rng(0)


def texture(h: int, w: int) -> np.ndarray:
    """Smooth random colours that flow can hold on to."""
    import cv2

    noise = RNG.integers(0, 256, (h, w, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) * 255 / (high - low)).astype(np.uint8)


@pytest.mark.parametrize("make", [estimators.dis, estimators.farneback])
def test_a_known_shift_is_found_x_then_y(make) -> None:  # type: ignore[no-untyped-def]
    wide = texture(120, 160)
    later, earlier = wide[10:110, 10:150], wide[13:113, 5:145]  # later[y, x] = earlier[y-3, x+5]
    found = make()(later, earlier)
    assert found.shape == (100, 140, 2)
    assert found.dtype == np.float32
    assert np.abs(np.median(found[20:-20, 20:-20], axis=(0, 1)) - [5, -3]).max() < 0.1


@pytest.mark.parametrize("make", [estimators.dis, estimators.farneback])
def test_any_number_of_threads_gives_the_same_flow(make) -> None:  # type: ignore[no-untyped-def]
    import cv2

    a, b = texture(96, 128), texture(96, 128)
    before, found = cv2.getNumThreads(), []
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            found.append(make()(a, b))
            assert cv2.getNumThreads() == threads
    finally:
        cv2.setNumThreads(before)
    assert all((each == found[0]).all() for each in found)


@pytest.mark.parametrize("size", [(2, 3), (11, 60), (12, 40), (16, 300), (300, 16), (30, 91)])
def test_dis_survives_narrow_frames(size: tuple[int, int]) -> None:
    frame = texture(*size)
    assert estimators.dis()(frame, frame).shape == (*size, 2)


def test_flow_at_another_size_is_scaled_back() -> None:
    wide = texture(120, 160)
    later, earlier = wide[8:112, 8:152], wide[8:112, 0:144]
    found = estimators.at_size(estimators.dis(), 52)(later, earlier)
    assert found.shape == (104, 144, 2)
    assert np.abs(np.median(found[20:-20, 20:-20], axis=(0, 1)) - [8, 0]).max() < 0.5


def test_flo_files_keep_every_bit(tmp_path: Path) -> None:
    field = RNG.normal(size=(4, 6, 2)).astype(np.float32)
    write_flo(tmp_path / "a.flo", field)
    data = (tmp_path / "a.flo").read_bytes()
    assert data[:4] == b"PIEH"
    assert struct.unpack("<ii", data[4:12]) == (6, 4)
    assert struct.unpack("<ff", data[12:20]) == tuple(field[0, 0])
    assert (estimators.read_flo(tmp_path / "a.flo", h=4, w=6) == field).all()


def test_flo_faults_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.flo"
    with pytest.raises(DataError, match=r"a\.flo cannot be read: No such file"):
        estimators.read_flo(path, h=4, w=6)
    path.write_bytes(b"<html>no flow here")
    with pytest.raises(DataError, match=r"no \.flo file.*tag 202021\.25"):
        estimators.read_flo(path, h=4, w=6)
    write_flo(path, np.zeros((4, 6, 2), np.float32))
    with pytest.raises(DataError, match="is 4x6 but its frame is 6x4"):
        estimators.read_flo(path, h=6, w=4)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="has 203 bytes, expected 204: damaged"):
        estimators.read_flo(path, h=4, w=6)


def test_raft_runs_from_a_users_weights(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file
    from torchvision.models.optical_flow import raft_small

    torch.manual_seed(0)
    state = raft_small(weights=None).state_dict()
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "raft.safetensors")
    torch.save(state, tmp_path / "raft.pth")
    a, b = texture(100, 130), texture(100, 130)  # neither 128 px high nor a multiple of 8
    found = [
        estimators.raft(tmp_path / name, device="cpu")(a, b)
        for name in ("raft.pth", "raft.safetensors")
    ]
    assert found[0].shape == (100, 130, 2)
    assert found[0].dtype == np.float32
    assert (found[0] == found[1]).all()


def test_raft_says_which_weights_it_needs(tmp_path: Path) -> None:
    import torch

    with pytest.raises(UsageError, match=r"no weights are given; .*--set weights=FILE.*downloads"):
        estimators.raft(None, device="cpu")
    with pytest.raises(UsageError, match="is no file"):
        estimators.raft(tmp_path / "none.pth", device="cpu")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="neither raft_large nor raft_small"):
        estimators.raft(tmp_path / "other.pth", device="cpu")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(UsageError, match="is no state dict"):
        estimators.raft(tmp_path / "list.pth", device="cpu")


class Trap:
    """A pickle that would run code when loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("sprung"),)


def test_weights_that_carry_code_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    torch.save({"a": Trap()}, "trap.pth")
    with pytest.raises(UsageError, match=r"trap\.pth cannot be read"):
        estimators.raft(Path("trap.pth"), device="cpu")
    assert not Path("sprung").exists()


def slow_warp(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Bilinear sampling pixel by pixel, the image in a sea of zeros."""
    h, w = image.shape
    out = np.zeros((h, w))
    for y in range(h):
        for x in range(w):
            px, py = x + field[y, x, 0], y + field[y, x, 1]
            for cy in (int(np.floor(py)), int(np.floor(py)) + 1):
                for cx in (int(np.floor(px)), int(np.floor(px)) + 1):
                    if 0 <= cy < h and 0 <= cx < w:
                        out[y, x] += image[cy, cx] * (1 - abs(py - cy)) * (1 - abs(px - cx))
    return out


def test_warp_equals_its_slow_twin() -> None:
    image = RNG.random((9, 7)).astype(np.float32)
    field = (RNG.integers(-200, 200, (9, 7, 2)) / 32).astype(np.float32)  # OpenCV's own grid
    assert np.abs(warp(image, field) - slow_warp(image, field)).max() < 1e-6


def test_warp_reads_background_far_outside_and_where_flow_is_unknown() -> None:
    image = np.ones((3, 4), np.float32)
    field = np.zeros((3, 4, 2), np.float32)
    field[0, 0], field[0, 1], field[0, 2], field[1, 0] = 1e10, np.nan, -np.inf, (-1, 0)
    expected = np.ones((3, 4))
    expected[0, :3] = expected[1, 0] = 0
    assert (warp(image, field) == expected).all()
    with pytest.raises(ValueError, match=r"expected \(3, 4, 2\)"):
        warp(image, field[:2])


def test_decode_is_the_argmax_with_background() -> None:
    def at(threshold: float, **maps: float) -> int:
        images = {int(k[1:]): np.full((1, 1), v, np.float32) for k, v in maps.items()}
        return int(decode(images, h=1, w=1, threshold=threshold)[0, 0])

    assert at(0.5, o1=0.51) == 1
    assert at(0.5, o1=0.5) == 0
    assert at(0.25, o1=0.26) == 1
    assert at(0.75, o1=0.74) == 0
    assert at(0.5, o1=0.36, o3=0.34) == 1  # background holds 0.30
    assert at(0.5, o1=0.30, o3=0.32) == 0  # background holds 0.38
    assert at(0.5, o1=0.5, o3=0.5) == 1
    assert decode({}, h=2, w=3, threshold=0.5).shape == (2, 3)


def test_maps_laid_over_others_take_their_place() -> None:
    below = maps_of(np.array([[1, 1, 2]], np.uint8))
    laid = lay_maps(below, maps_of(np.array([[0, 3, 2]], np.uint8)))
    assert {i: image.tolist() for i, image in laid.items()} == {
        1: [[1, 0, 0]],
        2: [[0, 0, 1]],
        3: [[0, 1, 0]],
    }
