"""A measured detector of images unlike the training classes, from the baseline's probabilities.

Its threshold keeps 95 % of the test images; how well it tells other pictures apart stands in data/results/foreign.csv,
which `python -m attention evaluate` rebuilds.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from attention.core.paths import RESULTS

KEEP = 0.95  # share of the test images that must not be called foreign
RESULT_FILE = RESULTS / "foreign.csv"
SCORES = {  # higher means more familiar
    "largest probability": lambda p: p.max(axis=-1),
    "negative entropy": lambda p: (p * np.log(np.clip(p, 1e-12, 1))).sum(axis=-1),
}
USED = "largest probability"


@lru_cache
def _threshold(path: Path, modified: float) -> float | None:
    try:
        table = pd.read_csv(path)
        return float(table.loc[table["score"] == USED, "threshold"].iloc[0])
    except (OSError, ValueError, LookupError):  # damaged: as if it had not been measured
        return None


def judge(probabilities: np.ndarray, dataset_name: str) -> bool | None:
    """Whether the baseline's probabilities (classes,) call an image foreign; None where nothing was measured."""
    if dataset_name != "imagenette" or not RESULT_FILE.exists():
        return None
    threshold = _threshold(RESULT_FILE, RESULT_FILE.stat().st_mtime)
    return None if threshold is None else bool(SCORES[USED](probabilities) < threshold)
