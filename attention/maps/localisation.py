"""From a map to the object: the box and the mask that the map implies at a threshold. No torch.

score_maps scores these same boxes and masks on images whose objects are known, and chooses the thresholds on other
images (map_scores.threshold, map_scores.scores_of), so that what is drawn on an upload is what was scored.
"""

from dataclasses import dataclass

import numpy as np

from attention.maps import scores
from attention.maps.overlay import upsample


@dataclass(frozen=True)
class Implied:
    """The object as a map implies it: a box (x0, y0, x1, y1) in fractions of width and height, and the pixels."""

    box: scores.Box  # round the largest connected region
    mask: np.ndarray  # (height, width) bool, every pixel at or above the threshold


def implied(values: np.ndarray, threshold: float, height: int, width: int) -> Implied:
    """The box and the mask that a map (h, w) implies at a threshold of 0 to below 1.

    The map is enlarged to (height, width) and scaled to 0-1. Box and mask have different thresholds, because each was
    chosen for its own score. A constant map points nowhere, and implies the whole picture. Raises ValueError for a map
    that is not (h, w) or not finite, and for another threshold.
    """
    if values.ndim != 2:
        raise ValueError(f"A map has a height and a width; this one has the shape {values.shape}.")
    if not 0 <= threshold < 1:
        raise ValueError(f"A threshold of a map lies between 0 and 1, not at {threshold:g}.")
    enlarged = scores.normalised(upsample(values, width, height))
    if not enlarged.any():
        return Implied(scores.WHOLE, np.ones((height, width), bool))
    return Implied(scores.largest_box(enlarged, threshold), enlarged >= threshold)
