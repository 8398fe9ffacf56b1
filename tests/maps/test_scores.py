"""Scores of maps against hand-made cases and brute-force loops."""

import cv2
import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from attention.maps import scores
from attention.maps.overlay import upsample

HALF = (0.0, 0.0, 0.5, 1.0)


def blob(height=40, width=40, y=10, x=30, radius=5):
    rows, columns = np.indices((height, width))
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * radius**2))


def test_normalised_maps():
    assert (scores.normalised(np.array([[2.0, 4.0]])) == [[0, 1]]).all()
    assert (scores.normalised(np.full((3, 3), 7.0)) == 0).all()
    with pytest.raises(ValueError, match="not finite"):
        scores.normalised(np.array([[np.nan, 1.0]]))


def test_box_mask_covers_its_share():
    mask = scores.box_mask((0.25, 0.5, 0.75, 1.0), 8, 16)
    assert mask.shape == (8, 16) and mask.mean() == 0.25 and mask[4:, 4:12].all()


def test_pointing_games():
    inside = scores.box_mask(HALF, 40, 40)
    assert scores.pointing_game(blob(x=10), inside) == 1 and scores.pointing_game(blob(x=30), inside) == 0
    assert scores.pointing_game(np.ones((40, 40)), inside) == 0.5, "a constant map points everywhere"
    assert scores.energy_pointing_game(np.ones((40, 40)), inside) == 0.5
    assert scores.energy_pointing_game(blob(x=5), inside) > 0.99
    assert scores.energy_pointing_game(np.zeros((40, 40)), inside) == 0.5


def test_boxes_round_regions():
    values = np.zeros((10, 20))
    values[2:4, 5:10] = 0.6
    values[7:9, 0:2] = 1.0
    found = scores.regions(values, 0.5)
    assert sorted(found) == sorted([((0.25, 0.2, 0.5, 0.4), 10), ((0.0, 0.7, 0.1, 0.9), 4)])
    assert scores.largest_box(values, 0.5) == (0.25, 0.2, 0.5, 0.4)
    assert scores.regions(values, 0.9) == [((0.0, 0.7, 0.1, 0.9), 4)]
    assert scores.largest_box(np.zeros((4, 4)), 0.0) == scores.largest_box(np.zeros((4, 4)), 0.5) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [((0, 0, 1, 1), (0, 0, 1, 1), 1), (HALF, (0.5, 0, 1, 1), 0), (HALF, (0, 0, 1, 1), 0.5), ((0, 0, 0.5, 0.5), (0.25, 0, 0.75, 0.5), 1 / 3)],
)  # fmt: skip
def test_overlap(a, b, expected):
    assert scores.overlap(a, b) == pytest.approx(expected) == scores.overlap(b, a)


def test_max_box_accuracy_picks_its_threshold_for_each_overlap():
    best = np.zeros((2, len(scores.THRESHOLDS)))
    best[0, 3], best[1, 5] = 0.4, 0.8  # no threshold finds both
    assert scores.max_box_accuracies(best).mean() == pytest.approx((0.5 + 0.5 + 0.5) / 3)
    best[1, 3] = 0.35
    assert scores.max_box_accuracies(best).mean() == pytest.approx((1.0 + 0.5 + 0.5) / 3)
    assert scores.best_threshold(best) == scores.THRESHOLDS[5]


def test_a_map_of_the_object_overlaps_its_box_and_the_whole_picture_is_the_floor():
    box = (0.2, 0.3, 0.6, 0.8)
    best, largest = scores.overlaps(scores.box_mask(box, 50, 50).astype(float), box)
    assert best[50] == largest[50] == pytest.approx(1.0)
    assert best[0] == largest[0] == pytest.approx(0.4 * 0.5), "at threshold 0 the box is the whole picture"
    assert scores.overlaps(np.ones((50, 50)), box)[1] == pytest.approx(0.2), "a constant map draws the whole picture"


def flooded(above):
    """Connected regions as sets of pixels, by flood filling: nothing in common with scipy's labels."""
    left, found = {tuple(pixel) for pixel in np.argwhere(above)}, []
    while left:
        region, waiting = set(), [left.pop()]
        while waiting:
            y, x = waiting.pop()
            region.add((y, x))
            near = {(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)} & left
            left -= near
            waiting += near
        found.append(region)
    return found


def test_overlaps_equal_a_brute_force_loop():
    random = np.random.default_rng(3)
    values, box = random.random((9, 12)), (0.25, 0.2, 0.8, 0.7)
    inside = {
        (y, x) for y, x in np.ndindex(90, 120) if 30 <= x < 96 and 18 <= y < 63
    }  # the box on a grid ten times as fine
    best, largest = scores.overlaps(values, box)
    for number in range(0, 100, 9):
        shares = []
        for region in flooded(scores.normalised(values) >= scores.THRESHOLDS[number]):
            rows, columns = [10 * y for y, _ in region], [10 * x for _, x in region]
            drawn = {(y, x) for y in range(min(rows), max(rows) + 10) for x in range(min(columns), max(columns) + 10)}
            shares.append((len(region), len(drawn & inside) / len(drawn | inside)))
        assert best[number] == pytest.approx(max(share for _, share in shares))
        widest = max(pixels for pixels, _ in shares)
        assert any(largest[number] == pytest.approx(share) for pixels, share in shares if pixels == widest)


def test_mask_overlaps_equal_a_brute_force_loop():
    random = np.random.default_rng(4)
    mask, ignore = random.random((30, 30)) < 0.4, random.random((30, 30)) < 0.1
    values = np.linspace(0, 1, 900)[random.permutation(900)].reshape(30, 30)
    found = scores.mask_overlaps(scores.pixel_counts(values, mask, ignore))
    for number, threshold in enumerate(scores.THRESHOLDS):
        marked = values.astype(np.float32) >= threshold
        expected = scores.mask_overlap(marked, mask, ignore)
        assert found[number] == pytest.approx(expected, abs=0.003), (
            "a pixel on the edge of a bin may fall to either side"
        )
        shared = sum(marked[y, x] and mask[y, x] and not ignore[y, x] for y, x in np.ndindex(30, 30))
        either = sum((marked[y, x] or mask[y, x]) and not ignore[y, x] for y, x in np.ndindex(30, 30))
        assert expected == pytest.approx(shared / either)
    assert scores.mask_overlap(mask, mask, np.ones_like(mask)) == 0, "nothing is left to compare"


def brute_force_average_precision(values, mask):
    """One threshold a distinct value: precision times the recall it adds."""
    area, recall_before = 0.0, 0.0
    for threshold in np.unique(values)[::-1]:
        chosen = values >= threshold
        recall = (chosen & mask).sum() / mask.sum()
        area += (recall - recall_before) * (chosen & mask).sum() / chosen.sum()
        recall_before = recall
    return area


def test_pixel_average_precision_equals_a_brute_force_loop():
    random = np.random.default_rng(0)
    mask, ignore = random.random((30, 30)) < 0.4, np.zeros((30, 30), bool)
    values = np.round((mask * 0.3 + random.random((30, 30))) * 40) / 40  # few values: bins and thresholds coincide
    counts = scores.pixel_counts(values, mask, ignore, bins=2048)
    assert scores.pixel_average_precision(counts) == pytest.approx(brute_force_average_precision(values, mask))
    ignore[:15] = True
    half = scores.pixel_counts(values, mask, ignore, bins=2048)
    assert half.sum() == 450
    levels = scores.normalised(values)[15:]
    assert scores.pixel_average_precision(half) == pytest.approx(
        brute_force_average_precision(np.minimum((levels * 2048).astype(int), 2047), mask[15:])
    )


def test_pixel_average_precision_equals_scikit_learns():
    """Over all pixels of all images together, the ignored ones left out; scikit-learn's has no bins."""
    random = np.random.default_rng(6)
    masks, ignored = random.random((5, 40, 40)) < 0.3, random.random((5, 40, 40)) < 0.1
    maps = masks * 0.4 + random.random((5, 40, 40))
    counts = sum(scores.pixel_counts(*one) for one in zip(maps, masks, ignored, strict=True))
    levels = np.stack([scores.normalised(values) for values in maps])
    expected = average_precision_score(masks[~ignored], levels[~ignored])
    assert scores.pixel_average_precision(counts) == pytest.approx(expected, abs=2e-3)


def test_max_box_accuracy_equals_one_from_opencvs_regions():
    """The published code draws boxes round OpenCV's contours: eight neighbours there, four here, the same on smooth maps."""
    random = np.random.default_rng(7)
    boxes = [(0.1, 0.2, 0.6, 0.9), (0.4, 0.1, 0.9, 0.5), (0.2, 0.2, 0.8, 0.8), (0.5, 0.5, 0.9, 0.95)]
    maps = [upsample(random.random((5, 5)).astype(np.float32), 60, 50) for _ in boxes]
    share = np.zeros((4, len(scores.OVERLAPS), len(scores.THRESHOLDS)))
    for image, (values, box) in enumerate(zip(maps, boxes, strict=True)):
        levels = (values - values.min()) / (values.max() - values.min())
        for number, threshold in enumerate(scores.THRESHOLDS):
            found = cv2.connectedComponentsWithStats((levels >= threshold).astype(np.uint8), connectivity=4)[2][1:]
            drawn = [(x / 60, y / 50, (x + w) / 60, (y + h) / 50) for x, y, w, h, _ in found]
            best = max(scores.overlap(one, box) for one in drawn)
            share[image, :, number] = [best >= least for least in scores.OVERLAPS]
    expected = share.mean(axis=0).max(axis=1).mean()
    best = np.stack([scores.overlaps(values, box)[0] for values, box in zip(maps, boxes, strict=True)])
    assert scores.max_box_accuracies(best).mean() == pytest.approx(expected) and 0 < expected < 1


def test_pixel_average_precision_of_no_information_is_the_share_of_the_object():
    mask = np.zeros((20, 20), bool)
    mask[:, :5] = True
    counts = scores.pixel_counts(np.ones((20, 20)), mask, np.zeros_like(mask))
    assert scores.pixel_average_precision(counts) == pytest.approx(0.25)


def test_pixels_are_replaced_in_order_as_a_brute_force_loop_does():
    random = np.random.default_rng(0)
    start, finish, values = random.random((3, 6, 6)), random.random((3, 6, 6)), random.random((6, 6))
    order, steps = scores.order_of_pixels(values), 5
    pictures = scores.replaced(start, finish, order, steps)
    picture, done = start.copy(), 0
    ranked = sorted(((values[y, x], y, x) for y in range(6) for x in range(6)), reverse=True)
    for step in range(steps + 1):
        while done < round(36 * step / steps):
            _, y, x = ranked[done]
            picture[:, y, x] = finish[:, y, x]
            done += 1
        assert (pictures[step] == picture).all()
    assert (pictures[0] == start).all() and (pictures[-1] == finish).all()


def test_equal_pixels_are_not_taken_in_reading_order():
    order = scores.order_of_pixels(np.zeros((20, 20)))
    assert sorted(order) == list(range(400)) and (order[:100] // 20).mean() == pytest.approx(9.5, abs=2)


def test_area_under_a_line():
    assert scores.area([1.0, 0.5, 0.0]) == 0.5 and scores.area([1.0] * 7) == pytest.approx(1)


def test_controls():
    gaussian = scores.centre_gaussian(41, 41)
    assert gaussian.argmax() == 41 * 20 + 20
    noise = scores.random_map(160, 160, seed=3)
    assert noise.shape == (160, 160) and (noise == scores.random_map(160, 160, seed=3)).all()
    assert (noise != scores.random_map(160, 160, seed=4)).any()
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = 255
    assert abs(int(scores.edge_map(image)[20].argmax()) - 20) <= 1


def test_a_map_that_is_not_finite_has_no_order():
    with pytest.raises(ValueError, match="not finite"):
        scores.order_of_pixels(np.array([[np.inf, 1.0]]))


def test_bootstrap_covers_a_known_mean():
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(100):
        low, high = scores.bootstrap(random.normal(0.3, 1, 80), resamples=200)
        covered += low < 0.3 < high
    assert covered >= 88


def test_bootstrap_of_a_score_of_all_images_equals_drawing_images():
    counts = np.random.default_rng(5).integers(0, 9, (40, 2, 50)).astype(float)
    low, high = scores.bootstrap(counts, scores.pixel_average_precision, resamples=200)
    draw = np.random.default_rng(0).integers(40, size=(200, 40))
    drawn = [scores.pixel_average_precision(counts[index].sum(axis=0)) for index in draw]
    assert (low, high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
