"""Compares a visitor's guess of where a model looks with its map. Only NumPy and Pillow."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw


@dataclass(frozen=True)
class Guess:
    """How a point ranks among the positions of a map.

    `share` is the fraction of positions that weigh at least as much as the one under the point: 0.12 means that the
    point is among the top 12 %. `mass` is the share of the map's sum that those positions hold together. `weight` is
    the weight under the point, in the map's unit.
    """

    share: float
    mass: float
    weight: float


def cell_of(across: float, down: float, grid: tuple[int, int]) -> tuple[int, int]:
    """The position (row, column) of a grid (h, w) that lies under a point, given as fractions from the top left."""
    height, width = grid
    return min(int(down * height), height - 1), min(int(across * width), width - 1)


def judge(values: np.ndarray, across: float, down: float) -> Guess:
    """Compare a point, in fractions of the photo from the left and the top, with a map (h, w) that is not negative.

    Raises ValueError for a point outside the photo, and for a map that is not finite or without any weight.
    """
    if not (0 <= across <= 1 and 0 <= down <= 1):
        raise ValueError(f"The point ({across:.2f}, {down:.2f}) lies outside the photo.")
    if not np.isfinite(values).all() or values.sum() <= 0:
        raise ValueError("A map that is not finite, or empty, cannot judge a guess.")
    weight = float(values[cell_of(across, down, values.shape)])
    reached = values >= weight
    return Guess(float(reached.mean()), float(values[reached].sum() / values.sum()), weight)


def marked(photo: Image.Image, across: float, down: float) -> Image.Image:
    """The photo with a ring round a point, white in black: visible on any background."""
    photo = photo.convert("RGB").copy()
    draw, radius = ImageDraw.Draw(photo), max(8, max(photo.size) // 32)
    x, y = across * photo.width, down * photo.height
    for grow, colour, width in ((2, "black", 7), (0, "white", 3)):
        r = radius + grow
        draw.ellipse([x - r, y - r, x + r, y + r], outline=colour, width=width)
    return photo
