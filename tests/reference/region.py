"""J of one object, counted pixel by pixel."""


def region_similarity(prediction, truth):
    both = either = 0
    for row_p, row_t in zip(prediction.tolist(), truth.tolist(), strict=True):
        for p, t in zip(row_p, row_t, strict=True):
            both += p and t
            either += p or t
    return both / either if either else 1.0
