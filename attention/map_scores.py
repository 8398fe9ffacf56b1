"""How good a map is at finding the object, and at naming the pixels that the model needs: scores of maps, NumPy alone.

Maps are (H, W) and not negative; only their order and shape count, so every map is scaled to 0-1 by `normalised` first.
A map that is constant says nothing: it is scored like any other and gets what a map without information deserves.

Boxes are (x0, y0, x1, y1) in fractions of width and height, as they hold for pictures of any size; masks are (H, W) bool.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import ndimage

THRESHOLDS = np.linspace(0, 1, 101)[:-1]  # of a normalised map, at which a box is drawn
OVERLAPS = (0.3, 0.5, 0.7)  # intersections over union that MaxBoxAccV2 averages
Box = tuple[float, float, float, float]


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
    """Whether the map's highest point lies on the object: 1 or 0, and the share that does where several are highest.

    Source: Zhang et al., https://arxiv.org/abs/1608.00507, without its tolerance of 15 pixels.
    """
    return float(inside[values == values.max()].mean())


def energy_pointing_game(values: np.ndarray, inside: np.ndarray) -> float:
    """The share of the map's mass that lies on the object, 0 to 1; of a constant map the share of the area.

    Source: Wang et al., Score-CAM, https://arxiv.org/abs/1910.01279.
    """
    shifted = values - min(0.0, float(values.min()))
    total = float(shifted.sum())
    return float(shifted[inside].sum()) / total if total > 0 else float(inside.mean())


def boxes_of(values: np.ndarray, threshold: float) -> list[Box]:
    """The box round each connected region of a normalised map at or above a threshold."""
    height, width = values.shape
    regions, _ = ndimage.label(values >= threshold)
    return [
        (x.start / width, y.start / height, x.stop / width, y.stop / height) for y, x in ndimage.find_objects(regions)
    ]


def largest_box(values: np.ndarray, threshold: float) -> Box:
    """The box round the largest connected region: what one draws on a picture. The whole picture for a constant map."""
    regions, count = ndimage.label(values >= threshold)
    if not count:
        return 0.0, 0.0, 1.0, 1.0
    largest = 1 + int(np.bincount(regions.ravel())[1:].argmax())
    y, x = ndimage.find_objects((regions == largest).astype(int))[0]
    height, width = values.shape
    return x.start / width, y.start / height, x.stop / width, y.stop / height


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return across * down / (areas - across * down) if areas > 0 else 0.0


def best_overlaps(values: np.ndarray, box: Box) -> np.ndarray:
    """The best overlap of any region's box with the object's, at each of THRESHOLDS: (thresholds,)."""
    values = normalised(values)
    return np.array([max((overlap(b, box) for b in boxes_of(values, t)), default=0.0) for t in THRESHOLDS])


def max_box_accuracy(overlaps: np.ndarray) -> float:
    """MaxBoxAccV2 of (images, thresholds) best overlaps: for each of OVERLAPS the share of images found at the threshold
    that finds most, averaged.

    Source: Choi et al., https://arxiv.org/abs/2001.07437.
    """
    return float(np.mean([(overlaps >= least).mean(axis=0).max() for least in OVERLAPS]))


def best_threshold(overlaps: np.ndarray) -> float:
    """The threshold whose boxes overlap the objects best, on average over images: to be chosen on held-out images."""
    return float(THRESHOLDS[overlaps.mean(axis=0).argmax()])


def pixel_counts(values: np.ndarray, mask: np.ndarray, ignore: np.ndarray, bins: int = 256) -> np.ndarray:
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
    """Flat indices of the pixels, the most important first. Equal ones in the order of a fixed random permutation.

    Left in reading order, ties would delete a picture from its top.
    """
    shuffled = np.random.default_rng(0).permutation(values.size)
    return shuffled[np.argsort(-values.ravel()[shuffled], kind="stable")]


def replaced(start: np.ndarray, finish: np.ndarray, order: np.ndarray, steps: int) -> np.ndarray:
    """Pictures on the way from `start` to `finish` (C, H, W), pixels replaced in `order`: (steps + 1, C, H, W)."""
    count = len(order)
    flat_start, flat_finish = start.reshape(len(start), -1), finish.reshape(len(finish), -1)
    pictures = np.repeat(flat_start[None], steps + 1, axis=0)
    for step in range(1, steps + 1):
        chosen = order[: round(count * step / steps)]
        pictures[step][:, chosen] = flat_finish[:, chosen]
    return pictures.reshape(steps + 1, *start.shape)


def area(curve: Sequence[float]) -> float:
    """The area under a curve over equal steps from 0 to 1, by trapezia."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))


# maps to hold the others against


def centre_gaussian(height: int, width: int, sigma: float = 0.25) -> np.ndarray:
    """A photographer's prior: highest in the centre, with a standard deviation in fractions of the side."""
    y, x = (np.arange(height) + 0.5) / height - 0.5, (np.arange(width) + 0.5) / width - 0.5
    return np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * sigma**2)).astype(np.float32)


def random_map(height: int, width: int, seed: int, cells: int = 10) -> np.ndarray:
    """Uniform noise on as many cells as the models' last feature map has, enlarged smoothly like a model's map."""
    noise = np.random.default_rng(seed).random((cells, cells), dtype=np.float32)
    return ndimage.zoom(noise, (height / cells, width / cells), order=1, mode="nearest", grid_mode=True)


def edge_map(image: np.ndarray, sigma: float = 5.0) -> np.ndarray:
    """(H, W, 3) uint8 -> how strong the edges are, blurred to the coarseness of a model's map: no learning at all."""
    grey = image.astype(np.float32).mean(axis=2)
    return ndimage.gaussian_filter(np.hypot(ndimage.sobel(grey, axis=0), ndimage.sobel(grey, axis=1)), sigma)


# intervals


def bootstrap(
    values: np.ndarray, statistic: Callable[[np.ndarray], float], resamples: int = 1000, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of a statistic over images, the first axis of `values`: what other images could have shown."""
    random = np.random.default_rng(0)
    drawn = [statistic(values[random.integers(len(values), size=len(values))]) for _ in range(resamples)]
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
