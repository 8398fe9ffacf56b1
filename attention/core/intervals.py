"""Confidence intervals and tests: Wilson, Student's t over seeds, bootstrap, Holm, McNemar. Only NumPy and SciPy."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy  # imports scipy.stats, which takes most of a second, only when it is first used

CONFIDENCE = 0.95
RESAMPLES = 2000


def accuracy_interval(correct: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's interval (low, high) of a share of images, as fractions: what other test images could have shown."""
    interval = scipy.stats.binomtest(correct, total).proportion_ci(confidence, method="wilson")
    return interval.low, interval.high


def seed_interval(accuracies: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """(mean, low, high) by Student's t over at least two seeds: what other seeds could have shown on these images."""
    mean = float(np.mean(accuracies))
    half = quantile(confidence, len(accuracies) - 1) * float(np.std(accuracies, ddof=1)) / len(accuracies) ** 0.5
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def quantile(confidence: float, degrees: float) -> float:
    """Student's t quantile: how many standard errors a two-sided interval of this confidence reaches to each side."""
    return float(scipy.stats.t.ppf((1 + confidence) / 2, degrees))


def paired_bootstrap(pairs: Mapping[str, np.ndarray], resamples: int = RESAMPLES) -> dict[str, tuple[float, float]]:
    """{name: 95 % percentile interval} of mean paired differences (seeds, images), resampling both images and seeds.

    All variants share the draws of images; variants with equally many seeds share the draws of seeds. The bootstrap
    assumes little and is what most papers report, but with few seeds it can be too narrow or too wide, so the verdict
    rests on `compare` (study/comparison.py).
    """
    if not pairs:
        return {}
    images = next(iter(pairs.values())).shape[1]
    drawn = np.random.default_rng(0).integers(images, size=(resamples, images))
    drawn += np.arange(resamples)[:, None] * images  # so that each resample is counted in its own row
    counts = np.bincount(drawn.ravel(), minlength=resamples * images).reshape(resamples, images)
    counts = counts.astype(np.float32)  # exact for sums of small whole numbers, and much faster than integers
    intervals = {}
    for name, d in pairs.items():
        sums = counts @ d.T.astype(np.float32)  # (resamples, seeds)
        seeds = np.random.default_rng(len(d)).integers(len(d), size=(resamples, len(d)))
        means = np.take_along_axis(sums, seeds, 1).mean(1, dtype=np.float64) / images
        low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        intervals[name] = float(low), float(high)
    return intervals


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the given order: at most 5 % of studies have any false result below 0.05."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = float(largest)
    return corrected


def mcnemar(correct: np.ndarray, other: np.ndarray) -> float:
    """McNemar's exact p-value for two models being right equally often, from the images that only one gets right.

    It compares these two sets of weights and says nothing about other seeds of the same variants.
    """
    only, only_other = int((correct & ~other).sum()), int((other & ~correct).sum())
    return float(scipy.stats.binomtest(only, only + only_other).pvalue) if only + only_other else 1.0
