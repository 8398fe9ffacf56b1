"""Published weights: half-precision safetensors with a manifest; nothing is used before its sha256 is verified.

The study's are committed in checkpoints/<dataset>/; those of a user's own folder are in data/own/<name>/. A data set
whose models others trained has its own source (datasets.Source).
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import safetensors.torch
import torch

from attention.core.errors import BadInput
from attention.core.files import version
from attention.core.paths import BESIDE, CHECKPOINTS, ROOT, own_root
from attention.models.network import ResNet
from attention.models.variants import all_models, empty_model, variant
from attention.pictures.datasets import DATASETS, ELSEWHERE, Dataset, dataset, own_names

_whole: dict[Path, tuple[tuple | None, dict]] = {}  # by path: the version looked at last, the last good manifest


class CheckpointError(BadInput):
    """A checkpoint is missing or altered; the message names the model and says what to do."""


def checkpoint_folder(dataset_name: str) -> Path:
    """The folder of a data set's weights and their manifest."""
    return (CHECKPOINTS if dataset_name in DATASETS else own_root()) / dataset_name


def published_datasets() -> list[str]:
    """The data sets that have checkpoints: the study's first, those with models of others last."""
    here = [name for name in (*DATASETS, *own_names()) if (checkpoint_folder(name) / "manifest.json").exists()]
    return [*here, *ELSEWHERE]


def trained_on(dataset_name: str) -> Dataset:
    """The data set with the classes that its weights were trained on: a user's own folder may have others by now."""
    info = dataset(dataset_name)
    return replace(info, classes=read_manifest(dataset_name).get("classes", info.classes))


def read_manifest(dataset_name: str = "imagenette") -> dict:
    """The manifest of a data set: its "models" by name, and its "classes". Raises CheckpointError or DataError."""
    if dataset_name in ELSEWHERE:
        return ELSEWHERE[dataset_name].source.manifest
    path = checkpoint_folder(dataset_name) / "manifest.json"
    if not path.exists() and dataset(dataset_name).is_own:
        raise CheckpointError(
            f"No model of {dataset_name} is trained yet. Run: python -m attention train --dataset {dataset_name}."
        )
    if not path.exists() and ROOT != BESIDE:
        raise CheckpointError(
            f"There are no checkpoints for {dataset_name} in {CHECKPOINTS}: clone the repository of Attention Lab, or copy its "
            "folder checkpoints/, and name the folder that holds it by serve --home, or by ATTENTION_HOME."
        )
    if not path.exists():
        raise CheckpointError(
            f"There are no checkpoints for {dataset_name}. Restore the folder checkpoints/ (git checkout checkpoints), "
            "or train: python -m attention train, then python -m attention publish."
        )
    first = f"Remove {'/'.join(path.parts[-3:])}. " if dataset(dataset_name).is_own else ""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"The manifest of {dataset_name} cannot be read ({error.strerror}). {_restore(dataset_name)}"
        ) from error
    except ValueError as error:  # also for bytes that are not UTF-8
        raise CheckpointError(
            f"The manifest of {dataset_name} is not valid JSON. {first}{_restore(dataset_name)}"
        ) from error
    if not _is_manifest(manifest):
        raise CheckpointError(f"The manifest of {dataset_name} is damaged. {first}{_restore(dataset_name)}")
    return manifest


def _is_manifest(manifest) -> bool:
    entries = manifest.get("models") if isinstance(manifest, dict) else None
    return isinstance(entries, dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("file"), str) and isinstance(entry.get("sha256"), str)
        for entry in entries.values()
    )


def known_manifest(dataset_name: str) -> dict:
    """The manifest, or the last good one if it is damaged now, because the page has those models in memory already.

    It is read again when it has changed. Raises CheckpointError if it never was good, or DataError.
    """
    if dataset_name in ELSEWHERE:
        return read_manifest(dataset_name)
    path = checkpoint_folder(dataset_name) / "manifest.json"
    now = version(path)
    seen, manifest = _whole.get(path, (None, None))
    if manifest is None or seen != now:
        try:
            manifest = read_manifest(dataset_name)
        except CheckpointError:
            if manifest is None:
                raise
        _whole[path] = now, manifest
    return manifest


def available(dataset_name: str = "imagenette") -> list[str]:
    """Names of the models that have a checkpoint, in the order of the page."""
    published = read_manifest(dataset_name)["models"]
    return [name for name in all_models() if name in published]


def weights_version(name: str, dataset_name: str) -> tuple | None:
    """The `files.version` of a model's weights, which changes when they do; None where there is no such file."""
    entry = {} if dataset_name in ELSEWHERE else known_manifest(dataset_name)["models"].get(name, {})
    return version(checkpoint_folder(dataset_name) / entry["file"]) if entry else None


def load(name: str, dataset_name: str = "imagenette", device: torch.device | None = None) -> ResNet:
    """A trained variant in evaluation mode, float32. Raises UnknownVariant or CheckpointError."""
    variant(name)
    if dataset_name in ELSEWHERE:
        return ELSEWHERE[dataset_name].source.load(name).to(device or "cpu", memory_format=torch.channels_last)
    entry = read_manifest(dataset_name)["models"].get(name)
    if entry is None:
        raise CheckpointError(
            f"{name} has no checkpoint yet. Train it: python -m attention train --dataset {dataset_name} --variant {name}."
        )
    try:  # read once, so that the verified bytes are used even if the file changes meanwhile
        data = (checkpoint_folder(dataset_name) / entry["file"]).read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"The weights of {name} are missing. {_restore(dataset_name)}") from error
    except OSError as error:
        raise CheckpointError(
            f"The weights of {name} cannot be read ({error.strerror}). {_restore(dataset_name)}"
        ) from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise CheckpointError(
            f"The weights of {name} are not the ones that were published (their sha256 differs), so they are not used. "
            + _restore(dataset_name)
        )
    model = empty_model(name, len(trained_on(dataset_name).classes))
    try:
        stored = safetensors.torch.load(data)
        weights = {key: value.float() if value.is_floating_point() else value for key, value in stored.items()}
        model.load_state_dict(weights, strict=True, assign=True)
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise CheckpointError(
            f"The weights of {name} do not fit the network of this version. Update checkpoints/."
        ) from error
    return model.eval().to(device or "cpu", memory_format=torch.channels_last)


def _restore(dataset_name: str) -> str:
    if dataset(dataset_name).is_own:
        return f"Publish them again: python -m attention publish --dataset {dataset_name}."
    return "Restore them: git checkout checkpoints."
