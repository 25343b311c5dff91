"""The largest circle in a region and the next click, by looking at every pair of pixels."""


def largest_circle(region):
    """x, y and squared radius: for each pixel the nearest one outside, the picture's edge too."""
    h, w = len(region), len(region[0])
    outside = [
        (y, x)
        for y in range(-1, h + 1)
        for x in range(-1, w + 1)
        if not (0 <= y < h and 0 <= x < w) or not region[y][x]
    ]
    best = (0, 0, 0)
    for y in range(h):
        for x in range(w):
            nearest = min((y - b) ** 2 + (x - a) ** 2 for b, a in outside)
            if nearest > best[2]:
                best = (x, y, nearest)
    return best


def next_click(truth, answer):
    """x, y and whether it is on the object; None where truth and answer are the same."""
    if truth == answer:
        return None
    places = [(y, x) for y in range(len(truth)) for x in range(len(truth[0]))]
    lacking, too_much = ([[False] * len(row) for row in truth] for _ in range(2))
    for y, x in places:
        lacking[y][x] = truth[y][x] and not answer[y][x]
        too_much[y][x] = answer[y][x] and not truth[y][x]
    a, b = largest_circle(lacking), largest_circle(too_much)
    return (a[0], a[1], True) if a[2] > b[2] else (b[0], b[1], False)


def box_of(mask):
    """The smallest and largest x and y of all pixels: left, top, right, bottom."""
    found = [(x, y) for y, row in enumerate(mask) for x, pixel in enumerate(row) if pixel]
    xs, ys = [x for x, _ in found], [y for _, y in found]
    return min(xs), min(ys), max(xs), max(ys)
