"""The published weights scored once more, and how well the baseline tells images unlike its classes: foreign.csv."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from attention.core.files import write_text
from attention.core.paths import roots
from attention.inference import out_of_distribution
from attention.models import checkpoints
from attention.models.variants import REFERENCE
from attention.pictures.datasets import Split, dataset, find, load
from attention.pictures.preprocessing import STUDY, to_tensor
from attention.pictures.reading import read_image
from attention.study.tables import ROUNDING_IMAGES, ResultsError, save_labels, shown_path
from attention.training import records
from attention.training.scoring import predict


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
        probabilities[name] = predict(checkpoints.load(name, dataset_name, device), test, device)
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
    path = records.committed_record_path(dataset_name, entry["recipe"], entry["variant"], entry["seed"])
    if not path.exists():
        raise ResultsError(
            f"{shown_path(path)} is missing: publish {entry['variant']} again, or restore the file from git."
        )
    record = records.read_record(path)
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
            others[other] = predict(model, images, device)
    if others:
        write_text(
            out_of_distribution.RESULT_FILE, pd.DataFrame(measure_familiarity(familiar, others)).to_csv(index=False)
        )


def _imagewoof() -> Split | None:
    return load("imagewoof", "val") if find("imagewoof") else None


def _pets() -> Split | None:
    for root in roots():
        files = sorted((root / "oxford-pets-masks" / "images").glob("*.jpg"))
        if files:
            arrays = [STUDY.stored(read_image(file).image) for file in files]
            return Split(to_tensor(arrays), torch.zeros(len(arrays), dtype=torch.long), tuple(f.name for f in files))
    return None


def auroc(familiar: np.ndarray, other: np.ndarray) -> float:
    """The chance that a familiar image scores above another one; ties count half."""
    ranks = pd.Series(np.concatenate([familiar, other])).rank().to_numpy()[: len(familiar)]
    return float((ranks.sum() - len(familiar) * (len(familiar) + 1) / 2) / (len(familiar) * len(other)))


def measure_familiarity(familiar: np.ndarray, others: dict[str, np.ndarray]) -> list[dict]:
    """Rows for foreign.csv from probabilities (N, classes) of the test images and of each other set."""
    rows = []
    for name, score in out_of_distribution.SCORES.items():
        known = score(familiar)
        threshold = float(np.quantile(known, 1 - out_of_distribution.KEEP))
        for other_name, probabilities in others.items():
            unknown = score(probabilities)
            rows.append(
                {
                    "score": name,
                    "against": other_name,
                    "familiar_images": len(known),
                    "other_images": len(unknown),
                    "threshold": threshold,
                    "familiar_kept": float((known >= threshold).mean()),
                    "other_noticed": float((unknown < threshold).mean()),
                    "auroc": auroc(known, unknown),
                }
            )
    return rows
