"""Rebuilds the committed tables under data/results from the runs.

Two files are kept of a run: its record, data/results/runs/<dataset>/<recipe>/<variant>-seed<k>.json, and its
probabilities on every test image, data/results/predictions/<dataset>/<recipe>/<variant>-seed<k>.npz. From these
`rebuild` makes four tables, without the data set and byte for byte the same each time:

runs.csv       a row per run: its score, its cost, what made it, and the learned strengths of its attention
accuracy.csv   a row per variant, data set and recipe: accuracy, difference to the baseline, verdict (see comparison.py)
per_class.csv  a row per variant and true class: accuracy, and how often each class was predicted, summed over seeds
curves.csv     a row per run and epoch
"""

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from attention.core import intervals, paths
from attention.core.errors import BadInput
from attention.core.files import write_npz, write_text
from attention.core.paths import PREDICTIONS, RESULTS
from attention.models.variants import REFERENCE, VARIANTS
from attention.pictures.datasets import dataset
from attention.study import comparison
from attention.training import records, scoring
from attention.training.recipes import RECIPES

RUNS_FILE = RESULTS / "runs.csv"
ACCURACY_FILE = RESULTS / "accuracy.csv"
PER_CLASS_FILE = RESULTS / "per_class.csv"
CURVES_FILE = RESULTS / "curves.csv"
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


def rebuild(progress: Callable[[str], None] = print) -> None:
    """Write runs.csv, accuracy.csv, per_class.csv and curves.csv anew. Raises ResultsError before it writes any."""
    for path, text in summaries(progress).items():
        write_text(path, text)
        progress(f"{path.name}: {text.count(chr(10)) - 1} rows")


def summaries(progress: Callable[[str], None] = print) -> dict[Path, str]:
    """What `rebuild` writes: the text of each summary, by its path. Raises ResultsError."""
    scored = scored_runs(progress)
    tables = [list(group) for _, group in groupby(scored, lambda run: (run.record["dataset"], run.record["recipe"]))]
    return {
        RUNS_FILE: _csv(map(_run_row, scored)),
        ACCURACY_FILE: _csv(row for table in tables for row in _accuracy_rows(table)),
        PER_CLASS_FILE: _csv(row for table in tables for row in _class_rows(table)),
        CURVES_FILE: _csv(row for run in scored for row in _curve_rows(run)),
    }


def _csv(rows: Iterable[dict]) -> str:
    return pd.DataFrame(rows, dtype=object).to_csv(index=False, lineterminator="\n")  # object: 3 stays 3 beside a gap


# reading


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


# the rows


def _run_row(run: ScoredRun) -> dict:
    record, low_high = run.record, intervals.accuracy_interval(int(run.correct.sum()), len(run.labels))
    return {
        **{key: record[key] for key in ("dataset", "recipe", "recipe_hash", "variant")},
        **_place(record["variant"]),
        "seed": record["seed"],
        "images": len(run.labels),
        "correct": int(run.correct.sum()),
        "accuracy": round(run.accuracy, 6),
        "low": round(low_high[0], 6),
        "high": round(low_high[1], 6),
        "top5_accuracy": record.get("top5_accuracy"),  # only with many classes
        "calibration_error": round(run.calibration_error, 6),
        **{key: record[key] for key in ("epochs", "seconds", "seconds_an_epoch", "peak_memory_mb", "parameters")},
        **{key: record[key] for key in ("device", "precision", "threads")},
        **{key: record["versions"].get(key) for key in ("python", "torch", "torchvision")},
        **{key: record[key] for key in ("code_commit", "weights_sha256", "ended")},
        "strengths": json.dumps(record.get("strengths") or {}, sort_keys=True, separators=(",", ":")),
    }


def _place(variant_name: str) -> dict:
    return {"mechanism": VARIANTS[variant_name].mechanism or "", "placement": VARIANTS[variant_name].placement}


def _curve_rows(run: ScoredRun) -> Iterator[dict]:
    for point in run.record["history"]:
        yield {key: run.record[key] for key in ("dataset", "recipe", "variant", "seed")} | point


def _by_variant(table: list[ScoredRun]) -> dict[str, list[ScoredRun]]:
    return {name: list(group) for name, group in groupby(table, lambda run: run.record["variant"])}


def _class_rows(table: list[ScoredRun]) -> Iterator[dict]:
    for name, seeds in _by_variant(table).items():
        record = seeds[0].record
        classes = dataset(record["dataset"]).class_names
        counts = sum(comparison.confusion(run.predicted, run.labels, len(classes)) for run in seeds)
        for label, accuracy in enumerate(comparison.class_accuracy(counts)):
            yield {
                "dataset": record["dataset"],
                "recipe": record["recipe"],
                "variant": name,
                "seeds": len(seeds),
                "class": classes[label],
                "images": int(counts[label].sum()) // len(seeds),
                "accuracy": round(float(accuracy), 6),
                "predicted": " ".join(map(str, counts[label])),  # confusion row: a count per class, in label order
            }


def _accuracy_rows(table: list[ScoredRun]) -> Iterator[dict]:
    """The rows of one data set and recipe, which is what Holm's correction and the pooled variance range over."""
    variants = _by_variant(table)
    pairs = _pairs(variants)
    differences, bootstraps = comparison.compare(pairs), intervals.paired_bootstrap(pairs)
    judged = [name for name, difference in differences.items() if difference.p is not None]
    machine = _usual_machine(table)
    p_holm = dict(zip(judged, intervals.holm([differences[name].p for name in judged]), strict=True))
    for name, seeds in variants.items():
        row = _variant_row(name, seeds, machine)
        if name in pairs:
            row |= _difference_columns(differences[name], bootstraps[name], p_holm.get(name), len(judged))
            row["mcnemar_p"] = _significant(_mcnemar_of_lowest_seed(seeds, variants[REFERENCE]))
        else:
            row["verdict"] = "reference" if name == REFERENCE else "not judged yet"
        yield row


def _pairs(variants: dict[str, list[ScoredRun]]) -> dict[str, np.ndarray]:
    """Differences in correctness to the baseline's run of the same seed, (seeds, images) in -1, 0, 1, by variant."""
    baseline = {run.record["seed"]: run.correct.astype(np.int8) for run in variants.get(REFERENCE, [])}
    pairs = {}
    for name, seeds in variants.items():
        paired = [run.correct - baseline[run.record["seed"]] for run in seeds if run.record["seed"] in baseline]
        if paired and name != REFERENCE:
            pairs[name] = np.stack(paired)
    return pairs


def _mcnemar_of_lowest_seed(seeds: list[ScoredRun], baseline: list[ScoredRun]) -> float:
    other = {run.record["seed"]: run.correct for run in baseline}
    run = next(run for run in seeds if run.record["seed"] in other)
    return intervals.mcnemar(run.correct, other[run.record["seed"]])


def _machine(record: dict) -> tuple:
    """What a run's seconds and memory depend on, besides the run."""
    return record["device"], record["threads"], record["precision"]


def _usual_machine(table: list[ScoredRun]) -> tuple:
    """The machine that most runs of a table were trained on (or the first of equals): no column mixes two machines."""
    return Counter(_machine(run.record) for run in table).most_common(1)[0][0]


def _variant_row(name: str, seeds: list[ScoredRun], machine: tuple) -> dict:
    """A row of accuracy.csv, with the columns of the comparison still empty; `seed` and weights are of the lowest seed.

    The cost of training is taken only from runs on `machine`.
    """
    timed = [run.record for run in seeds if _machine(run.record) == machine]
    record, accuracies = seeds[0].record, [run.accuracy for run in seeds]
    images = len(seeds[0].labels)
    if len(seeds) >= comparison.SEEDS_TO_JUDGE:
        interval, (mean, low, high) = "seeds", intervals.seed_interval(accuracies)
    else:
        mean = float(np.mean(accuracies))
        interval, (low, high) = "images", intervals.accuracy_interval(round(mean * images), images)

    def every(key: str):
        return "; ".join(dict.fromkeys(str(run.record[key]) for run in seeds))

    return {
        "dataset": record["dataset"],
        "variant": name,
        **_place(name),
        "recipe": record["recipe"],
        "recipe_hash": record["recipe_hash"],
        "seed": record["seed"],
        "seeds": len(seeds),
        "images": images,
        "accuracy": round(mean, 6),
        "low": round(low, 6),
        "high": round(high, 6),
        "interval": interval,
        **dict.fromkeys(COMPARISON_COLUMNS),
        "calibration_error": round(float(np.mean([run.calibration_error for run in seeds])), 6),
        "epochs": record["epochs"],
        "seconds_an_epoch": round(float(np.mean([r["seconds_an_epoch"] for r in timed])), 2) if timed else None,
        "peak_memory_mb": max((r["peak_memory_mb"] for r in timed), default=None),
        "timed_on": machine[0],
        "timed_threads": machine[1],
        "timed_precision": machine[2],
        "training_device": every("device"),
        "training_threads": every("threads"),
        "precision": every("precision"),
        "weights_sha256": record["weights_sha256"],
    }


COMPARISON_COLUMNS = (
    "paired_seeds", "difference_points", "difference_low_points", "difference_high_points", "bootstrap_low_points",
    "bootstrap_high_points", "p", "p_holm", "verdict", "detectable_points", "mcnemar_p",
)  # fmt: skip


def _difference_columns(
    difference: comparison.Difference, bootstrap: tuple[float, float], p_holm: float | None, comparisons: int
) -> dict:
    return {
        "paired_seeds": difference.seeds,
        "difference_points": _points(difference.value),
        "difference_low_points": _points(difference.low),
        "difference_high_points": _points(difference.high),
        "bootstrap_low_points": _points(bootstrap[0]),
        "bootstrap_high_points": _points(bootstrap[1]),
        "p": _significant(difference.p),
        "p_holm": _significant(p_holm),
        "verdict": comparison.verdict(difference, p_holm),
        "detectable_points": None if p_holm is None else _points(difference.detectable(comparisons)),
    }


def _points(fraction: float) -> float:
    return round(fraction * 100, 4) + 0.0  # a rounded -0.0 becomes 0.0


def _significant(p: float | None) -> float | None:
    return None if p is None else float(f"{p:.4g}")
