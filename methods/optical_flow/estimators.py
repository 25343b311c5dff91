"""Optical flow between two frames, from OpenCV, RAFT or .flo files.

An estimator turns (source, target), both (h, w, 3) uint8 RGB, into flow float32 (h, w, 2), pixels,
x then y: source[y, x] is seen again at target[y + flow[y, x, 1], x + flow[y, x, 0]].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vosbench.errors import DataError, UsageError
from vosbench.toolbox.methods import cost
from vosbench.types import Flow, Frame

if TYPE_CHECKING:
    import torch


Estimator: TypeAlias = Callable[[Frame, Frame], Flow]

PADDED = 128  # px, less than which networks of flow add to a side, to make it a multiple
FLO_TAG = 202021.25  # Middlebury: the bytes "PIEH" as a little-endian float


def dis() -> Estimator:
    """Dense inverse search (Kroeger et al., ECCV 2016), OpenCV's medium preset, on grey."""
    import cv2

    estimate = _grey(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM))

    def padded(source: Frame, target: Frame) -> Flow:
        """The flow of frames whose edges are repeated until DIS can halve them safely.

        OpenCV 5.0 ends the process with a segmentation fault where the short side of a narrow
        image falls below its 8 px patch at the coarsest level, which the long side chooses.
        """
        h, w = source.shape[:2]
        least = max(16, -(-max(h, w) * 2 // 5))
        if min(h, w) >= least:
            return estimate(source, target)
        edges = ((0, max(0, least - h)), (0, max(0, least - w)), (0, 0))
        return estimate(np.pad(source, edges, "edge"), np.pad(target, edges, "edge"))[:h, :w]

    return padded


def farneback() -> Estimator:
    """Polynomial expansion (Farnebäck, SCIA 2003), five levels of one half, window 15."""
    import cv2

    # numLevels, pyrScale, fastPyramids, winSize, numIters, polyN, polySigma: OpenCV's own, but
    # for winSize 15 and polyN 7 with its matching sigma, which carry motion of video better.
    return _grey(cv2.FarnebackOpticalFlow.create(5, 0.5, False, 15, 10, 7, 1.5))


def raft(weights: Path | None, *, device: str) -> Estimator:
    """RAFT (Teed and Deng, ECCV 2020), torchvision's large or small network, whichever fits.

    Raises:
        UsageError: no weights are given, the file is missing, or it holds another network.
    """
    state = read_weights(weights)

    import torch
    from torchvision.models.optical_flow import raft_large, raft_small

    for make in (raft_large, raft_small):
        with torch.device("meta"):  # shapes only: the random start would be thrown away
            model = make(weights=None, progress=False)
        wanted = {key: tensor.shape for key, tensor in model.state_dict().items()}
        if wanted == {key: tensor.shape for key, tensor in state.items()}:
            break
    else:
        raise UsageError(
            f"weights={weights} holds neither raft_large nor raft_small of torchvision: "
            f"{len(state)} tensors whose names or shapes differ"
        )
    model.load_state_dict(state, assign=True)
    model.eval().float().to(device)

    def tensor(frame: Frame) -> torch.Tensor:
        """A frame as (1, 3, h', w') in -1..1, its edges repeated up to a multiple of 8."""
        h, w = frame.shape[:2]
        image = torch.from_numpy(frame.copy()).to(device).permute(2, 0, 1)[None].float()
        # The correlation pyramid halves H/8 three times and must keep 2 cells: 128 px at least.
        right, below = (max(128, -(-side // 8) * 8) - side for side in (w, h))
        return torch.nn.functional.pad(image / 127.5 - 1, (0, right, 0, below), mode="replicate")

    def estimate(source: Frame, target: Frame) -> Flow:
        h, w = source.shape[:2]
        with torch.inference_mode():
            flow = model(tensor(source), tensor(target))[-1][0, :, :h, :w]
        return np.asarray(flow.permute(1, 2, 0).float().contiguous().cpu(), np.float32)

    return estimate


def read_weights(path: Path | None) -> dict[str, torch.Tensor]:
    """A state dict from .safetensors, or from .pth/.pt without running any pickled code.

    Raises:
        UsageError: the path is None or no file, or the file is no plain state dict.
    """
    if path is None or not path.is_file():
        found = "no weights are given" if path is None else f"weights={path} is no file"
        raise UsageError(
            f"{found}; flow=raft needs --set weights=FILE, a .safetensors or .pth state dict of "
            "torchvision's raft_large or raft_small, e.g. the file that "
            "torchvision.models.optical_flow.Raft_Large_Weights.DEFAULT.url names; "
            "vosbench downloads no weights"
        )
    import torch
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format has its own family of errors
        raise UsageError(f"weights={path} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise UsageError(f"weights={path} is no state dict of names and tensors")
    return state


def at_size(estimate: Estimator, short_side: int) -> Estimator:
    """The estimator at another resolution: frames scaled to a short side, flow scaled back."""
    import cv2

    def scaled(source: Frame, target: Frame) -> Flow:
        h, w = source.shape[:2]
        scale = short_side / min(h, w)
        size = (round(w * scale), round(h * scale))
        small = [
            np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
            for frame in (source, target)
        ]
        flow = np.asarray(cv2.resize(estimate(*small), (w, h), interpolation=cv2.INTER_LINEAR))
        return np.asarray(flow * np.array([w / size[0], h / size[1]]), np.float32)

    return scaled


def read_flo(path: Path, *, h: int, w: int) -> Flow:
    """Read a Middlebury .flo file: tag, width, height, then (h, w, 2) float32, little-endian.

    Raises:
        DataError: the file is missing, is no .flo, is cut short, or is not of size (h, w).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"flow {path} cannot be read: {error.strerror}") from error
    if len(data) < 12 or np.frombuffer(data, "<f4", 1)[0] != FLO_TAG:
        raise DataError(f"flow {path} is no .flo file: it does not begin with the tag {FLO_TAG}")
    found_w, found_h = (int(side) for side in np.frombuffer(data, "<i4", 2, offset=4))
    if (found_h, found_w) != (h, w):
        grown = 0 <= found_h - h < PADDED and 0 <= found_w - w < PADDED
        padded = grown and found_h % 8 == found_w % 8 == 0
        raise DataError(
            f"flow {path} is {found_h}x{found_w} but its frame is {h}x{w}; "
            + (
                "its network seems to have padded the frames to multiples of 8: cut the flow back "
                "by what was added at each side"
                if padded
                else "compute the flow at the size of the frames"
            )
        )
    if len(data) != 12 + 8 * h * w:
        raise DataError(f"flow {path} has {len(data)} bytes, expected {12 + 8 * h * w}: damaged")
    return np.frombuffer(data, "<f4", offset=12).reshape(h, w, 2).astype(np.float32)


def check_memory(flow: str, *, h: int, w: int, size: int, device: str) -> None:
    """Refuse frames (h, w) whose flow does not fit into this machine's memory.

    size: the short side at which it is estimated, 0 for the frames' own.

    Raises:
        DataError: it needs more than is free.
    """
    scale = size / min(h, w) if size else 1.0
    pixels = h * w * scale**2
    # measured: DIS takes 100 bytes a pixel. RAFT compares each cell of 8x8 pixels with each other
    # one, at four scales that halve; all in float32.
    needed = 4 * (pixels / 64) ** 2 * 4 / 3 if flow == "raft" else 100 * pixels
    cost.check_memory(
        needed,
        device=device if flow == "raft" else "cpu",
        what=f"flow={flow} on frames of {h}x{w}",
        remedy="estimate it at a smaller size, such as --set size=480",
    )


def _grey(algorithm: Any) -> Estimator:
    """An OpenCV algorithm on greyscale frames, the same whatever the number of threads."""
    import cv2

    def estimate(source: Frame, target: Frame) -> Flow:
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (source, target)]
        with _one_thread():
            return np.asarray(algorithm.calc(*grey, None), np.float32)

    return estimate


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV with one thread: no stripes that depend on the machine, and workers do not fight."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
