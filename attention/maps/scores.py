"""Scores of maps: how well a map finds the object, and the pixels that the model needs. Only NumPy and SciPy.

Maps are (H, W) and not negative. Where a threshold applies, a map is scaled to 0-1 by `normalised` first. A constant
map holds no information: it is scored like any other and gets what such a map deserves.

Boxes are (x0, y0, x1, y1) in fractions of width and height, so that they fit pictures of any size; masks are (H, W)
bool.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy import ndimage

THRESHOLDS = np.arange(100) / 100  # of a normalised map, at each of which a box is drawn
OVERLAPS = (0.3, 0.5, 0.7)  # intersections over union that MaxBoxAccV2 averages
Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def normalised(values: np.ndarray) -> np.ndarray:
    """A map scaled to 0-1; zeros for one that is constant. Raises ValueError for one that is not finite."""
    if not np.isfinite(values).all():
        raise ValueError("The map holds values that are not finite")
    values = values.astype(np.float32)
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread > 0 else np.zeros_like(values)


# where the object is


def box_mask(box: Box, height: int, width: int) -> np.ndarray:
    """The pixels whose centres lie in a box, (H, W) bool."""
    x0, y0, x1, y1 = box
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    return ((y0 <= y) & (y < y1))[:, None] & ((x0 <= x) & (x < x1))[None, :]


def pointing_game(values: np.ndarray, inside: np.ndarray) -> float:
    """1 if the map's highest point lies on the object, else 0; where several are highest, the share that lies on it.

    Source: Zhang et al., https://arxiv.org/abs/1608.00507, without its tolerance of 15 pixels.
    """
    return float(inside[values == values.max()].mean())


def energy_pointing_game(values: np.ndarray, inside: np.ndarray) -> float:
    """The share of the map's mass that lies on the object, 0 to 1; for a constant map, the share of the area.

    Source: Wang et al., Score-CAM, https://arxiv.org/abs/1910.01279.
    """
    shifted = values - min(0.0, float(values.min()))
    total = float(shifted.sum())
    return float(shifted[inside].sum()) / total if total > 0 else float(inside.mean())


def regions(values: np.ndarray, threshold: float) -> list[tuple[Box, int]]:
    """Each connected region of a map at or above a threshold: the box round it, and its number of pixels."""
    above = values >= threshold
    rows, columns = above.any(axis=1).nonzero()[0], above.any(axis=0).nonzero()[0]
    if not len(rows):
        return []
    top, left = rows[0], columns[0]
    above = above[
        top : rows[-1] + 1, left : columns[-1] + 1
    ]  # labelling takes the time, and at high thresholds little is left
    labels, count = ndimage.label(above)
    height, width = values.shape
    pixels = np.bincount(labels.ravel())[1:] if count > 1 else [np.count_nonzero(above)]
    return [
        (
            ((x.start + left) / width, (y.start + top) / height, (x.stop + left) / width, (y.stop + top) / height),
            int(size),
        )
        for (y, x), size in zip(ndimage.find_objects(labels), pixels, strict=True)
    ]


def largest_box(values: np.ndarray, threshold: float) -> Box:
    """The box round the largest connected region, which is drawn on a picture. The whole picture if there is none."""
    return max(regions(values, threshold), key=lambda region: region[1], default=(WHOLE, 0))[0]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return across * down / (areas - across * down) if areas > 0 else 0.0


def overlaps(values: np.ndarray, box: Box) -> np.ndarray:
    """The overlap with the object's box at each of THRESHOLDS, (2, thresholds).

    The first row is for the box of the region that overlaps most, the second for the box of the largest region.
    """
    values = normalised(values)
    found = np.zeros((2, len(THRESHOLDS)))
    for number, threshold in enumerate(THRESHOLDS):
        if drawn := [(pixels, overlap(around, box)) for around, pixels in regions(values, threshold)]:
            found[:, number] = max(share for _, share in drawn), max(drawn, key=lambda one: one[0])[1]
        else:  # a constant map
            found[1, number] = overlap(WHOLE, box)
    return found


def max_box_accuracies(best: np.ndarray) -> np.ndarray:
    """Each image's part in MaxBoxAccV2, which is their mean: best overlaps (images, thresholds) -> (images,).

    For each of OVERLAPS, one threshold is chosen: that at which most images reach this overlap. An image's part is the
    share of OVERLAPS that it reaches at these thresholds. Source: Choi et al., https://arxiv.org/abs/2001.07437.
    """
    found = best[:, None] >= np.array(OVERLAPS)[:, None]  # (images, 3, thresholds)
    chosen = found.mean(axis=0).argmax(axis=1)
    return found[:, np.arange(len(OVERLAPS)), chosen].mean(axis=1)


def best_threshold(drawn: np.ndarray) -> float:
    """The threshold with the best mean over images, of scores (images, thresholds): to be chosen on held-out images."""
    return float(THRESHOLDS[drawn.mean(axis=0).argmax()])


def mask_overlap(marked: np.ndarray, mask: np.ndarray, ignore: np.ndarray) -> float:
    """Intersection over union of two masks (H, W) bool, without the pixels in `ignore`; 0 where nothing is left."""
    union = np.count_nonzero((marked | mask) & ~ignore)
    return np.count_nonzero(marked & mask & ~ignore) / union if union else 0.0


def mask_overlaps(counts: np.ndarray) -> np.ndarray:
    """The overlap of the pixels at or above each of THRESHOLDS with the object, from `pixel_counts`: (thresholds,)."""
    marked = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # (2, bins): object and background at or above each bin
    at = (np.arange(len(THRESHOLDS)) * counts.shape[1]) // len(THRESHOLDS)
    return marked[0, at] / np.maximum(counts[0].sum() + marked[1, at], 1)


def pixel_counts(values: np.ndarray, mask: np.ndarray, ignore: np.ndarray, bins: int = 1000) -> np.ndarray:
    """How many pixels of object and background lie in each bin of a normalised map: (2, bins), object first."""
    levels = np.minimum((normalised(values) * bins).astype(int), bins - 1)
    return np.stack([np.bincount(levels[part & ~ignore], minlength=bins) for part in (mask, ~mask)])


def pixel_average_precision(counts: np.ndarray) -> float:
    """PxAP of summed `pixel_counts` (2, bins): the area under precision against recall over all pixels of all images.

    Source: Choi et al., https://arxiv.org/abs/2001.07437.
    """
    hits, wrong = np.cumsum(counts[:, ::-1], axis=1).astype(float)
    if hits[-1] == 0:
        return float("nan")
    precision = hits / np.maximum(hits + wrong, 1)
    recall = hits / hits[-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


# what the model needs


def order_of_pixels(values: np.ndarray) -> np.ndarray:
    """Flat indices of the pixels, the most important first; ties are in a fixed random order.

    In reading order, ties would delete a picture from its top. Raises ValueError for a map that is not finite.
    """
    if not np.isfinite(values).all():
        raise ValueError("The map holds values that are not finite")
    shuffled = np.random.default_rng(0).permutation(values.size)
    return shuffled[np.argsort(-values.ravel()[shuffled], kind="stable")]


def replaced(start: np.ndarray, finish: np.ndarray, order: np.ndarray, steps: int) -> np.ndarray:
    """Pictures on the way from `start` to `finish` (C, H, W), pixels replaced in `order`: (steps + 1, C, H, W)."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    counts = np.round(np.arange(steps + 1) * len(order) / steps)
    gone = rank.reshape(start.shape[1:]) < counts[:, None, None]
    return np.where(gone[:, None], finish, start)


def area(curve: Sequence[float]) -> float:
    """The area under a curve over equal steps from 0 to 1, by the trapezoidal rule."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


# baseline maps, to compare the others with


def centre_gaussian(height: int, width: int, sigma: float = 0.25) -> np.ndarray:
    """A photographer's prior: highest in the centre, with a standard deviation in fractions of the side."""
    y, x = (np.arange(height) + 0.5) / height - 0.5, (np.arange(width) + 0.5) / width - 0.5
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * sigma**2)).astype(np.float32)


def random_map(height: int, width: int, seed: int, cells: int = 10) -> np.ndarray:
    """Uniform noise on as many cells as the models' last feature map has, enlarged smoothly like a model's map."""
    noise = np.random.default_rng(seed).random((cells, cells), dtype=np.float32)
    return ndimage.zoom(noise, (height / cells, width / cells), order=1, mode="nearest", grid_mode=True)


def edge_map(image: np.ndarray, sigma: float = 1 / 32) -> np.ndarray:
    """(H, W, 3) uint8 -> how strong the edges are, blurred to the coarseness of a model's map; nothing is learned.

    `sigma` is in fractions of the height.
    """
    grey, pixels = image.astype(np.float32).mean(axis=2), sigma * len(image)
    return ndimage.gaussian_filter(np.hypot(ndimage.sobel(grey, axis=0), ndimage.sobel(grey, axis=1)), pixels)


# intervals


@lru_cache
def _resampling(count: int, resamples: int) -> np.ndarray:
    """The weight of each image in each resample, (resamples, count): a row times the values is a resample's mean."""
    drawn = np.random.default_rng(0).integers(count, size=(resamples, count))
    return np.stack([np.bincount(row, minlength=count) for row in drawn]) / count


def bootstrap(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], float] = float,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Bootstrap percentile interval over images, the first axis of `values` (N, ...): what other images could show.

    `statistic` turns the mean over images (...) into a number; every score here is a function of that mean. For the
    interval of a paired difference, pass the differences of two maps on the same images.
    """
    means = _resampling(len(values), resamples) @ values.reshape(len(values), -1)
    drawn = [statistic(mean) for mean in means.reshape(resamples, *values.shape[1:])]
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
