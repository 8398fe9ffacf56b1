"""Where things lie: the repository, its committed results, and what a user may put elsewhere by an environment variable."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_ROOT = ROOT / "data"
RUNS = ROOT / "runs"  # ignored by git: states, weights and predictions of every run
RESULTS = ROOT / "data" / "results"  # committed: every figure that the page shows
RECORDS = RESULTS / "runs"
PREDICTIONS = RESULTS / "predictions"


def roots() -> list[Path]:
    """Where data sets are looked for: $ATTENTION_DATA first, then data/."""
    given = os.environ.get("ATTENTION_DATA")
    return ([Path(given)] if given else []) + [DEFAULT_ROOT]


def own_root() -> Path:
    """Where folders of one's own are registered, and their weights kept: $ATTENTION_OWN, or data/own."""
    given = os.environ.get("ATTENTION_OWN")
    return Path(given) if given else DEFAULT_ROOT / "own"


def below_a_root(relative: str) -> Path | None:
    """The first of `roots()` that holds such a file or folder, with it; None where none does."""
    return next((root / relative for root in roots() if (root / relative).exists()), None)
