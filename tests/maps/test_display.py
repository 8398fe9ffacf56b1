"""Which map stands for a model, and on which scale it is drawn."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from attention.maps import display
from attention.maps.attention import AttentionMap
from attention.maps.display import Scale, scale_of

RAMP = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)


def weighs(values, kind="gate", over="positions", path="x.gate"):
    return AttentionMap(path, kind, over, np.asarray(values, np.float32))


def result(activation=RAMP, *maps):
    return SimpleNamespace(name="baseline", maps=maps, activation=np.asarray(activation, np.float32))


def test_a_gate_is_on_the_fixed_scale_whatever_it_holds():
    assert scale_of([weighs(RAMP / 100)]) == scale_of([weighs(RAMP)]) == Scale(1.0, "weight")
    assert Scale(1.0, "weight").share(np.array([0.0, 0.25, 1.0])).tolist() == [0, 0.25, 1]


def test_softmax_maps_over_positions_have_equal_ratios_from_half_of_uniform():
    scale = scale_of([weighs(16 * RAMP, "softmax"), weighs(32 * RAMP, "softmax")])
    assert scale == Scale(32.0, "times-uniform-log"), "one scale for both, up to the larger maximum"
    shares = scale.share(np.array([0.0, 0.5, 1.0, 2.0, 4.0, 32.0, 64.0]))
    assert shares == pytest.approx([0, 0, 1 / 6, 2 / 6, 3 / 6, 1, 1])


def test_a_uniform_softmax_map_is_a_tint_in_the_middle_not_blank_and_not_bright():
    scale = scale_of([weighs(np.ones((4, 4)), "softmax")])
    assert scale.top == 2 and scale.share(np.ones(1)) == pytest.approx(0.5)


def test_softmax_weights_over_channels_are_bars_from_zero():
    scale = scale_of([weighs([0.5, 1.5], "softmax", "channels"), weighs([1.0, 3.0], "softmax", "channels")])
    assert scale == Scale(3.0, "times-uniform") and scale.share(np.array([0.0, 1.5])).tolist() == [0, 0.5]


def test_an_activation_map_is_normalised_by_itself():
    scale = display.activation_scale(result(RAMP / 50))
    assert scale.unit == "normalised" and scale.share(RAMP / 50) == pytest.approx(RAMP, abs=1e-6)


def test_a_difference_is_between_maps_that_are_each_divided_by_their_own_maximum():
    assert display.signed_difference(RAMP * 7, RAMP) == pytest.approx(np.zeros((10, 10)), abs=1e-6)
    signed = display.signed_difference(RAMP, 3 * RAMP[::-1])
    assert signed.max() == pytest.approx(1 - 0.0909, abs=1e-3) and signed == pytest.approx(-signed[::-1])
    nothing = display.signed_difference(np.zeros((10, 10)), RAMP)
    assert np.isfinite(nothing).all() and nothing.min() == -1


@pytest.mark.parametrize("bad", [np.full((4, 4), np.nan), np.array([[1.0, np.inf]]), np.zeros((4, 4))])
def test_what_would_look_calm_and_blank_is_left_out(bad, tmp_path):
    spoilt = result(bad, weighs(bad))
    assert display.maps_to_draw(spoilt) == {}
    assert display.maps_left_out(spoilt) == ["activation", "attention"]
    assert display.save_overlays(Image.new("RGB", (8, 8)), [spoilt], tmp_path, "photo") == []
    half = result(RAMP, weighs(bad))
    assert display.maps_left_out(half) == ["attention"] and list(display.maps_to_draw(half)) == ["activation"]


def test_the_deepest_map_over_positions_stands_for_a_model():
    first, channels, last = weighs(RAMP), weighs([1.0, 0.5], over="channels"), weighs(RAMP / 2)
    assert display.attention_map(result(RAMP, first, last, channels)) is last
    assert display.attention_map(result(RAMP, channels)) is None
    assert display.channel_maps(result(RAMP, first, channels)) == [channels]
