"""Accuracy against the compute of training, beside the published Imagenette leaderboard at 128 px.

The leaderboard (https://github.com/fastai/imagenette) counts epochs, but in one epoch a network four times as costly
does four times the work. So both are compared by multiply-adds of the forward passes over the training images. The
leaderboard gives no such count, and names its network only for the long runs: an xse_resnext50. torchvision's
ResNeXt-50 (32x4d) stands in for it in all rows. The backward pass is left out; it costs about twice the forward pass on
both sides.

Its rules forbid scoring at more pixels than training had, so here the committed baselines are scored at 128 px, not at the
160 px of every other table of this project.
"""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import torch

from attention.core import intervals
from attention.core.files import write_text
from attention.core.paths import RESULTS
from attention.models import checkpoints
from attention.models.variants import REFERENCE, REPLICATES, build_model
from attention.pictures.datasets import dataset
from attention.pictures.splits import Split
from attention.study.latency import multiply_adds
from attention.training import scoring
from attention.training.recipes import RECIPES

PIXELS = 128
DATASET = "imagenette"
RESULT_FILE = RESULTS / "leaderboard.csv"


PUBLISHED = (
    (5, 0.8743, 5),
    (20, 0.9157, 5),
    (80, 0.9355, 1),
    (200, 0.9424, 1),
)  # epochs, accuracy, mean of so many runs


def measure(test: Split, device: torch.device, progress: Callable[[str], None] = print) -> None:
    """Score the committed baselines on `test` (Imagenette's val) at 128 px; write leaderboard.csv beside the published rows."""
    from torchvision.transforms.v2.functional import resize  # late, because the page imports this module too

    images = dataset(DATASET).train_images
    test = replace(test, images=resize(test.images, [PIXELS, PIXELS], antialias=True))
    rows = [_row("published", epochs, images, _stand_in(), accuracy, runs=runs) for epochs, accuracy, runs in PUBLISHED]
    manifest = checkpoints.read_manifest(DATASET)["models"]
    for name in (REFERENCE, *(n for n, replicate in REPLICATES.items() if replicate.replicate_of == REFERENCE)):
        if name not in manifest:
            continue
        recipe = RECIPES[manifest[name]["recipe"]]
        probabilities = scoring.predict(checkpoints.load(name, DATASET, device), test, device, pixels=PIXELS)
        correct = int((probabilities.argmax(1) == test.labels.numpy()).sum())
        low, high = intervals.accuracy_interval(correct, len(test))
        cost = sum(epochs * multiply_adds(build_model(REFERENCE), pixels) for epochs, pixels in recipe.phases)
        found = {"low": round(low, 6), "high": round(high, 6), "seed": manifest[name]["seed"]}
        rows.append(_row(name, recipe.epochs, images, cost / recipe.epochs, correct / len(test), **found))
        progress(f"{name}: {correct} of {len(test)} at {PIXELS} px, {correct / len(test):.2%}")
    write_text(RESULT_FILE, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))


def _stand_in() -> int:
    import torchvision

    with torch.device("meta"):
        return multiply_adds(torchvision.models.resnext50_32x4d(), PIXELS)


def _row(source, epochs, images, multiply_adds, accuracy, low=None, high=None, seed=None, runs=1) -> dict:
    return {
        "source": source,
        "epochs": epochs,
        "pixels": PIXELS,
        "accuracy": round(accuracy, 6),
        "low": low,
        "high": high,
        "runs": runs,
        "seed": seed,
        "multiply_adds_an_image": round(multiply_adds),
        "training_multiply_adds": round(multiply_adds * images * epochs),
    }
