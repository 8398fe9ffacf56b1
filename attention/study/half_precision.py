"""Measures on all of val how far answers in half precision agree with float32: data/results/precision.csv."""

import datetime
import time
from collections.abc import Callable, Iterator

import pandas as pd
import torch
from torch import Tensor

from attention.core import devices
from attention.core.files import write_text
from attention.inference import precision
from attention.inference.fast_path import Explicit, fast
from attention.inference.precision import AGREEMENT, half_dtype
from attention.models import checkpoints
from attention.pictures import datasets, splits
from attention.pictures.preprocessing import Preprocessing

KEY = ["dataset", "variant", "device_type", "dtype"]


def is_measured(name: str, dataset_name: str, device: torch.device) -> bool:
    """Whether these very weights have a row for this kind of device."""
    if not precision.RESULT_FILE.exists():
        return False
    sha256 = checkpoints.read_manifest(dataset_name)["models"][name]["sha256"]
    rows = pd.read_csv(precision.RESULT_FILE)
    same = (rows["dataset"] == dataset_name) & (rows["weights_sha256"] == sha256) & (rows["device_type"] == device.type)
    return bool(same.any())


def _logits(
    model: Explicit, images: Tensor, preprocessing: Preprocessing, device: torch.device, batch_size: int = 25
) -> Tensor:
    """Logits (N, classes) on the host, of images (N, 3, H, W) uint8."""
    with devices.exact_float32(), torch.no_grad():
        batches = (preprocessing.tested(batch.to(device)) for batch in images.split(batch_size))
        return torch.cat([model(batch).logits.cpu() for batch in batches])


def measure(
    dataset_name: str,
    device: torch.device,
    images: Tensor | None = None,
    progress: Callable[[str], None] = print,
    again: bool = False,
) -> Iterator[dict]:
    """Yields a row per checkpoint without one, or with `again` for each: how far half precision agrees with float32.

    `images` (N, 3, S, S) uint8, S the stored pixels, replaces val. Raises DeviceError if only float32 is fast here.
    """
    dtype = half_dtype(device)
    if dtype is None:
        raise devices.DeviceError(
            f"{devices.device_name(device)} has no instructions for half precision, which would be slower than float32: "
            "nothing to measure. Try a processor with AVX-512 BF16 or AMX, or --device cuda."
        )
    images = splits.load(dataset_name, "val").images if images is None else images
    preprocessing = datasets.dataset(dataset_name).preprocessing
    published = checkpoints.read_manifest(dataset_name)["models"]
    for name in checkpoints.available(dataset_name):
        if not again and is_measured(name, dataset_name, device):
            progress(f"{name}: measured already")
            continue
        started, model = time.perf_counter(), checkpoints.load(name, dataset_name, device)
        pair = [fast(model), fast(model, dtype)]
        exact, half = (_logits(candidate, images, preprocessing, device) for candidate in pair)
        agreement = float((exact.argmax(1) == half.argmax(1)).float().mean())
        yield {
            "dataset": dataset_name,
            "variant": name,
            "device_type": device.type,
            "dtype": devices.dtype_name(dtype),
            "images": len(images),
            "agreement": round(agreement, 6),
            "holds": agreement >= AGREEMENT,
            "largest_probability_difference": round(float((exact.softmax(1) - half.softmax(1)).abs().max()), 4),
            "threads": torch.get_num_threads() if device.type == "cpu" else 0,
            "weights_sha256": published[name]["sha256"],
            "device": devices.device_name(device),
            "torch": torch.__version__,
            "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        progress(
            f"{name}: {agreement:.2%} of {len(images)} as in float32 ({time.perf_counter() - started:.0f} s)"
            + ("" if agreement >= AGREEMENT else "; it stays in float32")
        )


def record(row: dict) -> None:
    """Put a row into data/results/precision.csv in place of an older one of the same model, kind of device and precision."""
    rows = pd.DataFrame([row])
    if precision.RESULT_FILE.exists():
        rows = pd.concat([pd.read_csv(precision.RESULT_FILE), rows], ignore_index=True)
    rows = rows.drop_duplicates(KEY, keep="last").sort_values(["device_type", "dtype", "dataset"], kind="stable")
    write_text(precision.RESULT_FILE, rows.to_csv(index=False))
