"""Strips, maps and samples hold the pictures that they are given."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures_figures import panels, texts

from vosbench.drawing import pictures


def test_strips_hold_a_tile_for_each_picture() -> None:
    tile = pictures.Tile(np.zeros((20, 40, 3), np.uint8), "truth", "J 71")
    figure = pictures.strips([("libby", [tile, tile]), ("bear", [tile])])
    shown = [axes for axes in figure.axes if axes.images]
    assert len(shown) == 3
    assert shown[0].get_title() == "truth"
    assert texts(shown[0]) == ["J 71"]
    assert shown[0].get_ylabel() == "libby"


def test_samples_lie_where_they_were_given() -> None:
    frame = np.zeros((24, 40, 3), np.uint8)
    row = pictures.Samples(
        label="rpmnet",
        reference=frame,
        target=frame,
        projection=frame[::4, ::4],
        names=("centre",),
        chosen=np.array([[10.0, 12.0]]),
        samples=np.array([[[9.0, 12.0], [50.0, 12.0]]]),
        matches=np.array([[11.0, 13.0]]),
    )
    target, both, projection = panels(pictures.sampling([row]))
    assert target.lines[0].get_xydata().tolist() == [[10, 12]]
    assert not target.collections
    for axes in (both, projection):
        assert axes.collections[-1].get_offsets().tolist() == [[9, 12], [50, 12]]
        assert axes.get_xlim() == (-0.5, 39.5)  # what lies outside does not stretch the frame
    assert projection.images[0].get_extent() == [-0.5, 39.5, 23.5, -0.5]


def test_maps_share_one_scale() -> None:
    frame = np.zeros((24, 40, 3), np.uint8)
    rows = [pictures.Map(n, frame, np.full((6, 10), v)) for n, v in (("a", 0.5), ("b", 1.0))]
    first, second, bar = panels(pictures.maps(rows, label="cosine", low=0.5, high=1.0))
    colours = {tuple(axes.images[1].to_rgba(np.array([0.7]))[0]) for axes in (first, second)}
    assert len(colours) == 1
    assert bar.get_ylabel() == "cosine"


def test_long_names_are_broken_where_they_may_be_and_fit() -> None:
    assert pictures._broken("rpmnet-conv-3 backbone=resnet18", 14).splitlines() == [
        "rpmnet-conv-3",
        "backbone=",
        "resnet18",
    ]
    assert pictures._fitting("a" * 20, 0.5) == pytest.approx(3)
    assert pictures._fitting("ant", 0.5) == 7
