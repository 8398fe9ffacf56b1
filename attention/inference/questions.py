"""Questions to one model about one image: every map, and how map and prediction change when something is changed.

An Examiner runs plain models in float32, with hooks and gradients; `compare.compare` is the fast way to run all models.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from attention.core import deadlines, threads
from attention.inference.compare import Models, check_class, check_names
from attention.maps import faithfulness, scores
from attention.maps.activation import activation_maps
from attention.maps.attention import AttentionMap, describe
from attention.maps.description import rank_correlation
from attention.maps.display import attention_map, signed_difference
from attention.maps.overlay import upsample
from attention.models import checkpoints, shuffling
from attention.models.ablation import without_attention
from attention.models.network import ResNet
from attention.models.variants import REFERENCE, REPLICATES
from attention.models.visible import watch
from attention.pictures.corruptions import STRENGTHS, corrupted
from attention.pictures.preprocessing import STUDY, to_tensor

FEWER_STEPS = 8  # of deletion and insertion for pictures larger than the study's, so that an answer takes seconds
RANDOM_MAPS = 5  # their mean curves stand for a map that knows nothing


@dataclass(frozen=True)
class Look:
    """One model's answer for one image, with every map.

    `activations` are class activation maps (h, w) of the class `class_index`, not negative, after stages 1 to 4;
    `gammas` are the learned strengths of residual attention by path: near 0, the layer is unused.
    """

    name: str
    class_names: tuple[str, ...]
    probabilities: np.ndarray  # (classes,)
    class_index: int
    attention: tuple[AttentionMap, ...]
    activations: dict[int, np.ndarray]
    gammas: dict[str, float]

    @property
    def activation(self) -> np.ndarray:
        """The class activation map of the last feature map, by which models are compared."""
        return self.activations[max(self.activations)]

    @property
    def maps(self) -> tuple[AttentionMap, ...]:
        """`attention` under the name that a Result has for it, so that the page can show both."""
        return self.attention

    @property
    def ranking(self) -> list[int]:
        """Class indices, the most probable first."""
        return np.argsort(-self.probabilities, kind="stable").tolist()


@dataclass(frozen=True)
class Randomised:
    """A model whose weights in `part` and in all parts above it are shuffled; `part` is "" for the trained model."""

    part: str
    activation: np.ndarray
    rank_correlation: float  # Spearman's, with the trained model's map
    probability: float  # of the class that is explained


@dataclass(frozen=True)
class Curves:
    """Probabilities (steps + 1,) of the explained class as pixels are deleted, and inserted, in the order of a map."""

    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        return scores.area(self.deletion)

    @property
    def insertion_area(self) -> float:
        return scores.area(self.insertion)


@dataclass(frozen=True)
class Corrupted:
    """One strength of a corruption: the picture as the models get it, and each model's Look at it."""

    strength: int
    image: Image.Image
    looks: dict[str, Look]


@dataclass(frozen=True)
class Difference:
    """One class activation map minus another, (h, w) in -1 to 1: each is divided by its own maximum first.

    `between_seeds` is the same for two trainings of the baseline that differ only in their seed; None without such.
    """

    values: np.ndarray
    between_seeds: np.ndarray | None


class Examiner:
    """Answers questions about the models of one data set. Each loads when it is first needed; questions run one by one.

    Every question raises UnknownVariant or CheckpointError for a model that cannot run, and ValueError for a class that does
    not exist. Images are PIL pictures of any size; `class_index` None is the class that the model itself finds most probable.
    """

    def __init__(self, models: Models):
        self.models = models
        self._plain: dict[str, ResNet] = {}
        self._lock = threading.RLock()  # hooks on a shared module are not thread-safe

    def look(self, image: Image.Image, name: str, class_index: int | None = None) -> Look:
        """How one model sees an image, as it was trained."""
        return self._look(self._model(name), name, self.models.prepare(image), class_index)

    def attention_off(self, image: Image.Image, name: str, class_index: int | None = None) -> tuple[Look, Look]:
        """The model as trained, and with neutral weights (ablation.without_attention); both explain the same class."""
        prepared = self.models.prepare(image)
        trained = self._look(self._model(name), name, prepared, class_index)
        return trained, self._look(without_attention(self._model(name)), name, prepared, trained.class_index)

    def randomised(self, image: Image.Image, name: str, class_index: int | None = None) -> Iterator[Randomised]:
        """Yields the trained model, then shuffles one part of the network after another, from the head downwards."""
        prepared = self.models.prepare(image)
        trained = self._look(self._model(name), name, prepared, class_index)
        chosen = trained.class_index
        yield Randomised("", trained.activation, 1.0, float(trained.probabilities[chosen]))
        for part, model in shuffling.cascade(self._model(name)):
            look = self._look(model, name, prepared, chosen)
            alike = rank_correlation(trained.activation, look.activation)
            yield Randomised(part, look.activation, alike, float(look.probabilities[chosen]))

    def deletion_and_insertion(
        self, image: Image.Image, name: str, class_index: int | None = None
    ) -> dict[str, Curves]:
        """Curves of the model's "activation", of its "attention" where it weighs positions, and of "random" maps."""
        look, preprocessing = self.look(image, name, class_index), self.models.dataset.preprocessing
        picture = preprocessing.resized(image)
        height, width = picture.shape[:2]
        maps = {"activation": look.activation}
        if (weighed := attention_map(look)) is not None:
            maps["attention"] = weighed.values
        drawn = {f"random {seed}": scores.random_map(height, width, seed) for seed in range(RANDOM_MAPS)}
        enlarged = {kind: upsample(values, width, height) for kind, values in (maps | drawn).items()}
        found = faithfulness.curves(
            partial(threads.on_all, self._model(name)),
            to_tensor([picture]),
            enlarged,
            look.class_index,
            self.models.device,
            faithfulness.STEPS if max(height, width) <= STUDY.test_pixels else FEWER_STEPS,
            preprocessing,
        )
        at_random = np.mean([found[kind] for kind in drawn], axis=0)  # (2, steps + 1)
        return {kind: Curves(*found[kind]) for kind in maps} | {"random": Curves(*at_random)}

    def under_corruption(
        self, image: Image.Image, names: list[str], kind: str, class_index: int | None = None
    ) -> Iterator[Corrupted]:
        """Yields the picture at strengths 0 to 5, damaged at the size that models see: shrinking would repair it.

        Every model explains `class_index`, or what the first one finds in the undamaged picture. Raises ValueError for
        an unknown kind.
        """
        names = check_names(names, self.models)
        seen = Image.fromarray(self.models.dataset.preprocessing.resized(image))
        for strength in (0, *STRENGTHS):
            damaged = corrupted(seen, kind, strength)
            prepared, looks = self.models.prepare_array(np.asarray(damaged)), {}
            for name in names:
                looks[name] = self._look(self._model(name), name, prepared, class_index)
                class_index = looks[name].class_index
            yield Corrupted(strength, damaged, looks)

    def difference(self, image: Image.Image, name: str, other: str, class_index: int | None = None) -> Difference:
        """The map of `name` minus that of `other` for one class, beside the difference that a change of seed makes."""
        first = self.look(image, name, class_index)
        chosen = first.class_index

        def minus(a: np.ndarray, b_name: str) -> np.ndarray:
            return signed_difference(a, self.look(image, b_name, chosen).activation)

        twin = next((n for n, replicate in REPLICATES.items() if replicate.replicate_of == REFERENCE), None)
        can_run = {n for n in self.models.names if n not in self.models.problems}
        seeds = None
        if {REFERENCE, twin} <= can_run:
            seeds = minus(self.look(image, REFERENCE, chosen).activation, twin)
        return Difference(minus(first.activation, other), seeds)

    def _model(self, name: str) -> ResNet:
        with self._lock:
            if name not in self._plain:
                check_names([name], self.models)
                model = checkpoints.load(name, self.models.dataset.name, self.models.device)
                self._plain[name] = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
            return self._plain[name]

    def _look(self, model: ResNet, name: str, prepared: Tensor, class_index: int | None) -> Look:
        names = self.models.dataset.class_names
        check_class(class_index, self.models)
        deadlines.check()
        with self._lock, watch(model) as weights:
            logits, activations = threads.on_all(activation_maps, model, prepared, class_index)
        return Look(
            name,
            names,
            logits[0].softmax(0).cpu().numpy(),
            int(logits[0].argmax()) if class_index is None else class_index,
            tuple(describe(path, seen, prepared.shape[2:]) for path, seen in weights.items()),
            {stage: values[0].cpu().numpy() for stage, values in activations.items()},
            {path: value.item() for path, value in model.named_parameters() if path.rpartition(".")[2] == "gamma"},
        )
