"""Scores the published weights again: python -m attention evaluate."""

from collections.abc import Callable

import pandas as pd
import torch

from attention.models import checkpoints
from attention.models.variants import REFERENCE, VARIANTS
from attention.pictures.datasets import dataset
from attention.pictures.splits import load
from attention.study import foreign, leaderboard, test_sizes
from attention.study.committed import ROUNDING_IMAGES, ResultsError, save_labels, shown_path
from attention.training import records
from attention.training.scoring import predict


def evaluate(
    dataset_name: str, device: torch.device, progress: Callable[[str], None] = print, pixels: int | None = None
) -> pd.DataFrame:
    """Score every published checkpoint on the official val again, and say where its run's record has another count.

    Writes a row of test_sizes.csv per model and the data set's rows of foreign.csv, for Imagenette leaderboard.csv too,
    and saves the labels of val if they are not there yet. With `pixels`, another size than the data set's, it writes
    neither foreign.csv nor leaderboard.csv, and compares with records that were first scored at that size. For a folder
    of one's own it writes nothing, because its figures are in its manifest.
    """
    manifest, own = checkpoints.read_manifest(dataset_name), dataset(dataset_name).is_own
    side = pixels or dataset(dataset_name).preprocessing.test_pixels
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
    rows, probabilities, right = [], {}, {}
    for name in sorted(checkpoints.available(dataset_name), key=lambda name: name != REFERENCE):
        probabilities[name] = predict(checkpoints.load(name, dataset_name, device), test, device, pixels=pixels)
        right[name] = probabilities[name].argmax(1) == labels
        correct = int(right[name].sum())
        if not own and name in VARIANTS:
            test_sizes.record(dataset_name, name, side, manifest[name]["sha256"], right[name], right.get(REFERENCE))
        recorded = _recorded_correct(dataset_name, manifest[name], pixels)
        agrees = recorded is None or abs(correct - recorded) <= ROUNDING_IMAGES
        rows.append(
            {"dataset": dataset_name, "variant": manifest[name]["variant"], "seed": manifest[name]["seed"], "images": len(test),
             "correct": correct, "recorded": recorded, "agrees": agrees}
        )  # fmt: skip
        progress(
            f"{name}: {correct} of {len(test)}, {correct / len(test):.2%}"
            + (f", as its run's record says ({recorded})" if agrees and recorded is not None else "")
            + ("" if agrees else f"; BUT the record of its run says {recorded}: train and publish it again")
        )
    if not own and pixels is None:
        foreign.measure(dataset_name, probabilities, device, progress)
        if dataset_name == leaderboard.DATASET:
            leaderboard.measure(test, device, progress)
    return pd.DataFrame(rows)


def _recorded_correct(dataset_name: str, entry: dict, pixels: int | None) -> int | None:
    """The right answers at a size by the run's record; None if it was not scored there."""
    if dataset(dataset_name).is_own:
        return round(entry["accuracy"] * entry["images"]) if pixels is None else None
    path = records.committed_record_path(dataset_name, entry["recipe"], entry["variant"], entry["seed"])
    if not path.exists():
        raise ResultsError(
            f"{shown_path(path)} is missing: publish {entry['variant']} again, or restore the file from git."
        )
    record = records.read_record(path)
    scored = {
        record.get("pixels"): record,
        **{first["pixels"]: first for first in [record.get("scored_first")] if first},
    }
    found = record if pixels is None else scored.get(pixels)
    return None if found is None else round(found["accuracy"] * record["images"])
