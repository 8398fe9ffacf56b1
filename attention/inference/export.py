"""Exports a trained model as ONNX, with logits and every attention map as outputs, for any batch size, and checks it.

For use outside this project. onnx, onnxscript and onnxruntime are optional: requirements-export.txt.
"""

import importlib.util
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from attention.core.errors import BadInput
from attention.core.files import write_by_rename
from attention.models import checkpoints
from attention.models.fusion import fold
from attention.models.network import ResNet
from attention.models.visible import visible, watch
from attention.pictures.datasets import DataError, dataset
from attention.pictures.splits import load

IMAGES = 32  # that the check runs on
TOLERANCE = 1e-3  # of logits and maps, times the largest value if that is above 1


class ExportError(BadInput):
    """The export cannot be made, or does not agree with the model; the message says what to do."""


class _Outputs(nn.Module):
    """(B, 3, H, W) -> the logits (B, classes), then the weights of every module in `visible(model)`, in that order."""

    def __init__(self, model: ResNet):
        super().__init__()
        self.model = model
        self.paths = list(visible(model))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        with watch(self.model) as weights:
            logits = self.model(images)
        return logits, *(weights[path] for path in self.paths)


def _require() -> None:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"The export needs {' and '.join(missing)}. Install what it needs: pip install -r requirements-export.txt."
        )


def _check_images(dataset_name: str) -> Tensor:
    """IMAGES normalised images: spread evenly over val if the data set is here, else noise."""
    preprocessing = dataset(dataset_name).preprocessing
    try:
        images = load(dataset_name, "val").images
        images = images[torch.linspace(0, len(images) - 1, IMAGES).long()]
    except DataError:
        shape = (IMAGES, 3, preprocessing.test_pixels, preprocessing.test_pixels)
        images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return preprocessing.tested(images, preprocessing.test_pixels)


def export(
    name: str, path: Path, dataset_name: str = "imagenette", images: Tensor | None = None
) -> tuple[list[str], int, float]:
    """Write a checkpoint to `path`; returns the outputs' names, how many images were checked, the largest difference.

    The file appears only if ONNX Runtime agrees with PyTorch on `images` (N, 3, S, S), by default IMAGES of val. Its
    input is "images" (batch, 3, S, S), normalised as Preprocessing.normalise does, with S = 160 for the study's data
    sets. Its outputs are "logits" (batch, classes), then one for every attention map, named after its place in the
    network. Raises ExportError, UnknownVariant or CheckpointError.
    """
    _require()
    model = checkpoints.load(name, dataset_name)
    module = _Outputs(fold(model)).eval()
    outputs = ["logits", *module.paths]
    images = _check_images(dataset_name) if images is None else images
    difference = 0.0

    def write(temporary: Path) -> None:
        nonlocal difference
        _convert(module, images, outputs, temporary)
        difference = _largest_difference(temporary, model, images)

    write_by_rename(path, write)
    return outputs, len(images), difference


def _convert(module: _Outputs, images: Tensor, outputs: list[str], path: Path) -> None:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they concern the exporter's own code
        torch.onnx.export(
            module, (images[:2],), path, input_names=["images"], output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip


def _largest_difference(path: Path, model: ResNet, images: Tensor) -> float:
    """The largest difference between the file and the loaded model, on all images and on one. Raises ExportError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in (images, images[:1]):
        with torch.no_grad(), watch(model) as weights:
            logits = model(batch)
        expected = [logits, *(weights[p] for p in visible(model))]
        found = session.run(None, {"images": batch.numpy()})
        for output, ours, theirs in zip(session.get_outputs(), expected, found, strict=True):
            difference = float(np.abs(ours.numpy() - theirs).max())
            if ours.shape != theirs.shape or not difference <= TOLERANCE * max(1.0, float(ours.abs().max())):
                raise ExportError(
                    f"ONNX Runtime's {output.name} differs from PyTorch's by {difference:.2g}, so nothing was written. "
                    "Please report it with the versions that `pip list` shows for torch, onnx and onnxruntime."
                )
            largest = max(largest, difference)
    return largest


def outputs(path: Path) -> dict[str, list]:
    """The names and shapes of a file's outputs; "batch" stands for the number of images."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return {output.name: output.shape for output in session.get_outputs()}
