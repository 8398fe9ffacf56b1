"""The committed figures under data/results: summaries rebuilt from the runs, and scores of the checkpoints.

What is kept of a run is its record, data/results/runs/<dataset>/<recipe>/<variant>-seed<k>.json, and its probabilities on
every test image, data/results/predictions/<dataset>/<recipe>/<variant>-seed<k>.npz. `rebuild` makes from them, without the
data set, and byte for byte the same each time:

runs.csv       a row a run: what it scored, what it cost, what made it, and the learned strengths of its attention
accuracy.csv   a row a variant, data set and recipe: accuracy, difference to the baseline, verdict (evaluation.py says how)
per_class.csv  a row a variant and true class: accuracy, and how often each class was predicted, summed over seeds
curves.csv     a row a run and epoch
"""

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from pandas.api.types import is_numeric_dtype

from attention import checkpoints, evaluation, foreign, runs
from attention.benchmark import LATENCY_FILE
from attention.datasets import EVALUATION_PIXELS, Split, dataset, find, load, preprocess, roots, to_tensor
from attention.files import write_npz, write_text
from attention.mechanism_costs import MECHANISMS_FILE
from attention.recipes import RECIPES
from attention.runs import PREDICTIONS, RESULTS
from attention.uploads import read_image
from attention.variants import REFERENCE, VARIANTS

RUNS_FILE = RESULTS / "runs.csv"
ACCURACY_FILE = RESULTS / "accuracy.csv"
PER_CLASS_FILE = RESULTS / "per_class.csv"
CURVES_FILE = RESULTS / "curves.csv"
LABELS = RESULTS / "labels"  # so that predictions can be scored where the data set is not

ROUNDING_IMAGES = 2  # by which two devices, or float32 and float16, may disagree on one set of weights
NEEDED = (
    "variant", "dataset", "recipe", "recipe_hash", "seed", "scored_on", "images", "accuracy", "epochs", "seconds",
    "seconds_an_epoch", "peak_memory_mb", "parameters", "weights_sha256", "device", "precision", "threads", "versions",
    "code_commit", "ended", "history",
)  # fmt: skip


class ResultsError(Exception):
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
        return evaluation.calibration_error(self.probabilities, self.labels)


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
    """Every committed run of a recipe as it is now, by data set, recipe, variant and seed; others are named and left out."""
    found, labels = [], {}
    for path in sorted(runs.RECORDS.glob("*/*/*.json")):
        record = _read_record(path)
        problem = _outdated(record)
        if problem:
            progress(f"{_shown(path)} is left out: {problem}")
            continue
        name = record["dataset"]
        labels[name] = labels[name] if name in labels else val_labels(name)
        found.append(ScoredRun(record, _read_predictions(record, labels[name]), labels[name]))
    order = {name: number for number, name in enumerate(VARIANTS)}
    return sorted(
        found,
        key=lambda run: (*map(run.record.get, ("dataset", "recipe")), order[run.record["variant"]], run.record["seed"]),
    )


def _shown(path: Path) -> str:
    return f"data/results/{path.relative_to(runs.RECORDS.parent)}"


def _read_record(path: Path) -> dict:
    try:
        record = runs.read_record(path)
    except (OSError, ValueError) as error:
        raise ResultsError(f"{_shown(path)} cannot be read ({error}). Restore it from git, or remove it.") from error
    missing = [key for key in NEEDED if key not in record]
    if missing:
        raise ResultsError(f"{_shown(path)} lacks {', '.join(missing)}. Restore it from git, or remove it.")
    if path.relative_to(runs.RECORDS) != Path(record["dataset"], record["recipe"], f"{_name(record)}.json"):
        raise ResultsError(
            f"{_shown(path)} is the record of {_name(record)} on {record['dataset']} with recipe {record['recipe']}. "
            "Give it that place, or remove it."
        )
    return record


def _name(record: dict) -> str:
    return runs.run_name(record["variant"], record["seed"])


def _outdated(record: dict) -> str | None:
    """Why a whole record has no place in today's tables, if so."""
    recipe = RECIPES.get(record["recipe"])
    if recipe is None:
        return f"there is no recipe {record['recipe']}."
    if recipe.hash != record["recipe_hash"]:
        return f"recipe {recipe.name} has changed since ({record['recipe_hash']} then, {recipe.hash} now)."
    if record["variant"] not in VARIANTS:
        return f"there is no variant {record['variant']}."
    return None if record["scored_on"] == "val" else f"it was scored on {record['scored_on']}."


def val_labels(dataset_name: str) -> np.ndarray:
    """The labels (N,) uint8 of a data set's val, in the order of datasets.load. Raises ResultsError."""
    path = LABELS / f"{dataset_name}.npz"
    if not path.exists():
        raise ResultsError(
            f"{_shown(path)} is missing. Restore it from git, or run: python -m attention evaluate --dataset {dataset_name}"
        )
    return read_array(path, "labels")


def save_labels(dataset_name: str, labels: np.ndarray) -> None:
    """Keep the labels of a val that `evaluate` has before it, or raise ResultsError where others are kept already."""
    path = LABELS / f"{dataset_name}.npz"
    if not path.exists():
        write_npz(path, labels=labels.astype(np.uint8))
    elif not np.array_equal(val_labels(dataset_name), labels):
        raise ResultsError(
            f"{_shown(path)} is not of the images in the folder of {dataset_name}: check the folder, or remove the file."
        )


def read_array(path: Path, key: str) -> np.ndarray:
    """One array of an .npz under data/results. Raises ResultsError."""
    try:
        with open(path, "rb") as file, np.load(file) as arrays:  # np.load leaves a broken file open
            return arrays[key]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ResultsError(f"{_shown(path)} is damaged ({error}). Restore it from git.") from error


def _read_predictions(record: dict, labels: np.ndarray) -> np.ndarray:
    path = PREDICTIONS / record["dataset"] / record["recipe"] / f"{_name(record)}.npz"
    if not path.exists():
        raise ResultsError(
            f"{_shown(path)} is missing, though there is a record of the run. Restore it from git, or remove the record."
        )
    probabilities = read_array(path, "probabilities")
    expected = (len(labels), len(dataset(record["dataset"]).classes))
    if probabilities.shape != expected:
        raise ResultsError(f"{_shown(path)} has the shape {probabilities.shape}, not {expected}: images, classes.")
    if not np.isfinite(probabilities).all():
        raise ResultsError(f"{_shown(path)} holds numbers that are not finite. Remove it and its record; train again.")
    correct = int((probabilities.argmax(1) == labels).sum())
    if abs(correct - record["accuracy"] * record["images"]) > ROUNDING_IMAGES:
        raise ResultsError(
            f"{_shown(path)} has {correct} images right, and the run's record says {record['accuracy']:.2%} of "
            f"{record['images']}: they are of two runs. Restore both from git."
        )
    return probabilities


# the rows


def _run_row(run: ScoredRun) -> dict:
    record, low_high = run.record, evaluation.accuracy_interval(int(run.correct.sum()), len(run.labels))
    return {
        **{key: record[key] for key in ("dataset", "recipe", "recipe_hash", "variant")},
        **_place(record["variant"]),
        "seed": record["seed"],
        "images": len(run.labels),
        "correct": int(run.correct.sum()),
        "accuracy": round(run.accuracy, 6),
        "low": round(low_high[0], 6),
        "high": round(low_high[1], 6),
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
        counts = sum(evaluation.confusion(run.predicted, run.labels, len(classes)) for run in seeds)
        for label, accuracy in enumerate(evaluation.class_accuracy(counts)):
            yield {
                "dataset": record["dataset"],
                "recipe": record["recipe"],
                "variant": name,
                "seeds": len(seeds),
                "class": classes[label],
                "images": int(counts[label].sum()) // len(seeds),
                "accuracy": round(float(accuracy), 6),
                "predicted": " ".join(map(str, counts[label])),  # a count a class, in label order: the confusion's row
            }


def _accuracy_rows(table: list[ScoredRun]) -> Iterator[dict]:
    """The rows of one data set and recipe, which is what Holm's correction and the pooled variance range over."""
    variants = _by_variant(table)
    pairs = _pairs(variants)
    differences, bootstraps = evaluation.compare(pairs), evaluation.paired_bootstrap(pairs)
    judged = [name for name, difference in differences.items() if difference.p is not None]
    machine = _usual_machine(table)
    p_holm = dict(zip(judged, evaluation.holm([differences[name].p for name in judged]), strict=True))
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
    return evaluation.mcnemar(run.correct, other[run.record["seed"]])


def _machine(record: dict) -> tuple:
    """What a run's seconds and memory depend on, besides the run."""
    return record["device"], record["threads"], record["precision"]


def _usual_machine(table: list[ScoredRun]) -> tuple:
    """The machine that most runs of a table were trained on, the first of equals: no column mixes two machines' seconds."""
    return Counter(_machine(run.record) for run in table).most_common(1)[0][0]


def _variant_row(name: str, seeds: list[ScoredRun], machine: tuple) -> dict:
    """All columns of accuracy.csv, those of the comparison empty; `seed` and weights are of the lowest seed there is.

    What training costs is taken from the runs on `machine` alone.
    """
    timed = [run.record for run in seeds if _machine(run.record) == machine]
    record, accuracies = seeds[0].record, [run.accuracy for run in seeds]
    images = len(seeds[0].labels)
    if len(seeds) >= evaluation.SEEDS_TO_JUDGE:
        interval, (mean, low, high) = "seeds", evaluation.seed_interval(accuracies)
    else:
        mean = float(np.mean(accuracies))
        interval, (low, high) = "images", evaluation.accuracy_interval(round(mean * images), images)

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
    difference: evaluation.Difference, bootstrap: tuple[float, float], p_holm: float | None, comparisons: int
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
        "verdict": evaluation.verdict(difference, p_holm),
        "detectable_points": None if p_holm is None else _points(difference.detectable(comparisons)),
    }


def _points(fraction: float) -> float:
    return round(fraction * 100, 4) + 0.0  # a rounded -0.0 becomes 0.0


def _significant(p: float | None) -> float | None:
    return None if p is None else float(f"{p:.4g}")


# the committed checkpoints


def evaluate(dataset_name: str, device: torch.device, progress: Callable[[str], None] = print) -> pd.DataFrame:
    """Score every published checkpoint on the official val again, and say where its run's record has another count.

    Rewrites foreign.csv for Imagenette, and keeps the labels of val where they are not kept yet. Of a folder of one's own
    nothing is written: its figures stand in its manifest.
    """
    manifest, own = checkpoints.read_manifest(dataset_name), dataset(dataset_name).is_own
    if own and manifest.get("fingerprint") != dataset(dataset_name).fingerprint:
        raise ResultsError(
            f"{dataset_name} has other photographs than when its models were trained. "
            f"Run: python -m attention train --dataset {dataset_name}."
        )
    manifest = manifest["models"]
    test = load(dataset_name, "val")
    labels = test.labels.numpy()
    if not own:
        save_labels(dataset_name, labels)
    rows, probabilities = [], {}
    for name in checkpoints.available(dataset_name):
        probabilities[name] = evaluation.predict(checkpoints.load(name, dataset_name, device), test, device)
        correct = int((probabilities[name].argmax(1) == labels).sum())
        recorded = _recorded_correct(dataset_name, manifest[name])
        agrees = abs(correct - recorded) <= ROUNDING_IMAGES
        rows.append(
            {"dataset": dataset_name, "variant": manifest[name]["variant"], "seed": manifest[name]["seed"], "images": len(test),
             "correct": correct, "recorded": recorded, "agrees": agrees}
        )  # fmt: skip
        progress(
            f"{name}: {correct} of {len(test)}, {correct / len(test):.2%}"
            + ("" if agrees else f"; BUT the record of its run says {recorded}: train and publish it again")
        )
    if dataset_name == "imagenette" and REFERENCE in probabilities:
        _measure_foreign(probabilities[REFERENCE], device, progress)
    return pd.DataFrame(rows)


def _recorded_correct(dataset_name: str, entry: dict) -> int:
    if dataset(dataset_name).is_own:
        return round(entry["accuracy"] * entry["images"])
    path = runs.committed_record_path(dataset_name, entry["recipe"], entry["variant"], entry["seed"])
    if not path.exists():
        raise ResultsError(
            f"{_shown(path)} is missing: publish {entry['variant']} again, or restore the file from git."
        )
    record = runs.read_record(path)
    return round(record["accuracy"] * record["images"])


def _measure_foreign(familiar: np.ndarray, device: torch.device, progress: Callable[[str], None]) -> None:
    """Write foreign.csv from whichever of the two other sets are on this machine."""
    model = checkpoints.load(REFERENCE, "imagenette", device)
    others = {}
    for other, split in (("Imagewoof val", _imagewoof), ("Oxford-IIIT Pets, 600 images", _pets)):
        images = split()
        if images is None:
            progress(f"{other} is not on this machine: its row of foreign.csv is left out")
        else:
            others[other] = evaluation.predict(model, images, device)
    if others:
        write_text(foreign.RESULT_FILE, pd.DataFrame(foreign.measure(familiar, others)).to_csv(index=False))


def _imagewoof() -> Split | None:
    return load("imagewoof", "val") if find("imagewoof") else None


def _pets() -> Split | None:
    for root in roots():
        files = sorted((root / "oxford-pets-masks" / "images").glob("*.jpg"))
        if files:
            arrays = [preprocess(read_image(file).image) for file in files]
            return Split(to_tensor(arrays), torch.zeros(len(arrays), dtype=torch.long), tuple(f.name for f in files))
    return None


# what the page reads


NUMBERS = {  # columns without which a file cannot be shown, and that hold numbers
    "accuracy.csv": ("accuracy", "seeds"),
    "latency.csv": ("p50_ms", "batch_size", "pixels", "threads"),
    "mechanisms_latency.csv": ("p50_us", "pixels", "threads"),
    "leaderboard.csv": ("accuracy", "training_multiply_adds"),
    "curves.csv": ("epoch", "loss", "seed"),
}
WORDS = {"accuracy.csv": ("dataset", "variant", "recipe"), "latency.csv": ("variant", "device", "dtype")}
damaged: set[str] = set()  # the files that could not be read when they were last asked for; the page says so


def read(path) -> pd.DataFrame:
    """A results file, or an empty frame where it does not exist yet or has no row. It is parsed again when it has changed.

    One that is damaged counts as empty, since a page without a table is better than no page; `damaged` names it.
    """
    path = Path(path)
    damaged.discard(path.name)
    try:
        stat = path.stat()
        return _parsed(path, stat.st_mtime_ns, stat.st_size).copy()
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame()
    except (OSError, ValueError):  # pandas' ParserError is a ValueError, and so is UnicodeDecodeError
        damaged.add(path.name)
        return pd.DataFrame()


@lru_cache(maxsize=16)
def _parsed(path: Path, *stamp: int) -> pd.DataFrame:
    """Raises ValueError for a file that is no table, or not this one."""
    table = pd.read_csv(path)
    missing = {*NUMBERS.get(path.name, ()), *WORDS.get(path.name, ())} - set(table.columns)
    no_numbers = [name for name in NUMBERS.get(path.name, ()) if name in table and not is_numeric_dtype(table[name])]
    if missing or no_numbers:
        raise ValueError(f"{path.name}: missing {sorted(missing)}, no numbers {no_numbers}")
    return table


@dataclass(frozen=True)
class Machine:
    """Whose latencies may stand beside each other: one device, its threads, one number format."""

    device: str
    device_type: str
    threads: int  # 0 on a GPU
    dtype: str


TIMINGS = [
    "p50_ms", "p90_ms", "p99_ms", "iqr_ms", "images_per_second", "p50_us", "p90_us", "iqr_us", "replaced_us", "added_us",
]  # fmt: skip


def machines(device_type: str | None = None) -> list[Machine]:
    """Those that latency.csv has at batch 1 and 160 px: the ones with quiet rows and float32 first, then the newest."""
    table = read(LATENCY_FILE)
    if table.empty:
        return []
    table = table[(table["batch_size"] == 1) & (table["pixels"] == EVALUATION_PIXELS)]
    if device_type:
        table = table[table["device_type"] == device_type]
    groups = table.assign(quiet=~table["busy"].astype(bool)).groupby(["device", "device_type", "threads", "dtype"])
    found = groups.agg(quiet=("quiet", "mean"), newest=("measured", "max")).reset_index()
    found = found.assign(exact=found["dtype"] == "float32", mostly_quiet=found["quiet"] > 0.5)
    found = found.sort_values(["exact", "mostly_quiet", "newest"], ascending=False)
    return [Machine(row.device, row.device_type, int(row.threads), row.dtype) for row in found.itertuples()]


def batch_sizes() -> list[int]:
    """Those that latency.csv has at 160 px, of any machine."""
    table = read(LATENCY_FILE)
    return [] if table.empty else sorted({int(n) for n in table[table["pixels"] == EVALUATION_PIXELS]["batch_size"]})


def any_busy() -> bool:
    """Whether a committed measurement is marked busy."""
    return any(not t.empty and t["busy"].astype(bool).any() for t in map(read, (LATENCY_FILE, MECHANISMS_FILE)))


def latencies(
    machine: Machine, batch_size: int | None = None, pixels: int | None = None, busy: bool = False
) -> pd.DataFrame:
    """The rows of one machine (and batch, and resolution). Unless `busy`, those measured while it was busy lose their
    timings and keep what does not depend on it: parameters, multiply-adds, memory."""
    return _timed(read(LATENCY_FILE), {**asdict(machine), "batch_size": batch_size, "pixels": pixels}, busy)


def mechanism_costs(machine: Machine, busy: bool = False) -> pd.DataFrame:
    """What the mechanisms take by themselves on one machine: a row a variant and resolution, in microseconds.

    `in_network_us` beside it: p50 of the whole variant less the baseline's, at batch 1, where both were measured.
    """
    table = _timed(read(MECHANISMS_FILE), asdict(machine), busy)
    whole = latencies(machine, batch_size=1, busy=busy)
    if table.empty or whole.empty:
        return table
    p50_us = whole.set_index(["variant", "pixels"])["p50_ms"] * 1e3
    pairs = zip(table["variant"], table["pixels"], strict=True)
    added = [p50_us.get((name, side), np.nan) - p50_us.get((REFERENCE, side), np.nan) for name, side in pairs]
    return table.assign(in_network_us=added)


def _timed(table: pd.DataFrame, where: dict, busy: bool) -> pd.DataFrame:
    for key, value in where.items():
        if value is not None and not table.empty:
            table = table[table[key] == value]
    if not busy and not table.empty:
        present = [key for key in TIMINGS if key in table]
        table = table.astype(dict.fromkeys(present, float))
        table.loc[table["busy"].astype(bool), present] = np.nan
    return table


def summary(
    dataset_name: str = "imagenette",
    device_type: str = "cpu",
    machine: Machine | None = None,
    batch_size: int = 1,
    busy: bool = False,
) -> pd.DataFrame:
    """A row a variant for the page, of one recipe: accuracy with interval and verdict, cost, and latency at 160 px.

    Without a machine it is the first of machines() of that type, in float32. `busy` as for latencies().
    """
    accuracy = read(ACCURACY_FILE)
    if not accuracy.empty:
        accuracy = accuracy[accuracy["dataset"] == dataset_name]
    if accuracy.empty:
        return accuracy
    accuracy = accuracy[accuracy["recipe"] == _recipe_shown(dataset_name, accuracy)]
    machine = machine or next((m for m in machines(device_type) if m.dtype == "float32"), None)
    if machine is None:
        return accuracy if read(LATENCY_FILE).empty else accuracy.assign(p50_ms=np.nan, p90_ms=np.nan)
    return accuracy.merge(latencies(machine, batch_size, EVALUATION_PIXELS, busy), on="variant", how="left")


def recipe_shown(dataset_name: str) -> str:
    """The recipe whose runs the page shows of a data set; "" where it has no results."""
    accuracy = read(ACCURACY_FILE)
    accuracy = accuracy if accuracy.empty else accuracy[accuracy["dataset"] == dataset_name]
    return "" if accuracy.empty else _recipe_shown(dataset_name, accuracy)


def _recipe_shown(dataset_name: str, accuracy: pd.DataFrame) -> str:
    """No table mixes recipes: the checkpoints' one where it has results, else the one with the most runs."""
    try:
        published = {entry["recipe"] for entry in checkpoints.read_manifest(dataset_name)["models"].values()}
    except checkpoints.CheckpointError:
        published = set()
    of_published = accuracy[accuracy["recipe"].isin(published)]
    return (accuracy if of_published.empty else of_published).groupby("recipe")["seeds"].sum().idxmax()
