"""A model's predictions for every image of a split, and the form in which they are kept."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from attention.core import devices
from attention.pictures.splits import Split


def predict(
    model: nn.Module, split: Split, device: torch.device, batch_size: int = 100, pixels: int | None = None
) -> np.ndarray:
    """Probabilities (N, classes) float32 of a model over a split, in float32 and evaluation mode.

    Images are resized to the data set's test pixels, or to `pixels` a side.
    """
    parts = split.images.split(batch_size)
    return predict_batches(model, (split.preprocessing.tested(part.to(device), pixels) for part in parts))


@torch.no_grad()
def predict_batches(model: nn.Module, batches: Iterable[Tensor]) -> np.ndarray:
    """Like `predict`, for batches of prepared images (B, 3, H, W), which may differ in shape."""
    model.eval()
    with devices.exact_float32():
        rows = [model(batch.contiguous(memory_format=torch.channels_last)).softmax(1).cpu() for batch in batches]
    return torch.cat(rows).numpy()


def top5_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The share of images whose class is among the five likeliest."""
    return float((np.argpartition(-probabilities, 5, axis=1)[:, :5] == labels[:, None]).any(1).mean())


KEPT = 5  # the likeliest classes of an image, whose probabilities are kept where there are many classes
MANY_CLASSES = 50


def compact(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities (N, classes) in the form in which they are kept, in half precision.

    With fewer than MANY_CLASSES classes, all are kept. Otherwise only those of the KEPT likeliest classes, in their
    order, and that of the right class: `classes` (N, 5) uint8 or wider, `top` (N, 5) and `true` (N,) float16.
    """
    if probabilities.shape[1] < MANY_CLASSES:
        return {"probabilities": probabilities.astype(np.float16)}
    classes = np.argsort(-probabilities, axis=1, kind="stable")[:, :KEPT]
    top = np.take_along_axis(probabilities, classes, axis=1).astype(np.float16)
    for place in range(KEPT - 2, -1, -1):  # rounding must not make two equal: their order stays
        equal = top[:, place] <= top[:, place + 1]
        top[equal, place] = np.nextafter(top[equal, place + 1], np.float16(np.inf))
    true = np.take_along_axis(probabilities, labels[:, None].astype(np.int64), axis=1)[:, 0]
    return {
        "classes": classes.astype(np.min_scalar_type(probabilities.shape[1] - 1)),
        "top": top,
        "true": true.astype(np.float16),
    }


def expand(arrays: Mapping[str, np.ndarray], labels: np.ndarray, classes: int) -> np.ndarray:
    """The arrays of `compact` -> (N, classes) float16, with 0 for what was not kept.

    Raises KeyError, IndexError or ValueError.
    """
    if "top" not in arrays:
        return arrays["probabilities"]
    found = np.zeros((len(arrays["top"]), classes), np.float16)
    rest = ~(arrays["classes"] == labels[:, None]).any(1)
    rows = np.flatnonzero(rest)
    found[rows, labels[rows]] = arrays["true"][rows]
    np.put_along_axis(found, arrays["classes"].astype(np.int64), arrays["top"], axis=1)
    return found
