"""Carries masks along optical flow: each pixel takes the label its backward flow points at.

Frames, prompts -> masks. `chained` samples the previous mask along the flow from frame t to t-1;
`direct` samples the prompt along the flow from frame t to the prompt's frame. Flow comes from
OpenCV, from RAFT with the user's weights, or from files: `folder/<sequence>/<frame name>.flo`
holds the backward flow from that frame to the one before (the first frame needs none).
The rows "Liu" and "FlowNet 2.0" of the RPM-Net paper are neither DIS nor Farnebäck: only flow
files made with those tools reproduce them.
"""

from __future__ import annotations

from vosbench.errors import UsageError
from vosbench.types import Flow, Frame

from . import estimators
from .method import OpticalFlow
from .options import Options

__all__ = ["SOURCE", "Options", "build"]

LARGE = 1_000_000  # pixels at which flow is estimated, from which on its memory is looked at
SOURCE = (
    "optical-flow baselines of RPM-Net (Kim et al., WACV 2020); DIS: Kroeger et al., Fast Optical "
    "Flow using Dense Inverse Search, ECCV 2016"
)


def build(options: Options, *, device: str, seed: int) -> OpticalFlow:
    """Make the method; only flow=raft uses the device, nothing uses the seed.

    Raises:
        UsageError: flow=raft without fitting weights, or flow=file without a folder.
    """
    if options.flow == "file":
        if options.folder is None or not options.folder.is_dir():
            raise UsageError(
                f"flow=file needs --set folder=DIR with DIR/<sequence>/<frame>.flo; found "
                f"folder={options.folder}"
            )
        return OpticalFlow(options, None)
    if options.flow == "raft":
        estimate = estimators.raft(options.weights, device=device)
    else:
        estimate = estimators.dis() if options.flow == "dis" else estimators.farneback()
    if options.size:
        estimate = estimators.at_size(estimate, options.size)

    def backward(index: int, frame: Frame, reference: Frame) -> Flow:
        h, w = frame.shape[:2]
        scale = options.size / min(h, w) if options.size else 1.0
        if h * w * scale**2 > LARGE:
            estimators.check_memory(options.flow, h=h, w=w, size=options.size, device=device)
        return estimate(frame, reference)

    return OpticalFlow(options, backward)
