"""Frames and prompts -> files as public inference scripts expect them; one frame is held at a time.

    root/JPEGImages/video/00000.jpg ...        root/Annotations/video/00000.png ...
    root/videos.txt                            root/video.mp4           out/

The first frame is that of the first prompt: most programs want the first mask with the first frame.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from vosbench.errors import needing
from vosbench.masks import ids, pixels, write_mask
from vosbench.stored import write_masks
from vosbench.types import Frame, Layers, Masks

from .options import Options

VIDEO = "video"  # a method is told no names
RATE = 24  # frames a second of the video file; a method is told no rate either
CRF = 10  # of H.264: hardly to be told from the frames
_PICTURES = frozenset(("frames", "images", "root"))


class Layout:
    """The files of one video in an empty folder.

    length: how many frames are laid out. shape: of the frames, (h, w).
    """

    def __init__(self, folder: Path, options: Options, wanted: Collection[str]) -> None:
        self.options, self.wanted = options, frozenset(wanted)
        self.root, self.out = folder / "in", folder / "out"
        self.frames = self.root / "JPEGImages" / VIDEO
        self.masks = self.root / "Annotations" / VIDEO
        self.list, self.mp4 = self.root / "videos.txt", self.root / f"{VIDEO}.mp4"
        self.length, self.shape = 0, (0, 0)
        for made in (self.out, self.frames, self.masks):
            made.mkdir(parents=True)
        self.list.write_text(f"{VIDEO}\n", encoding="utf-8")

    def write(self, frames: Iterable[Frame], prompts: Mapping[int, Masks]) -> None:
        """Lay out frames and prompts, each as it comes."""
        for index, prompt in prompts.items():
            self._write_prompt(f"{index:05d}", prompt)
        with contextlib.ExitStack() as held:
            film = held.enter_context(_film(self.mp4)) if "mp4" in self.wanted else None
            for frame in frames:
                if self.wanted & _PICTURES:
                    self._write_frame(f"{self.length:05d}", frame)
                if film is not None:
                    film(frame)
                self.length += 1
                self.shape = frame.shape[:2]

    def _write_frame(self, name: str, frame: Frame) -> None:
        image = Image.fromarray(frame)
        if self.options.frames == "png":
            image.save(self.frames / f"{name}.png", compress_level=1)
        else:
            image.save(self.frames / f"{name}.jpg", quality=self.options.quality, subsampling=0)

    def _write_prompt(self, name: str, prompt: Masks) -> None:
        if self.options.prompts == "label-maps":
            assert isinstance(prompt, np.ndarray)
            write_mask(self.masks / f"{name}.png", prompt)
        else:
            write_masks(self.masks, name, in_layers(prompt))

    def values(self, prompts: Mapping[int, Masks]) -> dict[str, str]:
        """What the placeholders stand for, but for device and seed."""
        numbers = sorted({number for prompt in prompts.values() for number in ids(prompt)})
        return {
            "root": str(self.root), "images": str(self.frames.parent), "frames": str(self.frames),
            "annotations": str(self.masks.parent), "masks": str(self.masks),
            "first": str(self.masks / "00000.png"), "list": str(self.list), "mp4": str(self.mp4),
            "out": str(self.out), "video": VIDEO, "objects": ",".join(map(str, numbers)),
            "height": str(self.shape[0]), "width": str(self.shape[1]), "length": str(self.length),
        }  # fmt: skip


def described(options: Options, wanted: Collection[str]) -> str:
    """How a program with these placeholders sees the frames, in words; "" where it does not."""
    seen = []
    if _PICTURES.intersection(wanted):
        seen.append(f"JPEG of quality {options.quality}" if options.frames == "jpg" else "PNG")
    if "mp4" in wanted:
        seen.append(f"a video file (H.264, CRF {CRF})")
    return " and ".join(seen)


def in_layers(masks: Masks) -> Layers:
    """A copy of masks as one binary mask an object."""
    stack = np.zeros((len(ids(masks)), *masks.shape), np.bool_)
    for layer, number in zip(stack, ids(masks), strict=True):
        layer[:] = pixels(masks, number)
    return Layers(ids(masks), stack)


@contextlib.contextmanager
def _film(path: Path) -> Iterator[Callable[[Frame], None]]:
    """Write frames into a video file; sides may be odd, for which colours are kept at full size."""
    with needing("{mp4} in run="):
        import av
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": str(CRF)})

        def add(frame: Frame) -> None:
            if not stream.codec_context.is_open:
                stream.height, stream.width = frame.shape[:2]
                odd = stream.height % 2 or stream.width % 2
                stream.pix_fmt = "yuv444p" if odd else "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))

        yield add
        container.mux(stream.encode())
