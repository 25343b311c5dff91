"""Match objects with proposals so that the sum of their scores is highest."""

from __future__ import annotations

import math
from collections.abc import Sequence


def best_assignment(scores: Sequence[Sequence[float]]) -> tuple[int, ...]:
    """For each row the column that it gets, each column once, at the highest sum of scores.

    Shortest augmenting paths (Crouse, IEEE TAES 2016), ties as scipy breaks them, so that the
    figures of single objects are those of scorers that use it.

    Args:
        scores: (rows, columns), at least as many columns as rows.

    >>> best_assignment([[0.9, 0.8, 0.0], [0.8, 0.1, 0.0]])
    (1, 0)
    """
    columns = len(scores[0]) if scores else 0
    u, v = [0.0] * len(scores), [0.0] * columns
    column_of, row_of = [-1] * len(scores), [-1] * columns
    for start in range(len(scores)):
        costs, before = [math.inf] * columns, [-1] * columns
        rows, ended = {start}, set()
        left = list(range(columns - 1, -1, -1))
        row, shortest, sink = start, 0.0, -1
        while sink < 0:
            place, lowest = -1, math.inf
            for at, column in enumerate(left):
                cost = shortest - scores[row][column] - u[row] - v[column]
                if cost < costs[column]:
                    costs[column], before[column] = cost, row
                free = row_of[column] < 0
                if costs[column] < lowest or (costs[column] == lowest and free):
                    place, lowest = at, costs[column]
            shortest, column = lowest, left[place]
            if row_of[column] < 0:
                sink = column
            else:
                row = row_of[column]
                rows.add(row)
            ended.add(column)
            left[place] = left[-1]
            left.pop()
        u[start] += shortest
        for row in rows - {start}:
            u[row] += shortest - costs[column_of[row]]
        for column in ended:
            v[column] -= shortest - costs[column]
        while True:  # turn the path over
            row = before[sink]
            row_of[sink] = row
            column_of[row], sink = sink, column_of[row]
            if row == start:
                break
    return tuple(column_of)
