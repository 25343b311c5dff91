"""Each benchmark's rule written as it reads: from masks, object by object and frame by frame.

A video is a list of (truth, prediction), label maps of its annotated frames from the first prompt
on; an object's scores are lists over frames.
"""

import itertools
import math

import numpy as np
from reference.boundary import boundary_f, contour
from reference.region import region_similarity


def j_and_f(frames, number):
    pairs = [(p == number, t == number) for t, p in frames]
    return [region_similarity(p, t) for p, t in pairs], [boundary_f(p, t) for p, t in pairs]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def ids(mask):
    return sorted(int(i) for i in np.unique(mask) if i not in (0, 255))


def mosev1(video):
    scores = {n: j_and_f(video[1:-1], n) for n in ids(video[0][0])}
    return {n: (mean(j), mean(f)) for n, (j, f) in scores.items()}


def sav(video):
    """vos-benchmark and SA-V: an object's list begins where truth or prediction first shows it."""
    kept, found = video[1:-1], {}
    for n in sorted({i for t, _ in kept for i in ids(t)}):
        start = next(k for k, (t, p) in enumerate(kept) if (t == n).any() or (p == n).any())
        j, f = j_and_f(kept[start:], n)
        found[n] = mean(j), mean(f)
    return found


def vost(video):
    found = {}
    for n in ids(video[0][0]):
        j, _ = j_and_f(video[1:-1], n)
        found[n] = mean(j), mean(j[math.floor(0.75 * len(j)) :])
    return found


def after_prompt(video):
    """youtube-vos-local: the annotated frames after the one that first shows the object."""
    found = {}
    for n in sorted({i for t, _ in video for i in ids(t)}):
        first = next(k for k, (t, _) in enumerate(video) if (t == n).any())
        if video[first + 1 :]:
            j, f = j_and_f(video[first + 1 :], n)
            found[n] = mean(j), mean(f)
    return found


def lvos(video, ranges):
    """ranges: object -> places of its frames, and how many the list says it has."""
    found = {}
    for n, (places, count) in ranges.items():
        j, f = [0.0] * (count - 2), [0.0] * (count - 2)
        for at, place in enumerate(places):
            if at not in (0, count - 1):
                (j[at - 1],), (f[at - 1],) = j_and_f([video[place]], n)
        both = [(a + b) / 2 for a, b in zip(j, f, strict=True)]
        variance = mean((mean(both) - each) ** 2 for each in both)
        found[n] = mean(j), mean(f), math.sqrt(round(variance, 4))
    return found


def mosev2(video, numbers):
    """J, F, Ḟ, and J and Ḟ of the frames in which the object is gone, and after it came."""
    found = {}
    for n in numbers:
        j, f, adapted = [], [], []
        for t, p in video[1:-1]:
            p, t = p == n, t == n
            both, either = int((p & t).sum()), int((p | t).sum())
            j.append((both + 1) / (either + 1) if either else 1.0)
            of_f, of_adapted = contours_mosev2(p, t)
            f.append(of_f)
            adapted.append(of_adapted)
        gone = [not (t == n).any() for t, _ in video[1:-1]]
        runs = {True: [], False: []}
        for empty, group in itertools.groupby(range(len(gone)), key=gone.__getitem__):
            places = list(group)
            if places[0] > 0:
                runs[empty].append(places)
        found[n] = [mean(j), mean(f), mean(adapted)]
        for empty in (True, False):
            for values in (j, adapted):
                of_runs = [mean(values[k] for k in run) for run in runs[empty]]
                found[n].append(mean(of_runs) if of_runs else None)
    return found


def contours_mosev2(p, t):
    h, w = t.shape
    d = 0.008 * float(np.linalg.norm((h, w)))
    own = min(math.ceil(0.1 * math.sqrt(t.sum())), d) if t.any() else d
    if own < d:
        return boundary_f(p, t), f_with(p, t, taps(own))
    return (f_with(p, t, taps(d)),) * 2


def taps(radius):
    """The offsets of a dilation with the disc of skimage, as OpenCV anchors it."""
    line = np.arange(-radius, radius + 1)
    middle = len(line) // 2
    inside = [
        (row, column)
        for row, y in enumerate(line)
        for column, x in enumerate(line)
        if x**2 + y**2 <= radius**2
    ]
    return [(middle - row, middle - column) for row, column in inside or [(0, 0)]]


def f_with(p, t, offsets):
    predicted, true = ({tuple(at) for at in np.argwhere(contour(m))} for m in (p, t))
    if not predicted or not true:
        return float(predicted == true)
    near = [{(y + dy, x + dx) for y, x in of for dy, dx in offsets} for of in (predicted, true)]
    precision = len(predicted & near[1]) / len(predicted)
    recall = len(true & near[0]) / len(true)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def volumetric(video):
    found = {}
    for n in sorted({i for t, _ in video for i in ids(t)}):
        first = next(k for k, (t, _) in enumerate(video) if (t == n).any())
        both = either = lengths_p = lengths_t = near_p = near_t = 0
        for t, p in video[first + 1 :]:
            p, t = p == n, t == n
            both, either = both + int((p & t).sum()), either + int((p | t).sum())
            radius = math.ceil(0.008 * math.hypot(*t.shape))
            disk = [
                (y, x)
                for y in range(-radius, radius + 1)
                for x in range(-radius, radius + 1)
                if y * y + x * x <= radius * radius
            ]
            of_p, of_t = ({tuple(at) for at in np.argwhere(contour(m))} for m in (p, t))
            lengths_p, lengths_t = lengths_p + len(of_p), lengths_t + len(of_t)
            near_p += len(of_p & {(y + dy, x + dx) for y, x in of_t for dy, dx in disk})
            near_t += len(of_t & {(y + dy, x + dx) for y, x in of_p for dy, dx in disk})
        if either:
            if not lengths_p or not lengths_t:
                f = float(lengths_p == lengths_t)
            else:
                precision, recall = near_p / lengths_p, near_t / lengths_t
                f = 2 * precision * recall / (precision + recall) if near_p + near_t else 0.0
            found[n] = both / either, f
    return found


def unsupervised(video):
    """The best of all ways to give each object another proposal; void counts in neither mask."""
    video = [
        (np.where(t == 255, 0, t), np.where(t == 255, 0, p).astype(np.uint8)) for t, p in video
    ]
    objects = sorted({i for t, _ in video for i in ids(t)})
    top = max((i for _, p in video for i in ids(p)), default=0)
    proposals = range(1, max(top, len(objects)) + 1)
    scores = {}
    for n in objects:
        for q in proposals:
            j, f = zip(
                *(
                    (region_similarity(p == q, t == n), boundary_f(p == q, t == n))
                    for t, p in video
                ),
                strict=True,
            )
            scores[n, q] = mean(j), mean(f)
    return max(
        sum(sum(scores[n, q]) / 2 for n, q in zip(objects, chosen, strict=True))
        for chosen in itertools.permutations(proposals, len(objects))
    ) / len(objects)
