"""Mean, recall and decay as the official formulas read, with indices of any size."""

import numpy as np


def over_frames(values):
    values = np.asarray(values, dtype=np.float64)
    ids = [int(i) for i in np.round(np.linspace(1, len(values), 5) + 1e-10) - 1]
    bins = [values[ids[i] : ids[i + 1] + 1] for i in range(4)]
    return np.mean(values), np.mean(values > 0.5), np.mean(bins[0]) - np.mean(bins[3])
