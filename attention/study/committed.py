"""The committed runs: records, probabilities and labels under data/results, read and held against each other.

Two files are kept of a run: its record, data/results/runs/<dataset>/<recipe>/<variant>-seed<k>.json, and its
probabilities on every test image, data/results/predictions/<dataset>/<recipe>/<variant>-seed<k>.npz.
"""

import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from attention.core import paths
from attention.core.errors import BadInput
from attention.core.files import write_npz
from attention.core.paths import PREDICTIONS, RESULTS
from attention.models.variants import VARIANTS
from attention.pictures.datasets import dataset
from attention.study import comparison
from attention.training import records, scoring
from attention.training.recipes import RECIPES

LABELS = RESULTS / "labels"  # so that predictions can be scored without the data set

ROUNDING_IMAGES = 2  # two devices, or float32 and float16, may differ by so many images on the same weights
NEEDED = (
    "variant", "dataset", "recipe", "recipe_hash", "seed", "scored_on", "images", "accuracy", "epochs", "seconds",
    "seconds_an_epoch", "peak_memory_mb", "parameters", "weights_sha256", "device", "precision", "threads", "versions",
    "code_commit", "ended", "history",
)  # fmt: skip


class ResultsError(BadInput):
    """Something under data/results is missing, damaged or contradicts itself; the message names the file."""


@dataclass(frozen=True)
class ScoredRun:
    """A record with its probabilities (N, classes) on the test images, whose labels are (N,)."""

    record: dict
    probabilities: np.ndarray
    labels: np.ndarray

    @cached_property
    def predicted(self) -> np.ndarray:
        return self.probabilities.argmax(1)

    @cached_property
    def correct(self) -> np.ndarray:
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        return float(self.correct.mean())

    @property
    def calibration_error(self) -> float:
        return comparison.calibration_error(self.probabilities, self.labels)


def scored_runs(progress: Callable[[str], None] = print) -> list[ScoredRun]:
    """The committed runs of current recipes, by data set, recipe, variant and seed; others are named and left out."""
    found, labels = [], {}
    for path in sorted(paths.RECORDS.glob("*/*/*.json")):
        record = _read_record(path)
        problem = _outdated(record)
        if problem:
            progress(f"{shown_path(path)} is left out: {problem}")
            continue
        name = record["dataset"]
        labels[name] = labels[name] if name in labels else val_labels(name)
        found.append(ScoredRun(record, _read_predictions(record, labels[name]), labels[name]))
    order = {name: number for number, name in enumerate(VARIANTS)}
    return sorted(
        found,
        key=lambda run: (*map(run.record.get, ("dataset", "recipe")), order[run.record["variant"]], run.record["seed"]),
    )


def shown_path(path: Path) -> str:
    return f"data/results/{path.relative_to(paths.RECORDS.parent)}"


def _read_record(path: Path) -> dict:
    try:
        record = records.read_record(path)
    except (OSError, ValueError) as error:
        raise ResultsError(
            f"{shown_path(path)} cannot be read ({error}). Restore it from git, or remove it."
        ) from error
    missing = [key for key in NEEDED if key not in record]
    if missing:
        raise ResultsError(f"{shown_path(path)} lacks {', '.join(missing)}. Restore it from git, or remove it.")
    if path.relative_to(paths.RECORDS) != Path(record["dataset"], record["recipe"], f"{_name(record)}.json"):
        raise ResultsError(
            f"{shown_path(path)} is the record of {_name(record)} on {record['dataset']} with recipe {record['recipe']}. "
            "Give it that place, or remove it."
        )
    return record


def _name(record: dict) -> str:
    return records.run_name(record["variant"], record["seed"])


def _outdated(record: dict) -> str | None:
    """Why a complete record does not belong in today's tables; None if it does."""
    recipe = RECIPES.get(record["recipe"])
    if recipe is None:
        return f"there is no recipe {record['recipe']}."
    if recipe.hash != record["recipe_hash"]:
        return f"recipe {recipe.name} has changed since ({record['recipe_hash']} then, {recipe.hash} now)."
    if record["variant"] not in VARIANTS:
        return f"there is no variant {record['variant']}."
    if records.learned_from_a_part(record):
        of = dataset(record["dataset"]).train_images
        return f"it learned from {record['trained_on']:,} of {of:,} photographs."
    return None if record["scored_on"] == "val" else f"it was scored on {record['scored_on']}."


def val_labels(dataset_name: str) -> np.ndarray:
    """The labels (N,) uint8 of a data set's val, in the order of datasets.load. Raises ResultsError."""
    path = LABELS / f"{dataset_name}.npz"
    if not path.exists():
        raise ResultsError(
            f"{shown_path(path)} is missing. Restore it from git, or run: python -m attention evaluate --dataset {dataset_name}"
        )
    return read_array(path, "labels")


def save_labels(dataset_name: str, labels: np.ndarray) -> None:
    """Save the labels of a data set's val. Raises ResultsError if others are saved already."""
    path = LABELS / f"{dataset_name}.npz"
    if not path.exists():
        write_npz(path, labels=labels.astype(np.uint8))
    elif not np.array_equal(val_labels(dataset_name), labels):
        raise ResultsError(
            f"{shown_path(path)} is not of the images in the folder of {dataset_name}: check the folder, or remove the file."
        )


def read_array(path: Path, key: str) -> np.ndarray:
    """One array of an .npz under data/results. Raises ResultsError."""
    return _of_arrays(path, lambda arrays: arrays[key])


def read_probabilities(path: Path, labels: np.ndarray, classes: int) -> np.ndarray:
    """The probabilities (N, classes) of a run on the test images whose labels are (N,). Raises ResultsError."""
    return _of_arrays(path, lambda arrays: scoring.expand(arrays, labels, classes))


def _of_arrays(path: Path, made: Callable[[Mapping[str, np.ndarray]], np.ndarray]) -> np.ndarray:
    """The result of `made` on the arrays of an .npz under data/results. Raises ResultsError."""
    try:
        with open(path, "rb") as file, np.load(file) as arrays:  # np.load leaves a broken file open
            return made(arrays)
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ResultsError(f"{shown_path(path)} is damaged ({error}). Restore it from git.") from error


def _read_predictions(record: dict, labels: np.ndarray) -> np.ndarray:
    path = PREDICTIONS / record["dataset"] / record["recipe"] / f"{_name(record)}.npz"
    if not path.exists():
        raise ResultsError(
            f"{shown_path(path)} is missing, though there is a record of the run. Restore it from git, or remove the record."
        )
    probabilities = read_probabilities(path, labels, len(dataset(record["dataset"]).classes))
    expected = (len(labels), len(dataset(record["dataset"]).classes))
    if probabilities.shape != expected:
        raise ResultsError(f"{shown_path(path)} has the shape {probabilities.shape}, not {expected}: images, classes.")
    if not np.isfinite(probabilities).all():
        raise ResultsError(
            f"{shown_path(path)} holds numbers that are not finite. Remove it and its record; train again."
        )
    correct = int((probabilities.argmax(1) == labels).sum())
    if abs(correct - record["accuracy"] * record["images"]) > ROUNDING_IMAGES:
        raise ResultsError(
            f"{shown_path(path)} has {correct} images right, and the run's record says {record['accuracy']:.2%} of "
            f"{record['images']}: they are of two runs. Restore both from git."
        )
    return probabilities
