"""Numbers of hand-made maps: what is said of a map can be worked out on paper."""

import numpy as np
import pytest
from scipy import stats

from attention.maps import description, scores
from attention.maps.description import describe_channels, describe_map


def spot(row, column, size=10):
    values = np.zeros((size, size))
    values[row, column] = 1
    return values


@pytest.mark.parametrize(
    ("row", "column", "where"),
    [(1, 1, "top-left"), (8, 5, "bottom"), (5, 9, "right"), (4, 5, "centre"), (0, 8, "top-right"), (5, 0, "left")],
)
def test_where_the_mass_lies(row, column, where):
    assert describe_map(spot(row, column)).where == where
    on_a_floor = 0.4 + 0.5 * spot(row, column)
    assert describe_map(on_a_floor).where == where, "a gate's floor moves nothing"


def test_two_bright_corners_are_not_the_centre():
    words = describe_map(spot(0, 0) + 2 * spot(9, 9))
    assert words.where == "bottom-right" and not words.constant


@pytest.mark.parametrize("size", [1, 2, 3, 5, 10, 40])
def test_thirds_share_every_position(size):
    shares = description._thirds(size)
    assert shares.sum(axis=0) == pytest.approx(np.ones(size)) and shares.sum(axis=1) == pytest.approx([size / 3] * 3)


def test_half_of_the_mass_lies_on_the_brightest_positions():
    quarter = np.zeros((4, 4))
    quarter[:2, :2] = 1
    assert describe_map(quarter).half_area == pytest.approx(2 / 16)
    assert describe_map(np.array([[3.0, 1.0]])).half_area == pytest.approx(2 / 3 / 2), (
        "2 of the 3 on one of two positions"
    )
    assert describe_map(spot(3, 3)).half_area == pytest.approx(0.005)
    ramp = describe_map(np.arange(100.0).reshape(10, 10)).half_area
    assert 0.28 < ramp < 0.31, "1 - 1 / sqrt(2) of a triangle holds half of it"


def test_a_centre_prior_correlates_with_itself_and_its_opposite():
    prior = scores.centre_gaussian(10, 10)
    assert describe_map(prior).centre_correlation == pytest.approx(1)
    assert describe_map(1 - prior).centre_correlation == pytest.approx(-1)
    left = np.tile(np.arange(10.0), (10, 1))
    assert describe_map(left).centre_correlation == pytest.approx(0, abs=1e-9)
    assert describe_map(prior).where == "centre"


def test_rank_correlation_is_scipys_with_ties_too():
    random = np.random.default_rng(0)
    for _ in range(20):
        a, b = random.integers(0, 6, (2, 7, 7)).astype(float)
        assert description.rank_correlation(a, b) == pytest.approx(stats.spearmanr(a.ravel(), b.ravel()).statistic)
    assert description.rank_correlation(np.ones((3, 3)), spot(1, 1, 3)) == 0


@pytest.mark.parametrize("level", [1e-9, 0.5, 1.0])
def test_a_constant_map_is_called_that(level):
    words = describe_map(np.full((10, 10), level, np.float32))
    assert words == description.MapWords("centre", pytest.approx(0.5), 0.0, True)


def test_float_noise_and_saturation_are_constant_and_small_differences_are_not():
    random = np.random.default_rng(0)
    assert describe_map(1 - 1e-4 * random.random((10, 10))).constant
    assert not describe_map(0.5 + 0.01 * random.random((10, 10))).constant


def test_an_empty_map_lies_nowhere():
    assert describe_map(np.zeros((10, 10))) == description.MapWords("nowhere", 0.5, 0.0, True)


def test_a_map_with_negative_values_is_shifted():
    assert describe_map(spot(1, 1) - 0.2) == describe_map(spot(1, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad):
    values = spot(1, 1)
    values[5, 5] = bad
    with pytest.raises(ValueError, match="not finite"):
        describe_map(values)
    with pytest.raises(ValueError, match="not finite"):
        describe_channels([np.array([0.5, bad])])


@pytest.mark.parametrize("shape", [(10,), (0, 0), (2, 2, 2)])
def test_what_is_no_map_is_refused(shape):
    with pytest.raises(ValueError, match="two axes"):
        describe_map(np.zeros(shape))


def test_channel_weights_of_several_modules():
    words = describe_channels([np.array([0.1, 0.5]), np.array([0.9, 0.49, 0.51])])
    assert (words.channels, words.low, words.high, words.below_half) == (5, 0.1, 0.9, 2)
    assert words.mean == pytest.approx(0.5) and not words.constant
    assert describe_channels([np.full(48, 0.5)]).constant


def test_the_distance_to_a_mean_is_over_all_channels():
    assert description.mean_distance(
        [np.array([0.0, 1.0]), np.array([0.5])], [np.array([0.5, 1.0]), np.array([1.0])]
    ) == (pytest.approx(1 / 3))
