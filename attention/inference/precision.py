"""Decides which models answer in half precision: those whose answers hold in it by data/results/precision.csv.

`python -m attention precision` runs every checkpoint over the whole of val in float32 and in half precision. Half
precision is used for a model where this device computes faster in it and its row says that the most probable class stayed
the same on at least AGREEMENT of the images. Weights without a row of their own run in float32.
"""

from functools import lru_cache
from pathlib import Path

import pandas as pd
import torch

from attention.core import devices
from attention.core.paths import RESULTS
from attention.models import checkpoints

RESULT_FILE = RESULTS / "precision.csv"
AGREEMENT = 0.995  # least share of val on which the most probable class must be that of float32


def half_dtype(device: torch.device) -> torch.dtype | None:
    """The half precision that a device computes faster in than in float32; None if there is none.

    CPUs: bfloat16 if they have instructions for it; without them it is emulated and up to 20 times slower. With them an
    EPYC of family 26 takes 0.6 of float32's time at batch 1. GPUs: float16, which has three bits more than bfloat16.
    """
    if device.type == "cuda":
        return torch.float16
    chosen = devices.training_dtype(device)
    return None if chosen == torch.float32 else chosen


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
