"""Which models may answer in half precision: those whose answers were measured to hold, data/results/precision.csv.

`python -m attention precision` runs every checkpoint over the whole of val in float32 and in half precision. Half
precision is used for a model where this device computes faster in it and its row says that the most probable class stayed
the same on at least AGREEMENT of the images. Weights without a row of their own run in float32.
"""

import datetime
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from attention import checkpoints, datasets, devices
from attention.explicit import Explicit, fast
from attention.files import write_text
from attention.runs import RESULTS

RESULT_FILE = RESULTS / "precision.csv"
AGREEMENT = 0.995  # share of val on which the most probable class has to be float32's
KEY = ["dataset", "variant", "device_type", "dtype"]


def half_dtype(device: torch.device) -> torch.dtype | None:
    """The half precision that a device computes faster in; None where there is none.

    CPUs: bfloat16 where they have instructions for it, without which it is emulated and up to 20 times slower. At batch 1
    an EPYC of family 26 then takes 0.6 of float32's time. GPUs: float16, which has three bits more than bfloat16.
    """
    if device.type == "cuda":
        return torch.float16
    chosen = devices.training_dtype(device)
    return None if chosen == torch.float32 else chosen


def is_measured(name: str, dataset_name: str, device: torch.device) -> bool:
    """Whether these very weights have a row for this kind of device."""
    if not RESULT_FILE.exists():
        return False
    sha256 = checkpoints.read_manifest(dataset_name)["models"][name]["sha256"]
    rows = pd.read_csv(RESULT_FILE)
    same = (rows["dataset"] == dataset_name) & (rows["weights_sha256"] == sha256) & (rows["device_type"] == device.type)
    return bool(same.any())


@lru_cache
def _holding(path: Path, modified: float) -> frozenset[tuple[str, ...]]:
    try:
        rows = pd.read_csv(path)
        rows = rows[rows["holds"].astype(bool)]
        return frozenset(rows[["dataset", "weights_sha256", "device_type", "dtype"]].itertuples(index=False, name=None))
    except (OSError, ValueError, KeyError):  # damaged: nothing is known to hold, so all run in float32
        return frozenset()


def choose(name: str, dataset_name: str, device: torch.device) -> torch.dtype:
    """The precision in which compare() runs a checkpoint on a device."""
    dtype = half_dtype(device)
    if dtype is None or not RESULT_FILE.exists():
        return torch.float32
    sha256 = checkpoints.known_manifest(dataset_name)["models"].get(name, {}).get("sha256")
    holding = _holding(RESULT_FILE, RESULT_FILE.stat().st_mtime)
    return dtype if (dataset_name, sha256, device.type, devices.dtype_name(dtype)) in holding else torch.float32


def _logits(model: Explicit, images: Tensor, device: torch.device, batch_size: int = 25) -> Tensor:
    """Logits (N, classes) on the host, of images (N, 3, H, W) uint8."""
    with devices.exact_float32(), torch.no_grad():
        batches = (datasets.normalise(batch.to(device)) for batch in images.split(batch_size))
        return torch.cat([model(batch.contiguous(memory_format=torch.channels_last)).logits.cpu() for batch in batches])


def measure(
    dataset_name: str,
    device: torch.device,
    images: Tensor | None = None,
    progress: Callable[[str], None] = print,
    again: bool = False,
) -> Iterator[dict]:
    """A row a checkpoint that has none yet, or `again` of each: how far half precision's answers are float32's on val.

    `images` (N, 3, 160, 160) uint8 stands in for val. Raises DeviceError where float32 is all that is fast.
    """
    dtype = half_dtype(device)
    if dtype is None:
        raise devices.DeviceError(
            f"{devices.device_name(device)} has no instructions for half precision, which would be slower than float32: "
            "nothing to measure. Try a processor with AVX-512 BF16 or AMX, or --device cuda."
        )
    images = datasets.load(dataset_name, "val").images if images is None else images
    published = checkpoints.read_manifest(dataset_name)["models"]
    for name in checkpoints.available(dataset_name):
        if not again and is_measured(name, dataset_name, device):
            progress(f"{name}: measured already")
            continue
        started, model = time.perf_counter(), checkpoints.load(name, dataset_name, device)
        pair = [fast(model), fast(model, dtype)]
        exact, half = (_logits(candidate, images, device) for candidate in pair)
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
    if RESULT_FILE.exists():
        rows = pd.concat([pd.read_csv(RESULT_FILE), rows], ignore_index=True)
    rows = rows.drop_duplicates(KEY, keep="last").sort_values(["device_type", "dtype", "dataset"], kind="stable")
    write_text(RESULT_FILE, rows.to_csv(index=False))
