"""J and F that rpmnet-r's dense CRF adds under several settings, on objects pasted into clips.

    python benchmarks/crf_settings.py CLIPS [--method rpmnet] [--weights PATH] [--samples 60]

CLIPS is a folder of unlabelled videos, as `vosbench train --videos` reads it. Each sample is 20
frames of a clip, over which an object moves, turns, grows and bends; its masks are exact. Objects
are grown along colour segments of a frame, so that their borders are edges of images too. Half of
them come from the same clip as their background (`same`): these the CRF can hardly tell by colour.
The method carries the first mask without a CRF, and its maps of three later frames are refined
under each setting. `up` is the share of frames whose J rises, `ms` CPU time of the refinement.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch

from vosbench import registry
from vosbench.errors import VosbenchError
from vosbench.metrics import boundary_f, region_similarity
from vosbench.resolve import build_method
from vosbench.training import clips
from vosbench.types import Frame

FRAMES, READ = 20, (9, 14, 19)
SHARES = (0.015, 0.2)  # of its source frame that an object covers
STEP = 12  # pixels between the seeds of colour segments
TRIALS: tuple[dict[str, float], ...] = (
    {},
    {"bilateral_sxy": 14},
    {"bilateral_sxy": 30},
    {"bilateral_srgb": 5},
    {"bilateral_srgb": 13},
    {"bilateral_compat": 7},
    {"bilateral_compat": 20},
    {"gaussian_compat": 1},
    {"gaussian_compat": 3, "bilateral_compat": 4},
    {"margin": 8},
    {"margin": 40},
    {"least": 0},
    # pydensecrf's example brought from 480 to 256 px, without and with the box
    {"gaussian_compat": 3, "bilateral_sxy": 43, "bilateral_srgb": 13, "least": 0},
    {"gaussian_compat": 3, "bilateral_sxy": 43, "bilateral_srgb": 13},
)
Region = npt.NDArray[np.bool_]


class Sample(NamedTuple):
    """Frames (t, h, w, 3), the object's masks (t, h, w), and whether it is from the same clip."""

    frames: npt.NDArray[np.uint8]
    masks: Region
    same: bool


def sample(usable: Sequence[clips.Clip], number: int, seed: int) -> Sample:
    """The sample of that number."""
    draw = np.random.default_rng((seed, number))
    while True:
        ground, other = (usable[int(draw.integers(len(usable)))] for _ in range(2))
        same = bool(draw.random() < 0.5)
        from_clip = ground if same else other
        start = int(draw.integers(0, ground.shape[0] - FRAMES + 1))
        source = np.array(from_clip.frames[int(draw.integers(from_clip.shape[0]))])
        share = math.exp(draw.uniform(*np.log(SHARES)))
        region = grown(source, share * source[..., 0].size, draw)
        if region is not None:
            frames = np.array(ground.frames[start : start + FRAMES])
            frames, masks = paste(frames, source, region, draw)
            if masks.sum((1, 2)).min() >= 60:
                return Sample(frames, masks, same)


def segments(smooth: Frame, draw: np.random.Generator) -> npt.NDArray[np.int32]:
    """Colour segments (h, w), numbered from 1: a watershed from seeds on a disturbed grid."""
    h, w = smooth.shape[:2]
    y, x = np.mgrid[STEP // 2 : h : STEP, STEP // 2 : w : STEP]
    y = np.clip(y + draw.integers(-3, 4, y.shape), 0, h - 1)
    x = np.clip(x + draw.integers(-3, 4, x.shape), 0, w - 1)
    seeds = np.zeros((h, w), np.int32)
    seeds[y, x] = np.arange(1, y.size + 1).reshape(y.shape)
    labels = cv2.watershed(smooth, seeds)
    around = cv2.dilate(labels.astype(np.float32), np.ones((3, 3)))
    return np.maximum(np.where(labels < 1, around, labels), 1).astype(np.int32)


def grown(frame: Frame, area: float, draw: np.random.Generator) -> Region | None:
    """A region (h, w) of about that area, of segments that are near and alike; None if none is."""
    smooth = cv2.bilateralFilter(frame, 7, 30, 5)
    labels = segments(smooth, draw)
    flat, n = labels.ravel(), int(labels.max()) + 1
    sizes = np.bincount(flat, minlength=n)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    place = np.mgrid[: frame.shape[0], : frame.shape[1]].reshape(2, -1)
    columns = [*lab.T, *(place * math.sqrt(300 / area))]  # a spread counts as a colour does
    means = np.stack([np.bincount(flat, each, n) for each in columns], 1)
    means /= np.maximum(sizes, 1)[:, None]
    sides = (labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])
    pairs = np.concatenate([np.stack((a.ravel(), b.ravel()), 1) for a, b in sides])
    pairs = np.unique(pairs, axis=0)
    pairs = np.concatenate((pairs, pairs[:, ::-1]))
    outer = np.unique(np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1])))
    chosen, barred = np.zeros(n, bool), np.isin(np.arange(n), outer)
    inner = np.flatnonzero((sizes > 0) & ~barred)
    chosen[draw.choice(inner)] = True
    while sizes[chosen].sum() < area:
        ring = np.unique(pairs[chosen[pairs[:, 0]], 1])
        ring = ring[~chosen[ring] & ~barred[ring]]
        if not len(ring):
            break
        colour = ((means[ring][:, None, :3] - means[chosen][None, :, :3]) ** 2).sum(-1).min(1)
        spread = ((means[ring][:, 3:] - means[chosen][:, 3:].mean(0)) ** 2).sum(-1)
        alike = int(ring[(colour + spread).argmin()])
        chosen[draw.choice(ring) if draw.random() < 0.08 else alike] = True  # of several parts
    return whole(chosen[labels], area)


def whole(region: Region, area: float) -> Region | None:
    """Its largest part, smoothed and without holes; None where that is too small or large."""
    smooth = cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5)))
    smooth = cv2.morphologyEx(smooth, cv2.MORPH_OPEN, np.ones((5, 5)))
    outlines = cv2.findContours(smooth, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    filled = np.zeros_like(smooth)
    if outlines:
        cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled > 0 if area / 4 < filled.sum() < 0.3 * filled.size else None


def paste(
    frames: npt.NDArray[np.uint8], source: Frame, region: Region, draw: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], Region]:
    """The frames with the region moving over them, coded as JPEG, and its masks."""
    h, w = frames.shape[1:3]
    middle = np.argwhere(region).mean(0)[::-1]
    size = math.sqrt(region.sum())
    at = draw.uniform(0.15, 0.85, 2) * (w, h)
    heading = draw.uniform(0, 2 * math.pi)
    velocity = draw.uniform(0, 6) * np.array((math.cos(heading), math.sin(heading)))
    angle, scale, turn, growth = 0.0, 1.0, draw.normal(0, 0.02), draw.normal(0, 0.012)
    waves = draw.normal(0, 1, (2, 2)) * 2 * math.pi / (1.2 * size)
    phases, pace = draw.uniform(0, 2 * math.pi, 2), draw.uniform(0.1, 0.5, 2)
    bend = draw.uniform(0, 0.06) * size
    x, y = np.meshgrid(np.arange(w), np.arange(h))
    pasted, masks = [], []
    for index, frame in enumerate(frames):
        c, s = math.cos(angle) / scale, math.sin(angle) / scale
        u = c * (x - at[0]) + s * (y - at[1]) + middle[0]
        v = c * (y - at[1]) - s * (x - at[0]) + middle[1]
        bends = [
            bend * np.sin(a * u + b * v + phase + step * index)
            for (a, b), phase, step in zip(waves, phases, pace, strict=True)
        ]
        lead = [(each + bent).astype(np.float32) for each, bent in zip((u, v), bends, strict=True)]
        look = cv2.remap(source, *lead, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        held = cv2.remap(region.astype(np.float32), *lead, cv2.INTER_LINEAR)
        masks.append(held > 0.5)
        share = cv2.GaussianBlur(held, (0, 0), 0.8)[..., None]
        mixed = (share * look + (1 - share) * frame).round().astype(np.uint8)
        coded = cv2.imencode(".jpg", mixed[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
        pasted.append(cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1])
        velocity = velocity + draw.normal(0, 0.3, 2)
        at = at + velocity
        out = (at < (0.05 * w, 0.05 * h)) | (at > (0.95 * w, 0.95 * h))
        velocity[out] *= -1  # it turns round at the border
        angle += turn
        scale = min(max(scale * math.exp(growth), 0.4), 2.5)
    return np.stack(pasted), np.stack(masks)


class Carried(NamedTuple):
    """A frame, the object's mask, the method's maps of it, and whether it is of the same clip."""

    frame: Frame
    truth: Region
    maps: torch.Tensor
    same: bool


def carried(method: Any, given: Sample) -> list[Carried]:
    """What the method makes of some of the sample's frames, before any refinement."""
    maps: list[torch.Tensor] = []
    reading = method._read

    def kept(frame: Frame, found: torch.Tensor, names: list[int]) -> Any:
        maps.append(found)
        return reading(frame, found, names)

    method._read = kept
    list(method.segment(given.frames, {0: given.masks[0].astype(np.uint8)}))
    method._read = reading
    return [Carried(given.frames[i], given.masks[i], maps[i - 1], given.same) for i in READ]


def scores(method: Any, rows: Sequence[Carried], *, refined: bool) -> tuple[Any, float]:
    """J and F (2, n) of the maps, refined or as they are, and the milliseconds of refining."""
    found, spent = [], 0.0
    for frame, truth, maps, _ in rows:
        began = time.process_time()
        shares = method._refined(frame, maps) if refined else None
        spent += time.process_time() - began
        if shares is None:
            mask = method._read(frame, maps, [1])[1] > 0
        else:
            mask = shares.argmax(0).numpy() > 0
        found.append((region_similarity(mask, truth), boundary_f(mask, truth)))
    return np.array(found).T, 1000 * spent / len(rows)


def main() -> None:
    """Make the samples, carry them, and print a row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("videos", type=Path)
    parser.add_argument("--method", default="rpmnet")
    parser.add_argument("--weights", default="default")
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.samples < 1:
        parser.error("--samples must be 1 or more")
    torch.set_num_threads(1)
    crf = importlib.import_module(f"{registry.load('methods', 'rpmnet').__name__}.dense_crf")
    usable = clips.prepare(given.videos, short_side=256, shortest=FRAMES).usable
    method = build_method(given.method, {"weights": given.weights}, device="cpu", seed=0)
    rows: list[Carried] = []
    for number in range(given.samples):
        rows += carried(method, sample(usable, number, given.seed))
    same = np.array([row.same for row in rows])
    base, _ = scores(method, rows, refined=False)
    print(f"{given.method}, {len(rows)} frames: J {base[0].mean():.3f}, F {base[1].mean():.3f}\n")
    print("| setting | J | F | J same | F same | up | ms |\n|---|---:|---:|---:|---:|---:|---:|")
    usual = asdict(crf.CrfSettings())
    for trial in TRIALS:
        crf.SETTINGS["pasted"] = crf.CrfSettings(**{**usual, **trial})
        after, ms = scores(method, rows, refined=True)
        gain = after - base
        figures = " | ".join(f"{x:+.3f}" for x in (*gain.mean(1), *gain[:, same].mean(1)))
        named = ", ".join(f"{key}={value:g}" for key, value in trial.items()) or "as it is"
        print(f"| {named} | {figures} | {(gain[0] > 0).mean():.2f} | {ms:.0f} |", flush=True)


if __name__ == "__main__":
    try:
        main()
    except VosbenchError as error:
        sys.exit(f"error: {error}")
