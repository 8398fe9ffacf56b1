"""The committed figures under data/results: written by `evaluate` and `benchmark`, read by the page."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from attention import checkpoints, foreign
from attention.benchmark import LATENCY_FILE
from attention.datasets import EVALUATION_PIXELS, Split, find, load, preprocess, roots, to_tensor
from attention.evaluation import accuracy_interval, predict
from attention.files import write_text
from attention.runs import RESULTS, committed_records
from attention.uploads import read_image
from attention.variants import REFERENCE, VARIANTS

ACCURACY_FILE = RESULTS / "accuracy.csv"


def evaluate(dataset_name: str, device: torch.device, progress: Callable[[str], None] = print) -> pd.DataFrame:
    """Score every published checkpoint on the official val; rewrite accuracy.csv and, for Imagenette, foreign.csv."""
    manifest = checkpoints.read_manifest(dataset_name)["models"]
    test = load(dataset_name, "val")
    rows, probabilities = [], {}
    for name in checkpoints.available(dataset_name):
        probabilities[name] = predict(checkpoints.load(name, dataset_name, device), test, device)
        correct = int((probabilities[name].argmax(1) == test.labels.numpy()).sum())
        low, high = accuracy_interval(correct, len(test))
        entry = manifest[name]
        record = committed_records(dataset_name, entry["recipe"])[name, entry["seed"]]
        rows.append(
            {
                "dataset": dataset_name,
                "variant": name,
                "mechanism": VARIANTS[name].mechanism or "",
                "placement": VARIANTS[name].placement,
                "recipe": entry["recipe"],
                "recipe_hash": entry["recipe_hash"],
                "seed": entry["seed"],
                "images": len(test),
                "correct": correct,
                "accuracy": round(correct / len(test), 6),
                "low": round(low, 6),
                "high": round(high, 6),
                "epochs": record["epochs"],
                "seconds_an_epoch": record["seconds_an_epoch"],
                "training_device": record["device"],
                "training_threads": record["threads"],
                "precision": record["precision"],
                "weights_sha256": entry["sha256"],
            }
        )
        progress(f"{name}: {correct} of {len(test)}, {correct / len(test):.2%} ({low:.2%} to {high:.2%})")
    table = pd.DataFrame(rows)
    if ACCURACY_FILE.exists():
        others = pd.read_csv(ACCURACY_FILE)
        table = pd.concat([others[others["dataset"] != dataset_name], table], ignore_index=True)
    write_text(ACCURACY_FILE, table.to_csv(index=False))
    if dataset_name == "imagenette" and REFERENCE in probabilities:
        _measure_foreign(probabilities[REFERENCE], device, progress)
    return table


def _measure_foreign(familiar: np.ndarray, device: torch.device, progress: Callable[[str], None]) -> None:
    """Write foreign.csv from whichever of the two other sets are on this machine."""
    model = checkpoints.load(REFERENCE, "imagenette", device)
    others = {}
    for other, split in (("Imagewoof val", _imagewoof), ("Oxford-IIIT Pets, 600 images", _pets)):
        images = split()
        if images is None:
            progress(f"{other} is not on this machine: its row of foreign.csv is left out")
        else:
            others[other] = predict(model, images, device)
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


def read(path) -> pd.DataFrame:
    """A results file, or an empty frame where it does not exist yet."""
    return pd.read_csv(path) if path.exists() else pd.DataFrame()


def summary(dataset_name: str = "imagenette", device_type: str = "cpu") -> pd.DataFrame:
    """A row a variant for the page: accuracy with interval, cost, and latency at batch 1 on one device."""
    accuracy = read(ACCURACY_FILE)
    if accuracy.empty:
        return accuracy
    accuracy = accuracy[accuracy["dataset"] == dataset_name]
    latency = read(LATENCY_FILE)
    if latency.empty:
        return accuracy
    latency = latency[
        (latency["device_type"] == device_type)
        & (latency["batch_size"] == 1)
        & (latency["pixels"] == EVALUATION_PIXELS)
        & (latency["dtype"] == "float32")
    ]
    if not latency.empty:  # one machine a table: the one measured last
        newest = latency.sort_values("measured").iloc[-1]
        latency = latency[(latency["device"] == newest["device"]) & (latency["threads"] == newest["threads"])]
    return accuracy.merge(latency, on="variant", how="left")
