"""Detects pictures of none of the classes that the models know, from the chosen models' answers.

A picture is called foreign if the models together are too uncertain, or differ too much. The two thresholds are chosen
on one half of a data set's test photographs, so that 5 % of them would be called foreign. How the rule then does on the
other half, and on pictures of other things, is in data/results/foreign.csv, which `python -m attention evaluate`
rebuilds (study/foreign.py).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from attention.core.paths import RESULTS

FALSE_ALARMS = 0.05  # share of the test photographs that may be called foreign
RESULT_FILE = RESULTS / "foreign.csv"
PHOTOGRAPHS = "photographs of other things"  # the row of all such sets together


def _entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.clip(p, 1e-12, 1))).sum(axis=-1)


SCORES = {  # of probabilities (models, ..., classes); higher means more familiar
    "largest probability": lambda p: p.mean(0).max(axis=-1),
    "negative entropy": lambda p: -_entropy(p.mean(0)),
    "agreement": lambda p: _entropy(p).mean(0) - _entropy(p.mean(0)),  # minus the divergence of the models' answers
}
CERTAIN, AGREED = "negative entropy", "agreement"
USED = "either"  # of these two, because each notices what the other misses (docs/model-card.md)


@lru_cache
def _table(path: Path, modified: float) -> pd.DataFrame:
    """The rows of the score that is used; none if the file is damaged, as if nothing had been measured."""
    try:
        table = pd.read_csv(path)
        found = table[table["score"] == USED]
        return found.astype({"models": int, CERTAIN: float, AGREED: float, "noticed": float})
    except (OSError, ValueError, LookupError):
        return pd.DataFrame(columns=["dataset", "models", CERTAIN, AGREED, "against", "noticed"])


def _rows(dataset_name: str) -> pd.DataFrame:
    table = _table(RESULT_FILE, RESULT_FILE.stat().st_mtime if RESULT_FILE.exists() else 0)
    return table[table["dataset"] == dataset_name]


def judge(probabilities: Sequence[np.ndarray], dataset_name: str) -> bool | None:
    """Whether a picture is foreign by the chosen models' probabilities, (classes,) each; None if nothing was measured.

    Uses the thresholds for as many models, or for the most models that were measured.
    """
    rows = _rows(dataset_name)
    if rows.empty or not len(probabilities):
        return None
    count = min(len(probabilities), rows["models"].max())
    thresholds, answers = rows[rows["models"] == count].iloc[0], np.stack(probabilities).astype(np.float64)
    return any(bool(SCORES[name](answers) < thresholds[name]) for name in (CERTAIN, AGREED))


def noticed(dataset_name: str) -> float | None:
    """The share of photographs of other things that all measured models together call foreign; None where not measured."""
    rows = _rows(dataset_name)
    found = rows.loc[(rows["against"] == PHOTOGRAPHS) & (rows["models"] == rows["models"].max()), "noticed"]
    return None if found.empty else float(found.iloc[0])
