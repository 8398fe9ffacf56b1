"""Describes a map in a few numbers: where its mass lies, how concentrated it is, how much it is like a centre prior.

It describes weights over channels too. No torch; web/sentences.py makes sentences of the numbers.
"""

from dataclasses import dataclass

import numpy as np

from attention.maps.scores import centre_gaussian

ALIKE = (
    1e-3  # a map is constant if its values differ by less than this share of the largest: float noise, or saturation
)
HALF = 0.5  # of an open gate, or of the uniform weight: `describe_channels` counts the weights below
FIELDS = (
    ("top-left", "top", "top-right"),
    ("left", "centre", "right"),
    ("bottom-left", "bottom", "bottom-right"),
)


@dataclass(frozen=True)
class MapWords:
    """`where` is the one of nine equal fields with the most mass; "centre" for a constant map, "nowhere" if all is 0.

    `half_area` is the smallest share of the picture that holds half of the mass, 0.5 when all values are equal.
    `centre_correlation` is Spearman's correlation with a centre Gaussian, -1 to 1, and 0 for a constant map.
    """

    where: str
    half_area: float
    centre_correlation: float
    constant: bool


@dataclass(frozen=True)
class ChannelWords:
    """Describes `channels` weights, gates or multiples of uniform: their range, mean and how many are below HALF."""

    channels: int
    low: float
    high: float
    mean: float
    below_half: int
    constant: bool


def describe_map(values: np.ndarray) -> MapWords:
    """A map (h, w) in numbers. Raises ValueError for one that is not finite, or is no map.

    A map with negative values is shifted so that its smallest is 0.
    """
    if values.ndim != 2 or not values.size:
        raise ValueError(f"A map has two axes and at least one position, not the shape {values.shape}")
    values = _finite(values)
    mass = values - min(0.0, float(values.min()))
    constant = _is_constant(mass)
    where = "nowhere" if not mass.any() else "centre" if constant else _where(mass)
    prior = centre_gaussian(*mass.shape).round(6)  # so that equal distances from the centre stay equal
    correlation = 0.0 if constant else rank_correlation(mass, prior)
    return MapWords(where, _half_area(mass), correlation, constant)


def describe_channels(weights: list[np.ndarray]) -> ChannelWords:
    """The weights (C,) of one module or of several together. Raises ValueError where they are not finite."""
    values = _finite(np.concatenate(weights))
    below = int((values < HALF).sum())
    return ChannelWords(
        len(values), float(values.min()), float(values.max()), float(values.mean()), below, _is_constant(values)
    )


def mean_distance(weights: list[np.ndarray], others: list[np.ndarray]) -> float:
    """The mean of |weight - other| over all channels: how far a photo's weights are from, say, its class's mean."""
    return float(np.abs(np.concatenate(weights) - np.concatenate(others)).mean())


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two maps of one shape, -1 to 1; ties share a mean rank; 0 if one is constant."""
    ranks = np.stack([_ranks(a), _ranks(b)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(axis=1))
    return float(ranks[0] @ ranks[1] / norms.prod()) if norms.all() else 0.0


def _finite(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise ValueError("The map holds values that are not finite")
    return values.astype(np.float64)


def _is_constant(values: np.ndarray) -> bool:
    return float(np.ptp(values)) <= ALIKE * float(np.abs(values).max())


def _ranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks of the flat values; equal ones get the mean of the ranks that they take up."""
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _thirds(length: int) -> np.ndarray:
    """(3, length): how much of each position lies in the first, second and last third of the side."""
    edges, ends = np.arange(length), np.linspace(0, length, 4)
    return np.clip(np.minimum(edges + 1, ends[1:, None]) - np.maximum(edges, ends[:-1, None]), 0, 1)


def _where(mass: np.ndarray) -> str:
    """The field with the most mass. The centre of mass of two bright corners would lie where nothing is."""
    fields = _thirds(mass.shape[0]) @ mass @ _thirds(mass.shape[1]).T
    row, column = np.unravel_index(fields.argmax(), fields.shape)
    return "centre" if fields[1, 1] >= fields.max() * (1 - ALIKE) else FIELDS[row][column]


def _half_area(mass: np.ndarray) -> float:
    """The smallest share of the positions that holds half of the mass; of the last one, only the part needed counts."""
    falling = np.sort(mass, axis=None)[::-1]
    total = falling.sum()
    if total <= 0:
        return 0.5
    reached = np.cumsum(falling)
    last = int(np.searchsorted(reached, total / 2))
    missing = total / 2 - (reached[last] - falling[last])
    return float((last + missing / falling[last]) / falling.size)
