"""Tests and intervals by enumeration, for a handful of sequences: slow, and plain to see."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction


def sign_flip(differences: Sequence[Fraction]) -> Fraction:
    """The share of all choices of signs whose sum is at least as far from 0."""
    seen = abs(sum(differences))
    choices = list(itertools.product((1, -1), repeat=len(differences)))
    reached = [
        signs
        for signs in choices
        if abs(sum(s * d for s, d in zip(signs, differences, strict=True))) >= seen
    ]
    return Fraction(len(reached), len(choices))


def resampled_means(sequences: Sequence[Sequence[Fraction]]) -> list[Fraction]:
    """The mean over all objects for every possible drawing of as many sequences, sorted."""
    means = []
    for drawn in itertools.product(sequences, repeat=len(sequences)):
        objects = [value for sequence in drawn for value in sequence]
        means.append(sum(objects, Fraction(0)) / len(objects))
    return sorted(means)


def resampled_groups(sequences: Sequence[Sequence[tuple[Fraction, Fraction]]]) -> list[Fraction]:
    """The mean over two groups of objects, (group, value) each, for every possible drawing.

    A drawing without objects of one of the groups has none.
    """
    means = []
    for drawn in itertools.product(sequences, repeat=len(sequences)):
        objects = [each for sequence in drawn for each in sequence]
        of = [[value for group, value in objects if group == wanted] for wanted in (0, 1)]
        if all(of):
            means.append(sum(sum(each, Fraction(0)) / len(each) for each in of) / 2)
    return sorted(means)


def holm(p: Sequence[Fraction]) -> list[Fraction]:
    """Each p times the number of tests that are not smaller, never below a smaller one's."""
    adjusted = []
    for own in p:
        smaller = sorted(q for q in p if q <= own)
        steps = [min(Fraction(1), (len(p) - rank) * q) for rank, q in enumerate(smaller)]
        adjusted.append(max(steps))
    return adjusted
