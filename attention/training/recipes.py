"""Training recipes as data. A recipe's hash goes into every record, and no table mixes two of them.

docs/recipes.md says how the figures of `cpu` were chosen, and what was tried.
"""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Recipe:
    """All that decides a run besides variant, data set and seed. Rates are peaks of a one-cycle schedule."""

    name: str
    phases: tuple[tuple[int, int], ...]  # (epochs, pixels a side of the training crops), in order
    batch_size: int = 128  # images
    muon_lr: float = 0.04  # 5 times the root mean square of an update to a backbone convolution
    muon_momentum: float = 0.9
    muon_weight_decay: float = 0.05  # times the rate, a step
    sgd_lr: float = 0.1  # for norms and the classifier
    sgd_momentum: float = 0.9  # Nesterov
    sgd_weight_decay: float = 5e-4  # not on norms and biases
    attention_lr: float = 3e-4  # AdamW, for matrices and filters of attention: SGD at 0.1 diverged with softmax gates
    attention_vector_lr: float = 1e-3  # AdamW, for its biases, norms and learned strengths
    attention_weight_decay: float = 0.05  # times the rate, a step; not on vectors
    warmup_fraction: float = 0.2  # of all steps; then linear to zero
    label_smoothing: float = 0.1  # probability mass
    average_decay: float = 0.99  # of the exponential average of the weights, a step
    crop_area_min: float = 0.35  # fraction of the image; the largest is 1
    crop_aspect_max: float = 4 / 3  # width to height, and its inverse
    flip_probability: float = 0.5

    @property
    def epochs(self) -> int:
        return sum(epochs for epochs, _ in self.phases)

    def pixels_at(self, epoch: int) -> int:
        """The crop size of an epoch, counted from 0."""
        for epochs, pixels in self.phases:
            if epoch < epochs:
                return pixels
            epoch -= epochs
        raise ValueError(f"{self.name} has only {self.epochs} epochs")

    @property
    def hash(self) -> str:
        """12 hex digits over every figure but the name: two recipes with one hash train alike."""
        figures = {key: value for key, value in asdict(self).items() if key != "name"}
        return hashlib.sha256(json.dumps(figures, sort_keys=True).encode()).hexdigest()[:12]


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("cpu", phases=((16, 128),)),
        Recipe("gpu", phases=((40, 128),)),
        # for Tiny ImageNet's 64 px photographs, enlarged; tuned on a tenth of its `train` (docs/recipes.md)
        Recipe("everyday", phases=((16, 96),), batch_size=256, attention_lr=1e-3, average_decay=0.995),
        # for users' own folders, by size: a few photographs have to be seen more often, and in smaller batches
        Recipe("tiny", phases=((100, 128),), batch_size=8),
        Recipe("small", phases=((40, 128),), batch_size=32),
        Recipe("smoke", phases=((1, 64), (1, 96)), batch_size=32),  # seconds: for tests and rehearsals, never a table
    )
}


def recipe_for(images: int) -> Recipe:
    """The recipe for a number of training photographs; `tiny` and `small` take no longer than `cpu` on Imagenette."""
    return RECIPES["tiny" if images < 400 else "small" if images < 3800 else "cpu"]


def steps(recipe: Recipe, images: int) -> int:
    """The number of optimiser steps in a run over so many images."""
    return recipe.epochs * (images // min(recipe.batch_size, images))
