"""Run models on one image: compare(image, names) yields one Result a model, as NumPy arrays and plain numbers."""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from attention import checkpoints, devices, foreign
from attention.datasets import EVALUATION_PIXELS, normalise, preprocess, to_tensor
from attention.heatmaps import AttentionMap, class_activation_map, describe, watch
from attention.variants import REFERENCE, variant


@dataclass(frozen=True)
class Result:
    """What one model made of one image. `activation` is the class activation map (h, w) of the class it chose."""

    name: str
    class_names: tuple[str, ...]
    probabilities: np.ndarray  # (classes,) float32
    maps: tuple[AttentionMap, ...]
    activation: np.ndarray
    latency_ms: float  # of this one call, maps included

    @cached_property
    def ranking(self) -> list[int]:
        """Class indices, the most probable first."""
        return np.argsort(-self.probabilities, kind="stable").tolist()

    @property
    def top1(self) -> int:
        return self.ranking[0]

    @property
    def prediction(self) -> str:
        return self.class_names[self.top1]


class Models:
    """The checkpoints of one data set, each loaded once, verified, and run by one thread at a time."""

    def __init__(self, dataset_name: str = "imagenette", device: str = "auto"):
        self.device = devices.pick_device(device)
        self.dataset = checkpoints.trained_on(dataset_name)
        self.names = checkpoints.available(dataset_name)
        self.problems: dict[str, str] = {}  # name -> sentence, for models that could not be loaded
        self._models: dict[str, torch.nn.Module] = {}
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Load every model and run it once, so that the first visitor does not pay for it; note those that fail."""
        blank = Image.new("RGB", (EVALUATION_PIXELS, EVALUATION_PIXELS))
        for name in self.names:
            try:
                self.run(name, self.prepare(blank))
            except checkpoints.CheckpointError as error:
                self.problems[name] = str(error)

    def prepare(self, image: Image.Image) -> Tensor:
        """A PIL image -> (1, 3, 160, 160) on the device: once for all the models that will see it."""
        return normalise(to_tensor([preprocess(image)]).to(self.device)).contiguous(memory_format=torch.channels_last)

    def run(self, name: str, images: Tensor) -> Result:
        """One model on one prepared image. Raises UnknownVariant or CheckpointError."""
        with self._lock:  # watch() hooks the shared module
            if name not in self._models:
                self._models[name] = checkpoints.load(name, self.dataset.name, self.device)
            model = self._models[name]
            devices.synchronise(self.device)
            started = time.perf_counter()
            with torch.no_grad(), watch(model) as weights:  # not inference_mode: the map differentiates the head
                features = model.forward_features(images)
                probabilities = model.forward_head(features).softmax(1)[0].float().cpu().numpy()
            activation = class_activation_map(model, features, int(probabilities.argmax()))
            maps = tuple(describe(path, weight) for path, weight in weights.items())
            latency_ms = (time.perf_counter() - started) * 1e3
        return Result(name, self.dataset.class_names, probabilities, maps, activation, latency_ms)

    def looks_foreign(self, image: Image.Image, results: Iterable[Result] = ()) -> bool | None:
        """Whether the image is unlike those that the models know; None where no detector was measured.

        The baseline judges; its result is taken from `results` where it is among them, else it is run.
        """
        if REFERENCE not in self.names or REFERENCE in self.problems:
            return None
        known = next((result for result in results if result.name == REFERENCE), None)
        known = known or self.run(REFERENCE, self.prepare(image))
        return foreign.judge(known.probabilities, self.dataset.name)


def check_names(names: Iterable[str], models: Models) -> list[str]:
    """The names without repetition, in the order given. Raises UnknownVariant or CheckpointError for one that cannot run."""
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        variant(name)
        if name not in models.names:
            raise checkpoints.CheckpointError(f"{name} has no checkpoint here. Available: {', '.join(models.names)}.")
        if name in models.problems:
            raise checkpoints.CheckpointError(models.problems[name])
    return chosen


def compare(image: Image.Image, names: Iterable[str], models: Models) -> Iterator[Result]:
    """One Result a name, as each is ready. Names are checked before anything runs."""
    chosen = check_names(names, models)
    images = models.prepare(image)
    return (models.run(name, images) for name in chosen)
