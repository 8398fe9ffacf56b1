"""Rebuilds the committed tables under data/results from the runs.

From what is kept of each run (committed.py) `rebuild` makes four, without the data set and byte for byte the same each time:

runs.csv       a row per run: its score, its cost, what made it, and the learned strengths of its attention
accuracy.csv   a row per variant, data set and recipe: accuracy, difference to the baseline, verdict (see comparison.py)
per_class.csv  a row per variant and true class: accuracy, and how often each class was predicted, summed over seeds
curves.csv     a row per run and epoch
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from attention.core import intervals
from attention.core.files import write_text
from attention.core.paths import RESULTS
from attention.models.variants import REFERENCE, VARIANTS
from attention.pictures.datasets import dataset
from attention.study import comparison
from attention.study.committed import ScoredRun, scored_runs

RUNS_FILE = RESULTS / "runs.csv"
ACCURACY_FILE = RESULTS / "accuracy.csv"
PER_CLASS_FILE = RESULTS / "per_class.csv"
CURVES_FILE = RESULTS / "curves.csv"


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
    correct = {name: {run.record["seed"]: run.correct for run in seeds} for name, seeds in variants.items()}
    pairs = comparison.paired(correct)
    differences, bootstraps = comparison.compare(pairs), intervals.paired_bootstrap(pairs)
    judged = [name for name, difference in differences.items() if difference.p is not None]
    machine = _usual_machine(table)
    p_holm = dict(zip(judged, intervals.holm([differences[name].p for name in judged]), strict=True))
    for name, seeds in variants.items():
        row = _variant_row(name, seeds, machine)
        if name in pairs:
            row |= _difference_columns(differences[name], bootstraps[name], p_holm.get(name), len(judged))
            seed = next(seed for seed in correct[name] if seed in correct[REFERENCE])  # the lowest
            row["mcnemar_p"] = _significant(intervals.mcnemar(correct[name][seed], correct[REFERENCE][seed]))
        else:
            row["verdict"] = "reference" if name == REFERENCE else "not judged yet"
        yield row


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
