"""A guess held against a map."""

import numpy as np
import pytest
from PIL import Image

from attention.maps import pointing

MAP = np.array([[4.0, 3.0], [2.0, 1.0]])


@pytest.mark.parametrize(
    ("point", "share", "mass", "weight"),
    [((0.1, 0.1), 0.25, 0.4, 4), ((0.9, 0.1), 0.5, 0.7, 3), ((0.1, 0.9), 0.75, 0.9, 2), ((1.0, 1.0), 1.0, 1.0, 1)],
)
def test_where_a_point_lies_in_the_order_and_what_that_part_holds(point, share, mass, weight):
    found = pointing.judge(MAP, *point)
    assert (found.share, found.mass, found.weight) == pytest.approx((share, mass, weight))


def test_positions_that_weigh_alike_are_no_better_than_one_another():
    assert pointing.judge(np.ones((3, 3)), 0.5, 0.5).share == 1
    assert pointing.judge(np.array([[2.0, 2.0], [1.0, 1.0]]), 0.1, 0.1).share == 0.5


def test_a_map_of_any_shape_is_read_where_it_was_tapped():
    values = np.zeros((2, 5))
    values[1, 3] = 1
    assert pointing.judge(values, 0.65, 0.6).share == pytest.approx(0.1)
    assert pointing.cell_of(0.999, 0.999, (2, 5)) == (1, 4)


@pytest.mark.parametrize(
    ("values", "across"), [(MAP, 1.2), (MAP, -0.1), (np.zeros((2, 2)), 0.5), (np.full((2, 2), np.nan), 0.5)]
)
def test_what_cannot_be_judged_says_why(values, across):
    with pytest.raises(ValueError, match="outside the photo|cannot judge"):
        pointing.judge(values, across, 0.5)


def test_the_ring_lies_round_the_point_and_leaves_the_photo_alone():
    photo = Image.new("RGB", (200, 100), (120, 120, 120))
    drawn = np.asarray(pointing.marked(photo, 0.25, 0.5)).astype(int)
    changed = np.argwhere((drawn != 120).any(2))
    assert changed.mean(0) == pytest.approx([50, 50], abs=1)
    assert photo.getpixel((50, 38)) == (120, 120, 120)
