"""The mean weight of every channel over the test images of each class, drawn behind a photo's channel weights.

One file per model, data/results/class_means/<dataset>.<model>.npz: for each module that weighs channels the means
(classes, C) in half precision, the number of images of each class, and the sha256 of the weights, so that other weights
never get these means. Those for a folder of one's own are beside its registration.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor, nn

from attention.core.files import write_npz
from attention.core.paths import RESULTS, own_root
from attention.models import checkpoints
from attention.models.visible import visible, watch
from attention.pictures.datasets import DATASETS, dataset
from attention.pictures.preprocessing import Preprocessing
from attention.pictures.splits import Split, load

FOLDER = RESULTS / "class_means"
BATCH = 64
DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile)  # what reading a file of arrays may raise
IMAGES, SHA = "images", "weights_sha256"  # keys beside the modules' paths, which all end in gate or attn


def means_file(dataset_name: str, model_name: str) -> Path:
    if dataset_name in DATASETS:
        return FOLDER / f"{dataset_name}.{model_name}.npz"
    return own_root() / dataset_name / "class_means" / f"{model_name}.npz"


def read(dataset_name: str, model_name: str) -> dict[str, np.ndarray]:
    """{module's path: (classes, C) float32} in the units of AttentionMap; {} where none were measured for these weights."""
    entry = checkpoints.known_manifest(dataset_name)["models"].get(model_name)
    path = means_file(dataset_name, model_name)
    if entry is None or not path.exists():
        return {}
    return _read(path, path.stat().st_mtime_ns, entry["sha256"])


@lru_cache(maxsize=64)
def _read(path: Path, modified_ns: int, sha: str) -> dict[str, np.ndarray]:
    try:
        with open(path, "rb") as file, np.load(file) as arrays:  # NumPy leaves a damaged file open
            if str(arrays[SHA]) != sha:
                return {}
            return {key: arrays[key].astype(np.float32) for key in arrays.files if key not in (IMAGES, SHA)}
    except DAMAGED:  # the bars do without the means, and `measure` makes them again
        return {}


def of_class(dataset_name: str, model_name: str, class_index: int) -> dict[str, np.ndarray]:
    """{module's path: (C,)} of one class; {} if there are none, as for a class without test images."""
    means = {path: means[class_index] for path, means in read(dataset_name, model_name).items()}
    return means if all(np.isfinite(values).all() for values in means.values()) else {}


def channel_weights(path: str, weights: Tensor) -> Tensor | None:
    """Weights that watch() saw of a batch, as (B, C) in the units of AttentionMap; None if they are not over channels.

    As in attention.describe for one image, softmax weights become multiples of the uniform one.
    """
    if weights.ndim != 4 or weights.shape[2:] != (1, 1):
        return None
    weights = weights.flatten(1).float()
    return weights * weights.shape[1] if path.rpartition(".")[2] == "attn" else weights


@torch.no_grad()
def class_means(
    model: nn.Module, split: Split, classes: int, device: torch.device, tick: Callable[[int], None] = lambda done: None
) -> dict[str, np.ndarray]:
    """{module's path: (classes, C)}, the mean over the images of each true class; {} for a model that weighs no channels.

    `tick` is told how many more images are done. The means of a class without images are NaN.
    """
    sums: dict[str, Tensor] = {}
    modules = visible(model.eval())
    counts = torch.bincount(split.labels, minlength=classes).double()
    for batch, labels in zip(split.images.split(BATCH), split.labels.split(BATCH), strict=True):
        with watch(model, modules) as seen:
            model(split.preprocessing.tested(batch.to(device)))
        found = {path: weights for path, w in seen.items() if (weights := channel_weights(path, w)) is not None}
        modules = {path: modules[path] for path in found}  # maps over positions need no hook from here on
        if not modules:
            return {}
        for path, weights in found.items():
            sums.setdefault(path, torch.zeros(classes, weights.shape[1], dtype=torch.float64))
            sums[path].index_add_(0, labels, weights.cpu().double())
        tick(len(batch))
    return {path: (total / counts[:, None]).numpy() for path, total in sums.items()}


def measure(
    dataset_name: str,
    device: torch.device,
    names: Iterable[str] | None = None,
    progress: Callable[[str], None] = print,
    bar: Callable[[int, str], Callable[[int], None]] = lambda total, label: lambda done: None,
) -> list[Path]:
    """Write the means of every published model that weighs channels; returns all their files, old and new.

    Files that belong to the present weights are left as they are, so that a run that was stopped goes on. Files of
    models that are no longer published are removed. Raises DataError or CheckpointError.
    """
    published = checkpoints.available(dataset_name)
    for path in means_file(dataset_name, "*").parent.glob(means_file(dataset_name, "*").name):
        if path not in {means_file(dataset_name, name) for name in published}:
            path.unlink()
    split, files = None, []
    for name in (n for n in published if names is None or n in names):
        if read(dataset_name, name):
            progress(f"{dataset_name} {name}: measured already")
            files.append(means_file(dataset_name, name))
            continue
        model = checkpoints.load(name, dataset_name, device)
        if not _weighs_channels(model, dataset(dataset_name).preprocessing, device):
            continue
        split = split or load(dataset_name, "val")
        classes = len(checkpoints.trained_on(dataset_name).classes)
        means = class_means(model, split, classes, device, bar(len(split), f"{dataset_name} {name}"))
        entry = checkpoints.read_manifest(dataset_name)["models"][name]
        path = means_file(dataset_name, name)
        counts = torch.bincount(split.labels, minlength=classes).numpy()
        about = {IMAGES: counts, SHA: np.array(entry["sha256"])}
        write_npz(path, **about, **{key: values.astype(np.float16) for key, values in means.items()})
        progress(
            f"{dataset_name} {name}: {len(means)} modules, {int(counts.sum()):,} images, {path.stat().st_size:,} bytes"
        )
        files.append(path)
    return files


@torch.no_grad()
def _weighs_channels(model: nn.Module, preprocessing: Preprocessing, device: torch.device) -> bool:
    side = preprocessing.test_pixels
    with watch(model) as seen:
        model(torch.zeros(1, 3, side, side, device=device))
    return any(channel_weights(path, weights) is not None for path, weights in seen.items())
