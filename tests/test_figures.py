"""Pictures and charts from plain arrays."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attention import figures
from attention.variants import PLACEMENTS, VARIANTS


def test_every_placement_and_family_has_its_mark():
    assert set(PLACEMENTS) <= set(figures.PLACEMENT_COLOURS)
    assert {v.info.family for v in VARIANTS.values() if v.info} <= set(figures.FAMILY_SYMBOLS)


def test_opacity_grows_with_the_value_and_nothing_hides_the_photo():
    ramp = np.linspace(0, 1, 8, dtype=np.float32).reshape(1, 8).repeat(2, 0)
    alpha = np.asarray(figures.heat_layer(ramp, 1.0, 8, 2))[..., 3].astype(int)
    assert alpha[0, 0] == 0 and alpha[0, -1] == 255
    assert (np.diff(alpha[0]) >= 0).all()


def test_scale_is_fixed_not_stretched():
    low, high = np.full((4, 4), 0.2, np.float32), np.full((4, 4), 0.9, np.float32)
    assert (
        np.asarray(figures.heat_layer(low, 1.0, 4, 4)).tolist()
        != np.asarray(figures.heat_layer(high, 1.0, 4, 4)).tolist()
    )


def test_upsampling_stays_in_range_and_in_place():
    values = np.zeros((10, 10), np.float32)
    values[2, 7] = 1
    big = figures.upsample(values, 320, 160)
    assert big.shape == (160, 320) and 0 <= big.min() and big.max() <= 1
    y, x = np.unravel_index(big.argmax(), big.shape)
    assert 32 <= y < 48 and 224 <= x < 256


def test_overlay_with_an_empty_map_is_the_photo():
    photo = Image.effect_noise((32, 24), 60).convert("RGB")
    assert np.array_equal(np.asarray(figures.overlay(photo, np.zeros((3, 3)), 1.0)), np.asarray(photo))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="not finite"):
        figures.heat_layer(np.full((2, 2), bad), 1.0, 4, 4)


def test_data_uri_is_a_picture():
    uri = figures.data_uri(Image.new("RGBA", (5, 4), (1, 2, 3, 0)))
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert image.size == (5, 4) and image.mode == "RGBA"


def test_channel_bars_draw_each_module_to_the_fixed_scale():
    svg = figures.channel_bars([np.array([0.5, 1.0, 2.0])], 1.0, "#123456", "weights")
    assert svg.count("<polygon") == 1 and 'aria-label="weights"' in svg
    heights = {point.split(",")[1] for point in svg.split('points="')[1].split('"')[0].split()}
    assert heights == {"99.00", "50.00", "1.00"}  # the base, half of the room, and the top: 2.0 is clipped to it


def test_chart_has_a_point_and_an_interval_a_variant():
    rows = [
        {
            "variant": "baseline",
            "placement": "none",
            "accuracy": 0.9,
            "low": 0.89,
            "high": 0.91,
            "p50_ms": 5,
            "p90_ms": 6,
        },
        {
            "variant": "se-block",
            "placement": "block",
            "accuracy": 0.8,
            "low": 0.7,
            "high": 0.95,
            "p50_ms": 7,
            "p90_ms": 8,
        },
    ]
    families, titles = {"baseline": "", "se-block": "channel"}, {"baseline": "B", "se-block": "S"}
    figure = figures.accuracy_against_latency(pd.DataFrame(rows), families, titles, ("ms", "%"))
    assert [trace.y[0] for trace in figure.data] == [90, 80]
    assert figure.data[1].error_y.array[0] == pytest.approx(15) and figure.data[1].error_y.arrayminus[
        0
    ] == pytest.approx(10)
    assert all(trace.marker.symbol.endswith("-open") for trace in figure.data), "one seed is drawn hollow"
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
