"""PCA of embeddings: directions, signs and colours; the cells that pictures show."""

from __future__ import annotations

import numpy as np
import pytest

from vosbench.errors import UsageError
from vosbench.inspection import pca
from vosbench.types import Inspection


def clip(seed: int = 0) -> list[np.ndarray]:
    """Two pairs of 6 channels that vary along three known directions."""
    generator = np.random.default_rng(seed)
    directions = np.linalg.qr(generator.normal(size=(6, 3)))[0].T
    strengths = np.array([9.0, 4.0, 1.0])
    values = generator.normal(size=(2, 30, 3)) * strengths
    return [(v @ directions).T.reshape(6, 5, 6).astype(np.float32) for v in values]


def test_directions_equal_those_of_the_covariance() -> None:
    features = clip()
    projection = pca.fit(features)
    cells = np.concatenate([f.reshape(6, -1).T for f in features]).astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(cells.T))
    np.testing.assert_allclose(
        np.abs(np.einsum("kc,ck->k", projection.directions, vectors[:, :-4:-1])), 1, atol=1e-6
    )
    np.testing.assert_allclose(projection.explained, values[:-4:-1] / values.sum(), atol=1e-9)
    assert projection.explained.sum() == pytest.approx(1)


def test_signs_do_not_hang_on_the_order_of_the_frames() -> None:
    features = clip(3)
    one, other = pca.fit(features), pca.fit(features[::-1])
    np.testing.assert_allclose(one.directions, other.directions, atol=1e-6)
    np.testing.assert_array_equal(one.colours(features[0]), other.colours(features[0]))
    largest = np.abs(one.directions).argmax(1)
    assert (one.directions[range(3), largest] > 0).all()


def test_colours_are_robust_and_span_the_clip() -> None:
    features = clip(1)
    plain = pca.fit(features)
    features[0][:, 0, 0] *= 1.0
    picture = plain.colours(features[0])
    assert picture.shape == (5, 6, 3)
    assert picture.dtype == np.uint8
    both = np.concatenate([plain.colours(f).reshape(-1, 3) for f in features])
    assert both.min() == 0
    assert both.max() == 255
    assert 0.9 < ((both > 0) & (both < 255)).mean() < 1  # only the tails are cut


def test_embeddings_that_do_not_vary_are_one_colour() -> None:
    still = [np.ones((4, 3, 3), np.float32)]
    assert np.unique(pca.fit(still).colours(still[0])).size == 1


def test_too_few_channels_are_refused() -> None:
    with pytest.raises(UsageError, match="found 2 channels"):
        pca.fit([np.zeros((2, 4, 4), np.float32)])


def test_both_embeddings_are_joined_reference_first() -> None:
    first, second = np.zeros((3, 2, 2), np.float32), np.ones((3, 2, 2), np.float32)
    shown = Inspection(first, second, (4.0, 4.0), None, np.zeros((1, 1, 2), np.float32))
    assert pca.joined(shown)[:, 0, 0].tolist() == [0, 0, 0, 1, 1, 1]


def test_cells_to_look_at_are_deep_inside_on_the_boundary_and_far_away() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 4:24] = 1  # the largest
    mask[34:40, 50:60] = 2
    found = pca.telling_cells(mask, (20, 30))
    assert found["centre"] in {(9, 6), (9, 7), (10, 6), (10, 7)}
    assert mask[2 * found["centre"][0], 2 * found["centre"][1]] == 1
    assert "boundary" not in found  # its edges run between cells
    y, x = found["background"]
    assert mask[2 * y, 2 * x] == 0
    assert x > 15

    mask[10:30, 24:25] = 1
    assert pca.telling_cells(mask, (20, 30))["boundary"][1] == 12


def test_a_frame_without_objects_has_background_alone() -> None:
    assert list(pca.telling_cells(np.zeros((8, 8), np.uint8), (4, 4))) == ["background"]


def test_a_pixel_becomes_its_cell() -> None:
    assert pca.cell_at(7.9, 8, cell=(4.0, 8.0), grid=(5, 6)) == [1, 1]
    with pytest.raises(UsageError, match=r"point 20,3 \(y,x in pixels\) lies outside"):
        pca.cell_at(20, 3, cell=(4.0, 8.0), grid=(5, 6))


def test_the_table_says_the_sign_rule() -> None:
    table = pca.table([("rpmnet", "libby", pca.fit(clip()))])
    (row,) = table.records()
    assert row["together"] == pytest.approx(1)
    assert any("largest absolute weight" in note for note in table.notes)
