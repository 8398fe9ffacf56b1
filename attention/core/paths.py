"""Where files are: the repository, its committed results, and the folders that environment variables can move.

In a checkout everything is beside the package. An installed wheel has samples and results inside the package (setup.py)
and looks for checkpoints, data and runs in the current folder. $ATTENTION_HOME, or serve --home, names another folder.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SHIPPED = PACKAGE / "shipped"  # exists only in an installed wheel
INSTALLED = SHIPPED.is_dir()
BESIDE = SHIPPED if INSTALLED else PACKAGE.parent  # the files that came with the code
ROOT = Path(os.environ.get("ATTENTION_HOME") or ("." if INSTALLED else BESIDE)).resolve()
CHECKPOINTS = ROOT / "checkpoints"
SAMPLES = BESIDE / "samples"
DEFAULT_ROOT = ROOT / "data"
RUNS = ROOT / "runs"  # ignored by git: states, weights and predictions of every run
# committed: every figure that the page shows; ROOT has its own where it is a clone of the repository
RESULTS = (ROOT if (ROOT / "data" / "results" / "runs").is_dir() else BESIDE) / "data" / "results"
RECORDS = RESULTS / "runs"
PREDICTIONS = RESULTS / "predictions"


def roots() -> list[Path]:
    """Where data sets are looked for: $ATTENTION_DATA first, then data/."""
    given = os.environ.get("ATTENTION_DATA")
    return ([Path(given)] if given else []) + [DEFAULT_ROOT]


def own_root() -> Path:
    """Where a user's own folders are registered and their weights kept: $ATTENTION_OWN, or data/own."""
    given = os.environ.get("ATTENTION_OWN")
    return Path(given) if given else DEFAULT_ROOT / "own"


def below_a_root(relative: str) -> Path | None:
    """The path of `relative` in the first of `roots()` that has it; None where none has."""
    return next((root / relative for root in roots() if (root / relative).exists()), None)
