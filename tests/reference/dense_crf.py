"""Mean field of a dense CRF, written as the paper's equations read: every pixel against every."""

import numpy as np


def refine(frame, probabilities, settings):
    k, h, w = probabilities.shape
    y, x = np.mgrid[:h, :w].reshape(2, -1).astype(float)
    place = np.stack([x, y], axis=1)
    colour = frame.reshape(-1, 3).astype(float)
    gaussian = place / settings.gaussian_sxy
    bilateral = np.hstack([place / settings.bilateral_sxy, colour / settings.bilateral_srgb])
    kernels = [
        (settings.gaussian_compat, _normalised(gaussian)),
        (settings.bilateral_compat, _normalised(bilateral)),
    ]
    start = np.log(np.clip(probabilities, 1e-5, 1).reshape(k, -1).astype(float))
    q = _softmax(start)
    for _ in range(settings.iterations):
        q = _softmax(start + sum(compat * q @ kernel for compat, kernel in kernels))
    return q.reshape(k, h, w)


def _normalised(features):
    distances = ((features[:, None] - features[None]) ** 2).sum(-1)
    kernel = np.exp(-distances / 2)
    root = np.sqrt(kernel.sum(1))
    return kernel / root[:, None] / root[None]


def _softmax(scores):
    raised = np.exp(scores - scores.max(0))
    return raised / raised.sum(0)
