"""Where things lie: the repository, its committed results, and what a user may put elsewhere by an environment variable.

In a checkout all lies beside the package. An installed wheel has samples and results inside the package (setup.py), and
finds checkpoints, data and runs in the current folder. $ATTENTION_HOME, or serve --home, names another folder for these.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
SHIPPED = PACKAGE / "shipped"  # in an installed wheel alone
INSTALLED = SHIPPED.is_dir()
BESIDE = SHIPPED if INSTALLED else PACKAGE.parent  # what came with the code
ROOT = Path(os.environ.get("ATTENTION_HOME") or ("." if INSTALLED else BESIDE)).resolve()
CHECKPOINTS = ROOT / "checkpoints"
SAMPLES = BESIDE / "samples"
DEFAULT_ROOT = ROOT / "data"
RUNS = ROOT / "runs"  # ignored by git: states, weights and predictions of every run
# committed: every figure that the page shows; a home has its own where it is a clone
RESULTS = (ROOT if (ROOT / "data" / "results" / "runs").is_dir() else BESIDE) / "data" / "results"
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
