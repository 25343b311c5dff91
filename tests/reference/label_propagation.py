"""Label propagation, slow and obvious: the whole affinity, one query after the other, in float64.

Written from the protocols' description, not from the engine. Features and masks in, for every
frame its labels per cell and its mask out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np


def propagate(features, prompts: Mapping[int, np.ndarray], size, settings, stride: int = 1):  # type: ignore[no-untyped-def]
    """Features: list of (c, h, w) from the first prompt (frame 0) on; size: (H, W) of the frames.

    Returns a list of labels (h, w, 1 + objects) or None at frame 0, and a list of masks.
    """
    unit = [_unit(f) if settings.similarity == "cosine" else f.astype(float) for f in features]
    h, w = features[0].shape[1:]
    objects: list[int] = []
    kept: list[np.ndarray] = []  # what each frame hands on, never forgotten here
    voted, masks = [], []
    born: list[int] = []  # the frame in which each object was given

    def voted_from(since: int):  # type: ignore[no-untyped-def]
        each = []
        for i, windowed in context(
            t, sorted(p for p in prompts if since <= p < t), since, settings
        ):
            known = np.zeros((h, w, 1 + len(objects)))
            known[..., : kept[i].shape[2]] = kept[i]
            each.append((unit[i], known, windowed))
        if settings.affinity == "joint":
            return vote(unit[t], each, settings)
        return np.mean([vote(unit[t], [one], settings) for one in each], axis=0)

    for t in range(len(features)):
        mask = np.zeros(size, np.uint8)
        labels = np.zeros((h, w, 1 + len(objects)))
        labels[..., 0] = 1
        votes = None
        if t:
            each = {since: voted_from(since) for since in {0, *born}}
            labels = each[0].copy()
            if len(each) > 1:  # each object by the frames that know it
                total = each[0].sum(2)
                for i, since in enumerate(born):
                    labels[..., 1 + i] = each[since][..., 1 + i]
                for y in range(h):
                    for x in range(w):
                        claimed = labels[y, x, 1:].sum()
                        if claimed > total[y, x]:
                            labels[y, x, 1:] *= total[y, x] / claimed
                labels[..., 0] = total - labels[..., 1:].sum(2)
            votes = labels
            mask = decode(labels, objects, size, settings, stride)
        if t in prompts:
            prompt = prompts[t]
            for i in np.unique(prompt):
                if i and i not in objects:
                    objects.append(int(i))
                    born.append(t)
            mask = np.where(prompt > 0, prompt, mask)
            given = cells_of(prompt, objects, h, w, settings.down)
            wider = np.zeros_like(given)
            wider[..., : labels.shape[2]] = labels
            labels = wider * (1 - given[..., 1:].sum(2, keepdims=True))
            labels[..., 1:] += given[..., 1:]
        if settings.labels == "hard":
            labels = cells_of(mask, objects, h, w, settings.down)
        kept.append(labels)
        voted.append(votes)
        masks.append(mask)
    return voted, masks


def context(t: int, prompted: list[int], since: int, settings) -> list[tuple[int, bool]]:  # type: ignore[no-untyped-def]
    """The frames from `since` on that frame t looks at; whether the window holds for each."""
    firsts = prompted if settings.first else []
    found = [(i, settings.window_first) for i in firsts]
    if settings.references:
        named = [int(part) for part in settings.references.split(",")]
        frames = {i if i >= 0 else t + i for i in named}
        return found + [(i, True) for i in sorted(frames) if since <= i < t and i not in firsts]
    for i in range(t - settings.last, t):
        if i < since and settings.start == "repeat":
            found.append((since, True))
        elif i >= since and not (settings.start == "distinct" and i in firsts):
            found.append((i, True))
    return found


def vote(query, context, settings):  # type: ignore[no-untyped-def]
    """Labels (h, w, l) of a frame (c, h, w) from (features, labels, windowed) of others."""
    _, h, w = query.shape
    out = np.zeros((h, w, context[0][1].shape[2]))
    for y in range(h):
        for x in range(w):
            scores, labels = [], []
            for features, given, windowed in context:
                for v in range(h):
                    for u in range(w):
                        if not windowed or inside(v - y, u - x, settings):
                            scores.append(float(features[:, v, u] @ query[:, y, x]))
                            labels.append(given[v, u])
            out[y, x] = weights(np.array(scores), settings) @ np.array(labels)
    return out


def inside(dy: int, dx: int, settings) -> bool:  # type: ignore[no-untyped-def]
    distance = math.sqrt(dy * dy + dx * dx)
    return {
        "none": True,
        "square": max(abs(dy), abs(dx)) <= settings.radius,
        "disk": distance <= settings.radius,
        "open-disk": distance < settings.radius,
    }[settings.window]


def weights(scores, settings):  # type: ignore[no-untyped-def]
    """The weight of each cell in reach, most of them 0."""
    chosen = np.ones(len(scores), bool)
    if 0 < settings.topk < len(scores):
        order = np.argsort(-scores, kind="stable")[: settings.topk]
        chosen = scores >= scores[order[-1]]
        if settings.ties == "cut":
            chosen = np.isin(np.arange(len(scores)), order)
    e = np.exp((scores - scores.max()) / settings.temperature)
    return e * chosen / (e.sum() if settings.softmax == "all" else (e * chosen).sum())


def cells_of(mask, objects, h: int, w: int, down: str):  # type: ignore[no-untyped-def]
    return np.stack([resample((mask == i).astype(float), h, w, down) for i in (0, *objects)], 2)


def decode(labels, objects, size, settings, stride: int):  # type: ignore[no-untyped-def]
    h, w, count = labels.shape
    high, wide = size if settings.up_to == "frame" else (h * stride, w * stride)
    votes = np.stack([resample(labels[..., i], high, wide, settings.up) for i in range(count)])
    if settings.minmax:
        for i in range(count):
            spread = votes[i].max() - votes[i].min()
            if spread >= 1e-6:  # an even channel has nothing to stretch
                votes[i] = (votes[i] - votes[i].min()) / spread
    mask = np.array([0, *objects], np.uint8)[votes.argmax(0)]
    rows = [int((i + 0.5) * high / size[0]) for i in range(size[0])]
    columns = [int((i + 0.5) * wide / size[1]) for i in range(size[1])]
    return mask[rows][:, columns]


def resample(image, high: int, wide: int, mode: str):  # type: ignore[no-untyped-def]
    """An image (h, w) at another size, each axis by a matrix of weights."""
    return axis(image.shape[0], high, mode) @ image @ axis(image.shape[1], wide, mode).T


def axis(old: int, new: int, mode: str):  # type: ignore[no-untyped-def]
    matrix = np.zeros((new, old))
    step = math.ceil(old / new)
    for i in range(new):
        if mode == "nearest":
            matrix[i, i * old // new] = 1
        elif mode == "nearest-exact":
            matrix[i, int((i + 0.5) * old / new)] = 1
        elif mode == "stride":
            matrix[i, i * step if (new - 1) * step < old else i * old // new] = 1
        elif mode == "area":
            matrix[i, i * old // new : math.ceil((i + 1) * old / new)] = 1
            matrix[i] /= matrix[i].sum()
        else:
            at = (
                i * (old - 1) / (new - 1)
                if mode == "bilinear-corners"
                else (i + 0.5) * old / new - 0.5
            )
            at = max(0.0, at)
            low = min(int(at), old - 1)
            matrix[i, low] += 1 - (at - low)
            matrix[i, min(low + 1, old - 1)] += at - low
    return matrix


def _unit(features):  # type: ignore[no-untyped-def]
    return features / np.linalg.norm(features.astype(float), axis=0)
