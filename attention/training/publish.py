"""Copies finished runs into checkpoints/ and data/results, where the page and the tables find them."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from attention.core.files import write_by_rename, write_json
from attention.core.paths import PREDICTIONS, RECORDS
from attention.models.checkpoints import checkpoint_folder, read_manifest
from attention.models.variants import REFERENCE, all_models
from attention.pictures.datasets import SWEPT, dataset
from attention.training.recipes import RECIPES
from attention.training.records import learned_from_a_part, read_record, run_folder


def publish(dataset_name: str = "imagenette", recipe_name: str = "cpu") -> list[str]:
    """Copy the finished runs of a recipe: records and predictions into data/results, weights into checkpoints/.

    Records and predictions are those of every seed, and none of a user's own folder. Weights are those of the `offered`
    variants for Imagenette and Imagewoof, and of every model for other data sets. Returns the names whose weights were
    published. A manifest holds models of one recipe and, for a user's own folder, of one set of photographs; others are
    dropped from it.
    """
    recipe, info = RECIPES[recipe_name], dataset(dataset_name)
    if not info.is_own:
        for path in run_folder(REFERENCE, dataset_name, recipe, 0).parent.glob("*/record.json"):
            _publish_run(path.parent)
    folder = checkpoint_folder(dataset_name)
    models = {}
    if (folder / "manifest.json").exists():
        manifest = read_manifest(dataset_name)
        if manifest.get("fingerprint", "") == info.fingerprint:
            models = {name: e for name, e in manifest["models"].items() if e["recipe_hash"] == recipe.hash}
    published = []
    for name, model in all_models().items():
        run = run_folder(model.replicate_of or name, dataset_name, recipe, model.seed)
        if not (model.offered or info.name not in SWEPT):
            continue
        if not ((run / "record.json").exists() and (run / "weights.safetensors").exists()):
            continue
        if not _is_finite(run / "weights.safetensors"):
            models.pop(
                name, None
            )  # a run that collapsed: its record stays in the tables, but nobody is offered the model
            continue
        record = read_record(run / "record.json")
        if learned_from_a_part(record):
            continue  # it learned from a part of the photographs, so it does not replace a whole run
        file = f"{name}.safetensors"
        write_by_rename(folder / file, lambda path, run=run: shutil.copyfile(run / "weights.safetensors", path))
        models[name] = {
            "file": file,
            "variant": record["variant"],
            "sha256": record["weights_sha256"],
            "bytes": (folder / file).stat().st_size,
            "recipe": recipe_name,
            "recipe_hash": record["recipe_hash"],
            "seed": record["seed"],
            "accuracy": record["accuracy"],
            "images": record["images"],
            "parameters": record["parameters"],
            "code_commit": record["code_commit"],
        }
        published.append(name)
    ordered = {name: models[name] for name in all_models() if name in models}
    if ordered:
        about = {"dataset": dataset_name, "classes": info.classes}
        if info.is_own:
            about["fingerprint"] = info.fingerprint
        write_json(folder / "manifest.json", about | {"models": ordered})
        for path in folder.glob("*.safetensors"):
            if path.stem not in ordered:
                path.unlink()  # of a recipe that is not shown any more
    return published


def _is_finite(weights: Path) -> bool:
    return all(bool(torch.isfinite(tensor).all()) for tensor in load_file(weights).values())


def _publish_run(run: Path) -> None:
    """Copy a finished run's record and predictions, over those that an older form of its recipe left."""
    record = read_record(run / "record.json")
    if learned_from_a_part(record):
        return
    place = Path(record["dataset"]) / record["recipe"] / run.name
    write_json((RECORDS / place).with_suffix(".json"), record)
    write_by_rename(
        (PREDICTIONS / place).with_suffix(".npz"), lambda path: shutil.copyfile(run / "predictions.npz", path)
    )
