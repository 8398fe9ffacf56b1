"""The box and the mask that a map implies."""

import numpy as np
import pytest

from attention.maps.localisation import implied


def test_a_map_implies_the_box_of_its_largest_region_and_the_mask_of_all():
    values = np.zeros((10, 10))
    values[2:6, 3:8], values[8, 0] = 1.0, 1.0
    found = implied(values, 0.5, 10, 10)
    assert found.box == (0.3, 0.2, 0.8, 0.6)
    assert (found.mask == (values > 0)).all()


def test_the_size_of_the_picture_changes_the_mask_and_hardly_the_box():
    rows, columns = np.indices((10, 10))
    values = np.exp(-((rows - 3) ** 2 + (columns - 6) ** 2) / 8)
    small, large = implied(values, 0.4, 160, 160), implied(values, 0.4, 300, 480)
    assert small.mask.shape == (160, 160) and large.mask.shape == (300, 480)
    assert small.box == pytest.approx(large.box, abs=0.01)
    assert small.mask.mean() == pytest.approx(large.mask.mean(), abs=0.01)


def test_only_the_shape_of_a_map_counts():
    values = np.random.default_rng(0).random((10, 10))
    assert implied(values, 0.3, 40, 40).box == implied(7 * values - 2, 0.3, 40, 40).box


def test_a_constant_map_implies_the_whole_picture():
    for threshold in (0.0, 0.5):
        found = implied(np.full((10, 10), 3.0), threshold, 20, 30)
        assert found.box == (0, 0, 1, 1) and found.mask.shape == (20, 30) and found.mask.all()


@pytest.mark.parametrize(
    ("values", "threshold", "problem"),
    [(np.full((4, 4), np.nan), 0.5, "not finite"), (np.ones(4), 0.5, "shape"), (np.eye(4), 1.0, "threshold"), (np.eye(4), -0.1, "threshold")],
)  # fmt: skip
def test_what_implies_nothing_is_refused_in_a_sentence(values, threshold, problem):
    with pytest.raises(ValueError, match=problem):
        implied(values, threshold, 20, 20)
