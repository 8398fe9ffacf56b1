"""Accuracy by the size of the test images: test_sizes.csv, which `python -m attention evaluate --pixels N` writes row by row.

Each row is for the published weights, so for one training run, and for all of val. Differences are to the baseline's
answers at the same size on the same photographs. Their 95 % interval is over photographs and leaves out the luck of
training.
"""

import numpy as np
import pandas as pd

from attention.core import intervals
from attention.core.files import write_text
from attention.core.paths import RESULTS
from attention.models.variants import REFERENCE, VARIANTS
from attention.study import comparison, lookup

RESULT_FILE = RESULTS / "test_sizes.csv"
KEY = ["dataset", "variant", "pixels"]
DIFFERENCE = ["difference_points", "difference_low_points", "difference_high_points"]
COLUMNS = [*KEY, "images", "accuracy", "low", "high", *DIFFERENCE, "weights_sha256"]


def record(
    dataset_name: str, variant: str, pixels: int, sha256: str, right: np.ndarray, baseline: np.ndarray | None
) -> None:
    """Write the row of one model at one size, in place of an older one.

    `right` (N,) bool says on which photographs it is right, `baseline` the same for the baseline (None: not scored).
    """
    low, high = intervals.accuracy_interval(int(right.sum()), len(right))
    row = dict(zip(KEY, (dataset_name, variant, pixels), strict=True))
    row |= {"images": len(right), "accuracy": right.mean(), "low": low, "high": high}
    if baseline is not None and variant != REFERENCE:
        [found] = comparison.compare({variant: (right * 1.0 - baseline)[None]}).values()
        row |= {name: 100 * value for name, value in zip(DIFFERENCE, (found.value, found.low, found.high), strict=True)}
    before = [pd.read_csv(RESULT_FILE)] if RESULT_FILE.exists() else []
    table = pd.concat([*before, pd.DataFrame([row | {"weights_sha256": sha256}], columns=COLUMNS)], ignore_index=True)
    table = table.drop_duplicates(KEY, keep="last").round(6)
    order = list(VARIANTS)
    table = table.sort_values(KEY, key=lambda c: c.map(order.index) if c.name == "variant" else c, kind="stable")
    write_text(RESULT_FILE, table.to_csv(index=False, lineterminator="\n"))


def read(dataset_name: str) -> pd.DataFrame:
    """The rows of a data set, or an empty frame."""
    table = lookup.read(RESULT_FILE)
    return table if table.empty else table[table["dataset"] == dataset_name]
