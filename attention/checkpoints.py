"""The committed weights: half-precision safetensors beside a manifest, and nothing used before its sha256 is verified."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from attention.datasets import dataset
from attention.files import sha256, write_by_rename, write_json
from attention.network import ResNet
from attention.recipes import RECIPES
from attention.runs import PREDICTIONS, RECORDS, ROOT, read_record, run_folder
from attention.variants import REFERENCE, VARIANTS, empty_model, variant

CHECKPOINTS = ROOT / "checkpoints"


class CheckpointError(Exception):
    """A checkpoint is missing or altered; the message names the model and says what to do."""


def read_manifest(dataset_name: str = "imagenette") -> dict:
    """checkpoints/<dataset>/manifest.json. Raises CheckpointError."""
    path = CHECKPOINTS / dataset_name / "manifest.json"
    if not path.exists():
        raise CheckpointError(
            f"There are no checkpoints for {dataset_name}. Restore the folder checkpoints/ (git checkout checkpoints), "
            "or train: python -m attention train, then python -m attention publish."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise CheckpointError(
            f"The manifest of {dataset_name} is not valid JSON. Restore checkpoints/ from git."
        ) from error


def available(dataset_name: str = "imagenette") -> list[str]:
    """Names of the variants that have a checkpoint, in the order of VARIANTS."""
    published = read_manifest(dataset_name)["models"]
    return [name for name in VARIANTS if name in published]


def load(name: str, dataset_name: str = "imagenette", device: torch.device | None = None) -> ResNet:
    """A trained variant in evaluation mode, float32. Raises UnknownVariant or CheckpointError."""
    variant(name)
    entry = read_manifest(dataset_name)["models"].get(name)
    if entry is None:
        raise CheckpointError(f"{name} has no checkpoint yet. Train it: python -m attention train --variant {name}.")
    path = CHECKPOINTS / dataset_name / entry["file"]
    if not path.exists():
        raise CheckpointError(f"The weights of {name} are missing. Restore them: git checkout checkpoints.")
    if sha256(path) != entry["sha256"]:
        raise CheckpointError(
            f"The weights of {name} are not the ones that were published (their sha256 differs), so they are not used. "
            "Restore them: git checkout checkpoints."
        )
    model = empty_model(name, len(dataset(dataset_name).classes))
    weights = {key: value.float() if value.is_floating_point() else value for key, value in load_file(path).items()}
    try:
        model.load_state_dict(weights, strict=True, assign=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights of {name} do not fit the network of this version. Update checkpoints/."
        ) from error
    return model.eval().to(device or "cpu", memory_format=torch.channels_last)


def publish(dataset_name: str = "imagenette", recipe_name: str = "cpu", seed: int = 0) -> list[str]:
    """Copy the finished runs of a recipe into data/results (record and predictions of every seed), and the weights of
    one seed of the variants that the page offers into checkpoints/.

    Returns the names whose weights were published. A manifest holds one recipe: models of another are dropped from it.
    """
    recipe = RECIPES[recipe_name]
    for path in run_folder(REFERENCE, dataset_name, recipe, seed).parent.glob("*/record.json"):
        _publish_run(path.parent)
    folder = CHECKPOINTS / dataset_name
    models = {}
    if (folder / "manifest.json").exists():
        models = read_manifest(dataset_name)["models"]
        models = {name: entry for name, entry in models.items() if entry["recipe_hash"] == recipe.hash}
    published = []
    for name in (name for name, v in VARIANTS.items() if v.offered):
        run = run_folder(name, dataset_name, recipe, seed)
        if not ((run / "record.json").exists() and (run / "weights.safetensors").exists()):
            continue
        if not _is_finite(run / "weights.safetensors"):
            models.pop(
                name, None
            )  # a run that collapsed: its record stays in the tables, but nobody is offered the model
            continue
        record = read_record(run / "record.json")
        file = f"{name}.safetensors"
        write_by_rename(folder / file, lambda path, run=run: shutil.copyfile(run / "weights.safetensors", path))
        models[name] = {
            "file": file,
            "sha256": record["weights_sha256"],
            "bytes": (folder / file).stat().st_size,
            "recipe": recipe_name,
            "recipe_hash": record["recipe_hash"],
            "seed": seed,
            "accuracy": record["accuracy"],
            "images": record["images"],
            "parameters": record["parameters"],
            "code_commit": record["code_commit"],
        }
        published.append(name)
    ordered = {name: models[name] for name in VARIANTS if name in models}
    if ordered:
        write_json(
            folder / "manifest.json",
            {"dataset": dataset_name, "classes": dataset(dataset_name).classes, "models": ordered},
        )
        for path in folder.glob("*.safetensors"):
            if path.stem not in ordered:
                path.unlink()  # of a recipe that is not shown any more
    return published


def _is_finite(weights: Path) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in load_file(weights).values())


def _publish_run(run: Path) -> None:
    """A finished run's record and predictions, in place of those that an older form of its recipe left."""
    record = read_record(run / "record.json")
    place = Path(record["dataset"]) / record["recipe"] / run.name
    write_json((RECORDS / place).with_suffix(".json"), record)
    write_by_rename(
        (PREDICTIONS / place).with_suffix(".npz"), lambda path: shutil.copyfile(run / "predictions.npz", path)
    )
