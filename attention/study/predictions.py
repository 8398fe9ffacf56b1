"""What the committed predictions say beyond a model's accuracy: training curves, classes, confusions, calibration.

Everything is computed on demand from data/results/predictions and data/results/labels (the curves from curves.csv),
because these files are small. What was read is cached until the file changes. No data set is needed.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from attention.core import intervals
from attention.core.intervals import CONFIDENCE, RESAMPLES
from attention.models.variants import REFERENCE, VARIANTS
from attention.pictures.datasets import dataset
from attention.study import committed, comparison, lookup, tables
from attention.study.comparison import CALIBRATION_BINS, SEEDS_TO_JUDGE

RARE = 5  # images per seed, on average: a bin with fewer says nothing and is left out of the diagram


@lru_cache(maxsize=256)  # of some 80 kB each, or 4 MB with 200 classes
def _read(path: Path, stamp: int, dataset_name: str) -> np.ndarray:
    labels, classes = committed.val_labels(dataset_name), len(dataset(dataset_name).classes)
    probabilities = committed.read_probabilities(path, labels, classes)
    if probabilities.shape != (len(labels), classes) or not np.isfinite(probabilities).all():
        shown = f"data/results/predictions/{path.relative_to(committed.PREDICTIONS)}"
        raise committed.ResultsError(
            f"{shown} does not hold probabilities of {len(labels)} images. Restore it from git."
        )
    return probabilities


def available(dataset_name: str) -> dict[str, int]:
    """{variant: how many seeds have predictions} for the recipe that the page shows, in the order of VARIANTS."""
    found = Counter(path.stem.rpartition("-seed")[0] for path in _folder(dataset_name).glob("*-seed*.npz"))
    return {name: found[name] for name in VARIANTS if name in found}


def _folder(dataset_name: str) -> Path:
    return committed.PREDICTIONS / dataset_name / lookup.recipe_shown(dataset_name)


def by_seed(dataset_name: str, variant: str) -> dict[int, np.ndarray]:
    """{seed: probabilities (N, classes)} of a variant's runs, the lowest seed first. Raises ResultsError."""
    paths = {int(path.stem.rpartition("-seed")[2]): path for path in _folder(dataset_name).glob(f"{variant}-seed*.npz")}
    return {seed: _read(paths[seed], paths[seed].stat().st_mtime_ns, dataset_name) for seed in sorted(paths)}


# training


@dataclass(frozen=True)
class Curve:
    """One figure of a variant by epoch: the mean, the lowest and the highest over its seeds, (epochs,) each."""

    epochs: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int


def curves(dataset_name: str, variant: str, column: str) -> Curve | None:
    """A column of curves.csv ("loss", "train_accuracy", "test_accuracy") of the recipe shown; None if there is none."""
    table = lookup.read(tables.CURVES_FILE)
    if table.empty:
        return None
    rows = table[(table["dataset"] == dataset_name) & (table["variant"] == variant)]
    rows = rows[rows["recipe"] == lookup.recipe_shown(dataset_name)]
    if rows.empty:
        return None
    found = rows.groupby("epoch")[column].agg(["mean", "min", "max"])
    return Curve(found.index.to_numpy(), *(found[key].to_numpy() for key in found), rows["seed"].nunique())


# classes


def confusion(dataset_name: str, variant: str) -> np.ndarray:
    """Counts (classes, classes) summed over seeds: a row per true class, a column per predicted one."""
    labels = committed.val_labels(dataset_name)
    runs = by_seed(dataset_name, variant).values()
    return sum(comparison.confusion(run.argmax(1), labels, run.shape[1]) for run in runs)


def class_differences(dataset_name: str) -> pd.DataFrame:
    """Accuracy on each class minus the baseline's, in percentage points: a row per variant and class.

    Columns variant, label, seeds, accuracy, difference, low, high, p_holm, verdict, judged as comparison.py judges whole
    models; Holm's correction ranges over all classes of all judged variants of the data set, shown or not.
    """
    return _class_differences(dataset_name, _stamp(dataset_name)).copy()


def _stamp(dataset_name: str) -> tuple:
    """Changes whenever a file behind the figures of a data set does."""
    return tuple(sorted((path, path.stat().st_mtime_ns) for path in _folder(dataset_name).glob("*.npz")))


@lru_cache(maxsize=8)
def _class_differences(dataset_name: str, stamp: tuple) -> pd.DataFrame:
    labels = committed.val_labels(dataset_name)
    correct = {
        name: {seed: run.argmax(1) == labels for seed, run in by_seed(dataset_name, name).items()}
        for name in available(dataset_name)
    }
    pairs = comparison.paired(correct)
    rows = [row for label in np.unique(labels) for row in _class_rows(correct, pairs, labels == label, int(label))]
    judged = [row for row in rows if row["p"] is not None]
    for row, p_holm in zip(judged, intervals.holm([row["p"] for row in judged]), strict=True):
        row |= {"p_holm": p_holm, "verdict": comparison.verdict(row["found"], p_holm)}
    columns = ["variant", "label", "seeds", "accuracy", "difference", "low", "high", "p_holm", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def _class_rows(correct: dict, pairs: dict, of_class: np.ndarray, label: int) -> list[dict]:
    compared = comparison.compare({name: d[:, of_class] for name, d in pairs.items()})
    rows = []
    for name, seeds in correct.items():
        found = compared.get(name)
        points = {} if found is None else {
            "difference": 100 * found.value, "low": 100 * found.low, "high": 100 * found.high,
        }  # fmt: skip
        rows.append(
            {
                "variant": name, "label": label, "seeds": len(seeds), "found": found,
                "accuracy": float(np.mean([run[of_class].mean() for run in seeds.values()])),
                "p": found.p if found else None, "p_holm": None,
                "verdict": "reference" if name == REFERENCE else "not judged yet", **points,
            }
        )  # fmt: skip
    return rows


# calibration


@dataclass(frozen=True)
class Calibration:
    """How far a model's probabilities can be believed. All figures are fractions.

    `error` is the expected calibration error, the mean over seeds, with its 95 % interval: over seeds (Student's t) if
    there are SEEDS_TO_JUDGE or more, else over photographs (bootstrap). `bins` has a row per bin of at least RARE
    images: its `confidence` and `accuracy`, `low` and `high` (Wilson, for the images of one seed), `images` (per seed,
    on average).
    """

    seeds: int
    error: float
    low: float
    high: float
    confidence: float  # the mean of the largest probability
    accuracy: float
    bins: pd.DataFrame


def calibration(dataset_name: str, variant: str) -> Calibration:
    """The Calibration of one variant. Raises ResultsError if its predictions are damaged."""
    return _calibration(dataset_name, variant, _stamp(dataset_name))


@lru_cache(maxsize=64)
def _calibration(dataset_name: str, variant: str, stamp: tuple) -> Calibration:
    labels = committed.val_labels(dataset_name)
    runs = list(by_seed(dataset_name, variant).values())
    errors = [comparison.calibration_error(run, labels) for run in runs]
    if len(errors) >= SEEDS_TO_JUDGE:
        error, low, high = intervals.seed_interval(errors)
    else:
        error, (low, high) = float(np.mean(errors)), _bootstrap_error(runs, labels)
    right = np.concatenate([run.argmax(1) == labels for run in runs])
    confidence = np.concatenate([run.max(1).astype(np.float64) for run in runs])
    bins = _reliability(confidence, right, len(runs))
    return Calibration(len(runs), error, low, high, float(confidence.mean()), float(right.mean()), bins)


def _reliability(confidence: np.ndarray, right: np.ndarray, seeds: int) -> pd.DataFrame:
    found = pd.DataFrame(
        {"bin": comparison.bin_of(confidence), "confidence": confidence, "accuracy": right.astype(float)}
    )
    bins = found.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), images=("bin", "size")
    )
    bins = bins.assign(images=bins["images"] / seeds)
    bins = bins[bins["images"] >= RARE].reset_index()
    ends = [
        intervals.accuracy_interval(min(round(share * images), round(images)), round(images))
        for share, images in zip(bins["accuracy"], bins["images"], strict=True)
    ]
    return bins.assign(low=[low for low, _ in ends], high=[high for _, high in ends])


def _bootstrap_error(runs: list[np.ndarray], labels: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile interval of the mean error over runs, from images drawn with replacement."""
    images = len(labels)
    drawn = np.random.default_rng(0).integers(images, size=(RESAMPLES, images))
    drawn += np.arange(RESAMPLES)[:, None] * images  # each resample counts in a row of its own
    counts = np.bincount(drawn.ravel(), minlength=RESAMPLES * images).reshape(RESAMPLES, images).astype(np.float32)
    errors = []
    for run in runs:
        confidence = run.max(1).astype(np.float64)
        surplus = (run.argmax(1) == labels) - confidence
        one_hot = np.zeros((images, CALIBRATION_BINS), np.float32)
        one_hot[np.arange(images), comparison.bin_of(confidence)] = surplus
        errors.append(np.abs(counts @ one_hot).sum(1) / images)
    low, high = np.quantile(np.mean(errors, axis=0), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def calibration_differences(dataset_name: str) -> pd.DataFrame:
    """The calibration error minus the baseline's, paired by seed: a row per variant with at least SEEDS_TO_JUDGE shared
    seeds, because with fewer the luck of training is unknown.

    Columns variant, difference, low, high (Student's 95 % interval over seeds), p, p_holm (over these rows).
    """
    return _calibration_differences(dataset_name, _stamp(dataset_name)).copy()


@lru_cache(maxsize=8)
def _calibration_differences(dataset_name: str, stamp: tuple) -> pd.DataFrame:
    labels, rows = committed.val_labels(dataset_name), []
    errors = {
        name: {k: comparison.calibration_error(run, labels) for k, run in by_seed(dataset_name, name).items()}
        for name in available(dataset_name)
    }
    baseline = errors.get(REFERENCE, {})
    for name, of_seed in errors.items():
        found = [error - baseline[seed] for seed, error in of_seed.items() if seed in baseline]
        if name != REFERENCE and len(found) >= SEEDS_TO_JUDGE:
            rows.append({"variant": name} | _t_test(found))
    table = pd.DataFrame(rows, columns=["variant", "difference", "low", "high", "p"])
    return table.assign(p_holm=intervals.holm(list(table["p"])))


def _t_test(values: list[float]) -> dict[str, float]:
    """A paired t-test: the mean of the differences, its Student's 95 % interval, and p for a true mean of 0."""
    import scipy  # late, because importing it is slow

    mean, degrees = float(np.mean(values)), len(values) - 1
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    if error == 0:
        return {"difference": mean, "low": mean, "high": mean, "p": float(mean == 0)}
    half = intervals.quantile(CONFIDENCE, degrees) * error
    p = 2 * float(scipy.stats.t.sf(abs(mean) / error, degrees))
    return {"difference": mean, "low": mean - half, "high": mean + half, "p": p}
