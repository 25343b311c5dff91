"""A clip and a prompt -> a folder of masks, films and boxes: the everyday job, without a dataset.

How the method runs is told in drive.py, what is written in folder.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from vosbench.errors import UsageError
from vosbench.files import built_beside, jsonable, place_of, remove, write_json
from vosbench.filming.video import check_library, check_rate
from vosbench.masks import ids
from vosbench.provenance import environment, hashed, made_by
from vosbench.resolve import ChosenMethod, check_device, choose_method
from vosbench.running.config import RunConfig
from vosbench.running.prompting import check_goes_back
from vosbench.segmenting import drive, folder, pointing
from vosbench.segmenting.clip import Clip, open_clip
from vosbench.types import Layers, Mark, Masks, Sequence

AnyPath: TypeAlias = Path | str
Progress: TypeAlias = Callable[[str, int, int], None]  # what is being done, frames done, in all
RUN = ".run"  # where the runner works, until its masks are kept


@dataclass(frozen=True)
class Segmented:
    """What was written. size: (h, w) of the clip. overlap: whether objects do anywhere.

    seconds: those of the method. remarks: what is worth knowing.
    """

    out: Path
    frames: int
    size: tuple[int, int]
    objects: tuple[int, ...]
    overlap: bool
    seconds: float
    remarks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What `vosbench segment` prints: the files to look at."""
        h, w = self.size
        many = f"{len(self.objects)} objects" if len(self.objects) > 1 else "1 object"
        form = "one PNG an object, as they overlap" if self.overlap else "one PNG a frame, of ids"
        rest = "x, y, w, h and area of each object in each frame"
        return "\n".join([
            f"{self.out}/overlay.mp4  look at this: {self.frames} frames of {w}x{h}, {many}; "
            "shorter: overlay.gif",
            f"{self.out}/masks/       {form}",
            f"{self.out}/masks.json   the same as COCO's run lengths, as `vosbench convert` reads",
            f"{self.out}/boxes.csv    {rest}; segment.json says what made all this",
        ])  # fmt: skip


def segment(
    clip: AnyPath,
    out: AnyPath,
    *,
    method: str,
    mask: AnyPath | Iterable[AnyPath] | Masks | None = None,
    marks: Mapping[int, Mark] | None = None,
    frame: int = 0,
    direction: Literal["forward", "both"] = "forward",
    options: Mapping[str, Any] | None = None,
    device: str = "cpu",
    seed: int = 0,
    fps: float | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> Segmented:
    """Carry objects through a clip, and write their masks, boxes and a film of them.

    Args:
        clip: a video, or a folder of pictures.
        out: a new folder.
        method: a name of `vosbench list methods`.
        mask: the objects on one frame: a mask file, one file an object, or an array (h, w) of ids.
        marks: in place of it, a box or clicks by object, vosbench.types.Box and Points.
        frame: on which frame they are, counted from 0.
        direction: "forward" leaves the frames before it empty; "both" goes to them, too.
        options: the method's options.
        device: "cpu", "cuda" or "cuda:1".
        seed: 0 to 2**63 - 1; of networks without weights.
        fps: frames a second of the film. Default: the clip's own, 24 for pictures.
        replace: whether a folder that `segment` wrote may be replaced.
        progress: is called with "segmenting" or "drawing", the number of frames done and of all.

    Returns:
        What was written; its text is what `vosbench segment` prints.

    Raises:
        UsageError: a value that does not exist or does not fit, or `out` holds something.
        DataError: clip or mask are missing, damaged or of different sizes.
        MethodError: the method failed; nothing is written.
    """
    place, given = place_of(Path(out)), dict(marks or {})
    folder.check_place(Path(out), replace=replace)
    if (mask is None) == (not given):
        raise UsageError("what is to be segmented? give a mask, or boxes or clicks, not both")
    config = RunConfig(
        method=method, dataset="clip", options=options or {}, device=device, seed=seed,
        direction=direction,
    )  # fmt: skip
    chosen = choose_method(method, config.options)
    check_device(device)
    check_library()
    opened = open_clip(Path(clip))
    rate = opened.rate if fps is None else check_rate(fps)
    prompt = _prompt(opened, mask, given, frame)
    built = chosen.build(device=device, seed=seed)
    check_goes_back(built, chosen, direction)
    sequence = Sequence(
        name=opened.name, frames=opened.frames, frame_names=opened.names,
        prompts={frame: prompt}, truth={},
    )  # fmt: skip
    say = progress or (lambda what, done, total: None)
    with built_beside(place, lambda at: folder.check_place(at, replace=replace)) as building:
        record = drive.run(
            config,
            drive.by_marks(built, method, given) if given else built,
            sequence,
            building / RUN,
            lambda _, at, of: say("segmenting", at, of),
        )
        overlap = folder.keep_masks(building / RUN / folder.MASKS, building, sequence)
        remove(building / RUN, inside=building)
        found = folder.Found(building, sequence, ids(prompt))
        folder.write_found(building, found, rate, lambda at, of: say("drawing", at, of))
        done = Segmented(
            out=Path(out),
            frames=len(opened.names),
            size=opened.size,
            objects=found.numbers,
            overlap=overlap,
            seconds=round(sum(record["seconds"]), 3),
            remarks=(*chosen.remarks(built), *_complaints(chosen), *record["remarks"]),
        )
        told = {
            "frame": opened.names[frame],
            "direction": direction,
            "prompt": list(pointing.described(given)) if given else "mask",
            "fps": float(rate),
        }
        about = {**_about(config, chosen, opened, record), **told, **_of(done)}
        write_json(building / folder.RECORD, {**about, "frame_names": list(opened.names)})
    return done


def _complaints(chosen: ChosenMethod) -> Iterator[str]:
    for said in chosen.complaints():
        yield f"the training of these weights ended with: {said}"


def _prompt(
    clip: Clip,
    mask: AnyPath | Iterable[AnyPath] | Masks | None,
    marks: Mapping[int, Mark],
    frame: int,
) -> Masks:
    """The objects as the runner takes them, checked against the clip."""
    total = len(clip.names)
    if not isinstance(frame, (int, np.integer)) or not 0 <= frame < total:
        raise UsageError(f"frame {frame}: {clip.path} has the frames 0 to {total - 1}")
    if marks:
        pointing.check_marks(marks, clip.size)
        return pointing.placeholders(marks, clip.size)
    if isinstance(mask, (np.ndarray, Layers)):
        masks: Masks = mask
        what = "the mask"
    else:
        assert mask is not None, "asked before"
        paths = [Path(path) for path in ([mask] if isinstance(mask, (str, Path)) else mask)]
        masks, what = pointing.masks_of(paths), f"mask {paths[0]}"
    pointing.check_masks(masks, what, clip.size, clip.path)
    return masks


def _about(
    config: RunConfig, chosen: ChosenMethod, clip: Clip, record: Mapping[str, Any]
) -> dict[str, Any]:
    """What made the masks, for segment.json."""
    return {
        "made_by": made_by(),
        "environment": environment(),
        "method": config.method,
        "options": jsonable(chosen.options),
        "files_sha256": hashed(chosen.files()),
        "device": config.device,
        "seed": config.seed,
        "clip": clip.path.name,
        "seconds_per_frame": float(np.median(record["seconds"])),
        "peak_memory_bytes": record["peak_memory_bytes"],
    }


def _of(done: Segmented) -> dict[str, Any]:
    """What was written, for segment.json."""
    h, w = done.size
    return {
        "frames": done.frames,
        "height": h,
        "width": w,
        "objects": list(done.objects),
        "overlap": done.overlap,
        "seconds": done.seconds,
        "remarks": list(done.remarks),
    }
