"""Pictures and charts from plain arrays."""

import base64
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attention.maps import overlay
from attention.models.variants import PLACEMENTS, VARIANTS
from attention.web.charts import accuracy, figures


def test_every_placement_and_family_has_its_mark():
    assert set(PLACEMENTS) <= set(figures.PLACEMENT_COLOURS)
    assert {v.info.family for v in VARIANTS.values() if v.info} <= set(figures.FAMILY_SYMBOLS)


def test_opacity_grows_with_the_value_and_nothing_hides_the_photo():
    ramp = np.linspace(0, 1, 8, dtype=np.float32).reshape(1, 8).repeat(2, 0)
    alpha = np.asarray(overlay.heat_layer(ramp, 1.0, 8, 2))[..., 3].astype(int)
    assert alpha[0, 0] == 0 and alpha[0, -1] == 255
    assert (np.diff(alpha[0]) >= 0).all()


def test_scale_is_fixed_not_stretched():
    low, high = np.full((4, 4), 0.2, np.float32), np.full((4, 4), 0.9, np.float32)
    assert (
        np.asarray(overlay.heat_layer(low, 1.0, 4, 4)).tolist()
        != np.asarray(overlay.heat_layer(high, 1.0, 4, 4)).tolist()
    )


def test_upsampling_stays_in_range_and_in_place():
    values = np.zeros((10, 10), np.float32)
    values[2, 7] = 1
    big = overlay.upsample(values, 320, 160)
    assert big.shape == (160, 320) and 0 <= big.min() and big.max() <= 1
    y, x = np.unravel_index(big.argmax(), big.shape)
    assert 32 <= y < 48 and 224 <= x < 256


def test_overlay_with_an_empty_map_is_the_photo():
    photo = Image.effect_noise((32, 24), 60).convert("RGB")
    assert np.array_equal(np.asarray(overlay.overlay(photo, np.zeros((3, 3)), 1.0)), np.asarray(photo))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="not finite"):
        overlay.heat_layer(np.full((2, 2), bad), 1.0, 4, 4)


def test_data_uri_is_a_picture():
    uri = figures.data_uri(Image.new("RGBA", (5, 4), (1, 2, 3, 0)))
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert image.size == (5, 4) and image.mode == "RGBA"


def heights(part: str) -> list[float]:
    """The heights of the bars in a list of points: two points a bar, above the base line at 99."""
    points = [float(point.split(",")[1]) for point in part.split('points="')[1].split('"')[0].split()]
    return [99 - y for y in points]


def test_channel_bars_draw_each_module_to_the_fixed_scale():
    svg = figures.channel_bars([np.array([0.5, 1.0, 2.0])], 1.0, "#123456", "weights", 0.25)
    assert svg.count("<polygon") == 1 and 'aria-label="weights"' in svg and "<polyline" not in svg
    assert heights(svg) == [0, 49, 49, 98, 98, 98, 98, 0], (
        "the base, half of the room, and the top: 2.0 is clipped to it"
    )
    assert 'd="M0 74.50H100"' in svg, "the line marks a quarter"


def test_channel_bars_before_their_means_stand_in_the_means_order():
    means = [np.array([0.2, 0.8, 0.5])]
    svg = figures.channel_bars([np.array([0.0, 0.5, 1.0])], 1.0, "#123456", "weights", 0.5, means)
    assert heights(svg)[1:-1] == [49, 49, 98, 98, 0, 0]
    line = heights(svg[svg.index("<polyline") :])
    assert line == pytest.approx([78.4, 78.4, 49, 49, 19.6, 19.6])
    assert means[0].tolist() == [0.2, 0.8, 0.5], "nothing was sorted in place"


def row(variant="baseline", placement="none", accuracy=0.9, p50_ms=5.0, **more):
    low_high = {"low": accuracy - 0.01, "high": accuracy + 0.01}
    return {"variant": variant, "placement": placement, "accuracy": accuracy, "p50_ms": p50_ms} | low_high | more


def drawn(rows):
    names = [r["variant"] for r in rows]
    families = {name: "" if name == "baseline" else "channel" for name in names}
    titles = {name: f"The title of {name}" for name in names}
    hovers = {name: f"<b>{name}</b>" for name in names}
    return accuracy.accuracy_against_latency(pd.DataFrame(rows), families, titles, hovers, ("ms", "%"), "baseline")


def test_chart_has_a_point_and_an_interval_a_variant():
    figure = drawn([row(), row("se-block", "block", 0.8, 7, low=0.7, high=0.95), row("cbam-block", p50_ms=np.nan)])
    assert [trace.y[0] for trace in figure.data] == [90, 80], "what was not timed has no point"
    assert figure.data[1].error_y.array[0] == pytest.approx(15) and figure.data[1].error_y.arrayminus[
        0
    ] == pytest.approx(10)
    assert figure.data[1].hovertemplate == "<b>se-block</b><extra></extra>"
    assert figure.layout.yaxis.range[0] < 70 and figure.layout.yaxis.range[1] > 95, "no interval is cut off"
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_controls_are_hollow_and_one_seed_has_a_dot_in_it():
    names = ["baseline", "se-block"]
    for seeds, symbols in ((5, ["circle-open", "circle"]), (1, ["circle-open-dot", "circle-open-dot"])):
        drawn_symbols = [trace.marker.symbol for trace in drawn([row(n, seeds=seeds) for n in names]).data]
        assert drawn_symbols == symbols
    assert drawn([row("a")]).data[0].marker.symbol == "circle-open-dot", "seeds that are not known are not claimed"


def test_the_front_goes_in_steps_from_the_fastest_on():
    rows = [row(accuracy=0.9, p50_ms=5), row("se-block", "block", 0.92, 8), row("cbam-block", "block", 0.85, 9)]
    tables = {r["variant"]: r for r in rows}
    titles, families = dict.fromkeys(tables, "a"), dict.fromkeys(tables, "channel")
    figure = accuracy.accuracy_against_latency(
        pd.DataFrame(rows), families, titles, titles, ("ms", "%"), "baseline", ["se-block", "baseline"]
    )
    steps = figure.data[-1]
    assert list(steps.x)[:2] == [5, 8] and list(steps.y) == [90, 92, 92] and steps.line.shape == "hv"
    assert steps.x[2] == figure.layout.xaxis.range[1] and len(figure.data) == 4
    assert len(drawn(rows).data) == 3, "without a front no line"


@pytest.mark.parametrize("seed", range(20))
def test_names_in_a_crowd_cover_no_other_name_and_no_marker_and_stay_inside(seed):
    random = np.random.default_rng(seed)
    centres = [tuple(random.uniform((0, 0), accuracy.PLOT_PIXELS)) for _ in range(31)]
    bars = [(x - 3, y - 40, x + 3, y + 40) for x, y in centres]
    names = {index: "Self-attention, after stage 1" for index in range(0, 31, 6)}
    sides = accuracy.place_names(centres, bars, names)
    boxes = {index: accuracy._name_box(*centres[index], names[index], side) for index, side in sides.items()}
    assert boxes, "some find room"
    for index, box in boxes.items():
        assert 0 <= box[0] and box[2] <= accuracy.PLOT_PIXELS[0] and 0 <= box[1] and box[3] <= accuracy.PLOT_PIXELS[1]
        assert not any(accuracy._overlap(box, other) for number, other in boxes.items() if number < index)
        assert not any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in centres)


def test_a_name_takes_the_side_that_crosses_the_fewest_bars_or_none():
    here, right = (100.0, 100.0), (140.0, 160.0)
    assert accuracy.place_names([here], [(97, 60, 103, 140)], {0: "a long name"}) == {0: "middle right"}
    bars = [(97, 60, 103, 140), (137, 80, 143, 240)]
    assert accuracy.place_names([here, right], bars, {0: "a long name"}) == {0: "middle left"}
    around = [(100 + 30 * side, 100 + 18 * up) for side in (-1, 1) for up in (-1, 0, 1)]
    assert accuracy.place_names([here, *around], bars, {0: "a long name"}) == {}, "no room: it is left to the hover"


def test_of_many_points_the_reference_the_best_and_the_extremes_are_named():
    random = np.random.default_rng(0)
    rows = [row("baseline", accuracy=0.9, p50_ms=10)]
    rows += [row(f"m{i}", "block", random.uniform(0.85, 0.95), random.uniform(12, 20)) for i in range(30)]
    named = {trace.text[0].split()[-1] for trace in drawn(rows).data if "text" in trace.mode}
    table = pd.DataFrame(rows).set_index("variant")
    extremes = {table[key].agg(which) for key in ("accuracy", "p50_ms") for which in ("idxmax", "idxmin")}
    assert "baseline" in named and named <= extremes | {"baseline"} and len(named) >= 3


def test_cost_lines_have_their_names_families_and_points():
    lines = {"one": ([128, 160], [10.0, 20.0]), "two": ([128, 160], [5.0, 500.0])}
    figure = figures.cost_against_resolution(lines, {"one": "channel", "two": "pooling"}, "µs", "%{y} µs")
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data] == [
        ("one", [128, 160], [10.0, 20.0]), ("two", [128, 160], [5.0, 500.0])
    ]  # fmt: skip
    assert [trace.marker.symbol for trace in figure.data] == ["circle", "star"]
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log" and figure.layout.showlegend


def test_many_cost_lines_look_different():
    lines = {str(number): ([128], [1.0]) for number in range(12)}
    figure = figures.cost_against_resolution(lines, dict.fromkeys(lines, "channel"), "µs", "")
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 12


@pytest.mark.parametrize("size", [(160, 120), (90, 160), (480, 360), (1, 400)])
def test_a_tile_is_the_layer_at_no_more_than_the_models_see(size):
    values = np.random.default_rng(0).random((10, 10)).astype(np.float32)
    tile = overlay.heat_tile(values, 0.8, *size)
    assert max(tile.size) == 160 and tile.width / tile.height == pytest.approx(size[0] / size[1], rel=0.02, abs=0.01)
    assert np.array_equal(np.asarray(tile.convert("RGBA")), np.asarray(overlay.heat_layer(values, 0.8, *tile.size)))


@pytest.mark.parametrize(("mode", "kind"), [("P", "png"), ("RGB", "jpeg"), ("RGBA", "webp")])
def test_a_data_address_holds_the_picture(mode, kind):
    picture = overlay.heat_tile(np.linspace(0, 1, 100).reshape(10, 10), 1.0, 160, 160)
    picture = picture if mode == "P" else picture.convert(mode)
    head, body = figures.data_uri(picture).split(",")
    assert head == f"data:image/{kind};base64"
    found = np.asarray(Image.open(io.BytesIO(base64.b64decode(body))).convert("RGBA")).astype(int)
    error = np.abs(found - np.asarray(picture.convert("RGBA")).astype(int))
    assert error.max() == 0 if mode == "P" else error.mean() < 12
