"""What may be concluded from predictions on the test images: paired comparisons, verdicts, calibration.

How a variant is held against the baseline. Seed k of both begins from the same backbone weights and sees the same
images in the same order, and all runs are scored on the same test images, so what is compared is d[k, i], the difference
in correctness on image i between the two runs of seed k. The question is about other seeds *and* other images, so both
count as random: d = mean + seed + image + rest. Radiology has this crossed design, with readers for seeds and cases for
images (Dorfman, Berbaum and Metz, Investigative Radiology 1992; degrees of freedom after Hillis, Statistics in Medicine
2007).

Three seeds are too few for a bootstrap: it takes the variance between seeds a third too small and gives the result a
normal tail where Student's t with two degrees of freedom belongs (`paired_bootstrap` is reported beside it). Therefore
`compare` adds up the components of variance, and takes the variance between seeds as the largest of
- the pair's own, so that an unsteady variant is not lent the steadiness of the others;
- the mean over all variants of the table, which three seeds that agree by luck cannot undercut;
- the chance that is left in scoring this many images (rest / images), which it contains by construction.
The pooled estimate decides the degrees of freedom, less what the variants share by having one baseline. A variant of
which a run collapsed (UNSTEADY) is judged by its own seeds alone and does not widen the others' intervals. Simulated
studies with three seeds (tests/study/test_comparison.py) find these 95 % intervals to cover the truth in 93 to 98 % of cases;
the bootstrap covers it in 98 % where seeds hardly matter and in 80 % where they matter most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # scipy.stats takes most of a second to import, and scipy does so at its first use

from attention.core.intervals import CONFIDENCE, quantile

POWER = 0.8  # of the smallest difference that is called detectable
MARGIN = 0.005  # a difference in accuracy within this is taken for none
SEEDS_TO_JUDGE = 3
UNSTEADY = 20  # times the median variance between seeds: by chance one variant in a million, for three seeds
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Difference:
    """A variant's accuracy less the baseline's, as fractions, with its 95 % interval; p says how odd it would be at 0.

    With fewer than SEEDS_TO_JUDGE seeds the luck of training is unknown: the interval is over images, and p is None.
    """

    seeds: int
    value: float
    standard_error: float
    degrees: float  # of freedom
    p: float | None

    @property
    def low(self) -> float:
        return self.value - quantile(CONFIDENCE, self.degrees) * self.standard_error

    @property
    def high(self) -> float:
        return self.value + quantile(CONFIDENCE, self.degrees) * self.standard_error

    def detectable(self, comparisons: int = 1) -> float:
        """The smallest true difference that this many seeds show in four studies of five (POWER).

        Among several comparisons it is the one that passes Holm's first and strictest step.
        """
        strict = quantile(1 - (1 - CONFIDENCE) / comparisons, self.degrees)
        return (strict + float(scipy.stats.t.ppf(POWER, self.degrees))) * self.standard_error


def compare(pairs: Mapping[str, np.ndarray]) -> dict[str, Difference]:
    """Every variant's difference to the baseline, from paired differences in correctness (seeds, images) in -1, 0, 1.

    Give all variants of one table together: the variance between seeds is pooled, as the module's docstring explains.
    """
    judged = {name: _Components.of(d) for name, d in pairs.items() if len(d) >= SEEDS_TO_JUDGE}
    limit = UNSTEADY * np.median([part.between_seeds for part in judged.values()] or [0])
    steady = {name: part for name, part in judged.items() if part.between_seeds <= limit}
    pooled = _pool(list(steady.values()))
    found = {}
    for name, d in pairs.items():
        if name in steady:
            found[name] = _difference(judged[name], *pooled)
        elif name in judged:
            found[name] = _difference(judged[name], judged[name].between_seeds, judged[name].seeds - 1)
        else:
            found[name] = _over_images(d)
    return found


@dataclass(frozen=True)
class _Components:
    """What the paired differences of one variant say about each source of chance."""

    seeds: int
    value: float
    between_seeds: float  # variance of a seed's difference, scoring noise included
    between_images: float  # variance of the mean over seeds that comes from the choice of images
    scoring: float  # the least that a seed's difference varies: what is left when seed and image are taken out

    @classmethod
    def of(cls, d: np.ndarray) -> "_Components":
        (seeds, images), value = d.shape, d.mean()
        by_seed, by_image = d.mean(1), d.mean(0)
        rest = ((d - by_seed[:, None] - by_image + value) ** 2).sum() / ((seeds - 1) * (images - 1))
        between_images = max(by_image.var(ddof=1) - rest / seeds, 0) / images
        return cls(seeds, value, by_seed.var(ddof=1), between_images, rest / images)


def _pool(parts: list[_Components]) -> tuple[float, float]:
    """The mean variance between seeds, and how many degrees of freedom it has.

    Two differences to one baseline correlate by a half, their variances by a quarter: fewer degrees than their sum.
    """
    if not parts:
        return 0.0, 0.0
    degrees = np.array([part.seeds - 1 for part in parts])
    pooled = float((degrees * [part.between_seeds for part in parts]).sum() / degrees.sum())
    shared = np.minimum.outer(degrees, degrees) * np.where(np.eye(len(parts), dtype=bool), 1, 0.25)
    return pooled, float(degrees.sum() ** 2 / shared.sum())


def _difference(part: _Components, pooled: float, pooled_degrees: float) -> Difference:
    from_seeds = max(part.between_seeds, pooled, part.scoring) / part.seeds
    variance = from_seeds + part.between_images
    if variance == 0:  # the same predictions in every run
        return Difference(part.seeds, float(part.value), 0.0, pooled_degrees, 1.0 if part.value == 0 else 0.0)
    degrees = pooled_degrees * (variance / from_seeds) ** 2 if from_seeds else np.inf
    p = 2 * scipy.stats.t.sf(abs(part.value) / variance**0.5, degrees)
    return Difference(part.seeds, float(part.value), float(variance**0.5), float(degrees), float(p))


def _over_images(d: np.ndarray) -> Difference:
    error = d.mean(0).std(ddof=1) / d.shape[1] ** 0.5
    return Difference(len(d), float(d.mean()), float(error), float(d.shape[1] - 1), None)


def verdict(difference: Difference, p_holm: float | None) -> str:
    """ "not judged yet", "gain", "loss", "equivalent" or "undecided".

    Gain and loss come first, when p survives Holm's correction: a small difference that is sure is still one, and the
    interval beside it says how small. Else the two are equivalent when the interval lies within MARGIN of 0 on both sides.
    """
    if difference.seeds < SEEDS_TO_JUDGE or p_holm is None:
        return "not judged yet"
    if p_holm < 1 - CONFIDENCE:
        return "gain" if difference.value > 0 else "loss"
    return "equivalent" if -MARGIN < difference.low and difference.high < MARGIN else "undecided"


def comparable(seeds: Sequence[float]) -> np.ndarray:
    """Which rows' accuracies may be ranked among each other (N,) bool: a single run's luck is never held against a mean.

    Those with SEEDS_TO_JUDGE seeds or more, where two have them; else those with the number of seeds that most have.
    """
    seeds = np.asarray(seeds, dtype=float)
    several = seeds >= SEEDS_TO_JUDGE
    if several.sum() > 1 or not len(seeds):
        return several
    counts, times = np.unique(seeds, return_counts=True)
    return seeds == counts[times.argmax()]


def pareto_front(accuracy: Sequence[float], latency: Sequence[float]) -> np.ndarray:
    """Which rows no other beats (N,) bool: none is as fast and as accurate, and better in one of the two."""
    accuracy, latency = np.asarray(accuracy, float), np.asarray(latency, float)
    as_good = (accuracy[None] >= accuracy[:, None]) & (latency[None] <= latency[:, None])
    better = (accuracy[None] > accuracy[:, None]) | (latency[None] < latency[:, None])
    return ~(as_good & better).any(1)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error (Guo et al. 2017, arxiv.org/abs/1706.04599): |accuracy - confidence| over equal bins.

    Probabilities (N, classes). A bin holds its upper edge, and counts by its share of the images.
    """
    confidence = probabilities.max(1).astype(np.float64)
    surplus = (probabilities.argmax(1) == labels) - confidence
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(bin_of, surplus, bins)).sum() / len(labels))


def confusion(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Counts (classes, classes): a row a true class, a column a predicted one."""
    return np.bincount(labels.astype(int) * classes + predicted, minlength=classes**2).reshape(classes, classes)


def class_accuracy(counts: np.ndarray) -> np.ndarray:
    """A confusion's share of right answers a true class; NaN for a class without images."""
    images = counts.sum(1).astype(float)
    return np.divide(np.diag(counts), images, out=np.full(len(counts), np.nan), where=images > 0)
