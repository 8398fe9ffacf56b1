"""What can be concluded from predictions on the test images: paired comparisons, verdicts, calibration.

How a variant is compared with the baseline. Seed k of both starts from the same backbone weights and sees the same
images in the same order, and all runs are scored on the same test images, so what is compared is d[k, i], the
difference in correctness on image i between the two runs of seed k. The question is about other seeds *and* other
images, so both are random effects: d = mean + seed + image + rest. Radiology uses this crossed design, with readers as
seeds and cases as images (Dorfman, Berbaum and Metz, Investigative Radiology 1992; degrees of freedom after Hillis,
Statistics in Medicine 2007).

Three seeds are too few for a bootstrap: its variance between seeds is a third too small, and its tail is normal where
it should be that of Student's t with two degrees of freedom (`paired_bootstrap` is reported beside it). So `compare`
adds up the variance components, and takes for the variance between seeds the largest of
- the pair's own, so that an unsteady variant does not borrow the steadiness of the others;
- the mean over all variants of the table, so that three seeds that agree by luck do not go below it;
- the noise left in scoring this many images (rest / images), which it contains by construction.
The pooled estimate decides the degrees of freedom, less what the variants share by having one baseline. A variant with
a collapsed run (UNSTEADY) is judged by its own seeds alone and does not widen the others' intervals. In simulated
studies with three seeds (tests/study/test_comparison.py) these 95 % intervals cover the truth in 93 to 98 % of cases;
the bootstrap covers it in 98 % where seeds hardly matter and in 80 % where they matter most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # scipy.stats takes most of a second to import, and scipy does so at its first use

from attention.core.intervals import CONFIDENCE, quantile
from attention.models.variants import REFERENCE

POWER = 0.8  # of the smallest difference that is called detectable
MARGIN = 0.005  # a difference in accuracy within this counts as none
SEEDS_TO_JUDGE = 3
UNSTEADY = 20  # times the median variance between seeds; by chance one variant in a million, with three seeds
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Difference:
    """A variant's accuracy minus the baseline's, as fractions, with its 95 % interval; p is that of no difference.

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
        """The smallest true difference that this many seeds detect in four studies of five (POWER).

        With several comparisons, at Holm's first and strictest step.
        """
        strict = quantile(1 - (1 - CONFIDENCE) / comparisons, self.degrees)
        return (strict + float(scipy.stats.t.ppf(POWER, self.degrees))) * self.standard_error


def paired(correct: Mapping[str, Mapping[int, np.ndarray]]) -> dict[str, np.ndarray]:
    """Differences in correctness to the baseline's run of the same seed, (seeds, images) in -1, 0, 1, by variant.

    From {variant: {seed: (images,) bool}}; a variant that shares no seed with the baseline is left out.
    """
    baseline, pairs = correct.get(REFERENCE, {}), {}
    for name, seeds in correct.items():
        shared = [seed for seed in seeds if seed in baseline]
        if shared and name != REFERENCE:
            pairs[name] = np.stack([seeds[seed].astype(np.int8) - baseline[seed] for seed in shared])
    return pairs


def compare(pairs: Mapping[str, np.ndarray]) -> dict[str, Difference]:
    """Every variant's difference to the baseline, from paired differences in correctness (seeds, images) in -1, 0, 1.

    Pass all variants of one table together, because the variance between seeds is pooled (see the module's docstring).
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
    """The variance components of one variant's paired differences."""

    seeds: int
    value: float
    between_seeds: float  # variance of a seed's difference, scoring noise included
    between_images: float  # variance of the mean over seeds that comes from the choice of images
    scoring: float  # variance left after the effects of seed and image: the least of a seed's difference

    @classmethod
    def of(cls, d: np.ndarray) -> "_Components":
        (seeds, images), value = d.shape, d.mean()
        by_seed, by_image = d.mean(1), d.mean(0)
        rest = ((d - by_seed[:, None] - by_image + value) ** 2).sum() / ((seeds - 1) * (images - 1))
        between_images = max(by_image.var(ddof=1) - rest / seeds, 0) / images
        return cls(seeds, value, by_seed.var(ddof=1), between_images, rest / images)


def _pool(parts: list[_Components]) -> tuple[float, float]:
    """The mean variance between seeds and its degrees of freedom.

    There are fewer than the sum of all degrees, because two differences to one baseline correlate by a half and their
    variances by a quarter.
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

    Gain and loss come first, if p is still significant after Holm's correction: a small difference that is certain
    still counts, and its interval says how small it is. Else "equivalent" means an interval within MARGIN of 0.
    """
    if difference.seeds < SEEDS_TO_JUDGE or p_holm is None:
        return "not judged yet"
    if p_holm < 1 - CONFIDENCE:
        return "gain" if difference.value > 0 else "loss"
    return "equivalent" if -MARGIN < difference.low and difference.high < MARGIN else "undecided"


def comparable(seeds: Sequence[float]) -> np.ndarray:
    """Which rows (N,) bool may be ranked by accuracy, so that one lucky run is never ranked against a mean.

    Those with SEEDS_TO_JUDGE seeds or more, if there are at least two; else those with the commonest number of seeds.
    """
    seeds = np.asarray(seeds, dtype=float)
    several = seeds >= SEEDS_TO_JUDGE
    if several.sum() > 1 or not len(seeds):
        return several
    counts, times = np.unique(seeds, return_counts=True)
    return seeds == counts[times.argmax()]


def pareto_front(accuracy: Sequence[float], latency: Sequence[float]) -> np.ndarray:
    """Which rows (N,) bool no other row beats: none is as fast and as accurate, and better in one of the two."""
    accuracy, latency = np.asarray(accuracy, float), np.asarray(latency, float)
    as_good = (accuracy[None] >= accuracy[:, None]) & (latency[None] <= latency[:, None])
    better = (accuracy[None] > accuracy[:, None]) | (latency[None] < latency[:, None])
    return ~(as_good & better).any(1)


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = CALIBRATION_BINS) -> float:
    """Expected calibration error (Guo et al. 2017, arxiv.org/abs/1706.04599): |accuracy - confidence| over equal bins.

    Probabilities (N, classes). A bin is weighted by its share of the images.
    """
    confidence = probabilities.max(1).astype(np.float64)
    surplus = (probabilities.argmax(1) == labels) - confidence
    return float(np.abs(np.bincount(bin_of(confidence, bins), surplus, bins)).sum() / len(labels))


def bin_of(confidence: np.ndarray, bins: int = CALIBRATION_BINS) -> np.ndarray:
    """The bin of each probability; a bin includes its upper edge."""
    return np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)


def confusion(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """The confusion matrix, counts (classes, classes): a row per true class, a column per predicted one."""
    return np.bincount(labels.astype(int) * classes + predicted, minlength=classes**2).reshape(classes, classes)


def class_accuracy(counts: np.ndarray) -> np.ndarray:
    """The share of right answers per true class of a confusion matrix; NaN for a class without images."""
    images = counts.sum(1).astype(float)
    return np.divide(np.diag(counts), images, out=np.full(len(counts), np.nan), where=images > 0)
