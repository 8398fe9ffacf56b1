"""Run models on one image: compare(image, names) yields one Result per model, of NumPy arrays and plain numbers.

Each model does one forward pass on its fast path (fast_path.fast): batch norm folded, convolutions packed, half
precision where precision.csv says that its answers hold, and a CUDA graph on GPUs. docs/performance.md says what each
of them gains.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from attention.core import cuda_graphs, deadlines, devices, threads
from attention.inference import out_of_distribution, precision
from attention.inference.fast_path import Explanation, Explicit, fast, to_host
from attention.maps.attention import AttentionMap, describe
from attention.models import checkpoints
from attention.models.variants import variant
from attention.pictures.preprocessing import OwnShape, to_tensor
from attention.pictures.reading import Upload

TRIALS = 5  # timed runs of each way to share the cores, in warm_up()
TOGETHER_S = 0.05  # models in turn hand over their results together for about this long
GAIN = 1.1  # models run side by side if that is so many times as fast as in turn

_GPU = threading.Lock()  # while one thread records a graph, no other may touch the device


@dataclass(frozen=True)
class Result:
    """One model's answer for one image. `activation` is the class activation map (h, w) of the class `explained`.

    `latency_ms` was measured for this one call: from the prepared image to these arrays, with the maps but without
    preprocessing and drawing. If models ran side by side, each had one core while others ran beside it.
    """

    name: str
    class_names: tuple[str, ...]
    probabilities: np.ndarray  # (classes,) float32
    maps: tuple[AttentionMap, ...]
    activation: np.ndarray
    latency_ms: float
    dtype: str = "float32"  # of the convolutions; the head is always in float32
    device: str = "cpu"
    asked: int | None = None  # the class whose map was asked for; None: that of the model's own first choice

    @cached_property
    def explained(self) -> int:
        return self.top1 if self.asked is None else self.asked

    @cached_property
    def ranking(self) -> list[int]:
        """Class indices, the most probable first."""
        return np.argsort(-self.probabilities, kind="stable").tolist()

    @cached_property
    def top1(self) -> int:
        return self.ranking[0]

    @cached_property
    def prediction(self) -> str:
        return self.class_names[self.top1]


class Models:
    """The checkpoints of one data set, each loaded once, verified, and run by one thread at a time.

    `dtype` is for all of them; None takes half precision for those whose answers hold in it (precision.choose).
    """

    def __init__(self, dataset_name: str = "imagenette", device: str = "auto", dtype: torch.dtype | None = None):
        self.device = devices.pick_device(device)
        self.dataset = checkpoints.trained_on(dataset_name)
        self.names = checkpoints.available(dataset_name)
        # name -> sentence, for models that could not be loaded; replaced, never changed
        self.problems: dict[str, str] = {}
        self._seen: dict[str, tuple | None] = {}  # the version of each model's file when it was last tried
        self.side_by_side = False  # with one core each: warm_up() measures whether that is faster here
        self._dtype = dtype
        self._models: dict[str, tuple[Explicit, Callable[[Tensor], Explanation], torch.dtype]] = {}
        self._locks: dict[str, threading.Lock] = {}  # one per model

    def warm_up(self) -> None:
        """Load every model and run it once, so that the first visitor does not pay for it; note those that fail."""
        images = self._blank()
        for name in self.names:
            self._try(name, images)
        self._choose_threads([name for name in self.names if name not in self.problems], images)

    def look_again(self) -> None:
        """Load the unavailable models whose file has changed since, because it may be back. Looks at each file."""
        for name in self.problems:
            if name in self._seen and self._seen[name] != checkpoints.weights_version(name, self.dataset.name):
                self._try(name, self._blank())

    def _blank(self) -> Tensor:
        side = self.dataset.preprocessing.test_pixels
        return self.prepare(Image.new("RGB", (side, side)))

    def _try(self, name: str, images: Tensor) -> None:
        """Run a model once; note in `problems` that it failed, or remove the note if it works."""
        self._seen[name] = checkpoints.weights_version(name, self.dataset.name)
        try:
            self.run(name, images)
        except checkpoints.CheckpointError as error:
            self.problems = self.problems | {name: str(error)}
        else:
            self.problems = {other: sentence for other, sentence in self.problems.items() if other != name}

    def _choose_threads(self, names: list[str], images: Tensor) -> None:
        """Time both ways to share the cores and keep the faster one; models run in turn if it makes no difference."""
        if self.device.type != "cpu" or threads.count() < 2 or len(names) < 2:
            return
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(TRIALS):
            for way in seconds:
                self.side_by_side = way
                started = time.perf_counter()
                list(_results(names, images, self))
                seconds[way].append(time.perf_counter() - started)
        self.side_by_side = min(seconds[False]) > GAIN * min(seconds[True])

    def part(self, image: Image.Image) -> Image.Image:
        """The part of a picture that these models see, and over which their maps are drawn."""
        return self.dataset.preprocessing.part(image)

    def notices(self, upload: Upload) -> tuple[str, ...]:
        """Keys of reading.NOTICES: what was done to a picture, and whether these models see only its middle."""
        is_cut = isinstance(self.dataset.preprocessing.shape, OwnShape) and self.part(upload.image) is not upload.image
        return (*upload.notices, "middle") if is_cut else upload.notices

    def prepare(self, image: Image.Image) -> Tensor:
        """Preprocess a PIL image to (1, 3, H, W) on the device, once for all models of the data set."""
        return self.prepare_array(self.dataset.preprocessing.resized(image))

    def prepare_array(self, image: np.ndarray) -> Tensor:
        """The same for an image that is resized already, (H, W, 3) uint8."""
        pixels = to_tensor([image])
        with self._lock_of("preparing"):
            try:
                pixels = pixels.to(self.device)
            except torch.OutOfMemoryError:  # the image stays on the CPU, where `run` then computes
                devices.free(self.device)
            return self.dataset.preprocessing.normalise(pixels).contiguous(memory_format=torch.channels_last)

    def _lock_of(self, name: str) -> threading.Lock:
        return _GPU if self.device.type == "cuda" else self._locks.setdefault(name, threading.Lock())

    def _load(self, name: str, images: Tensor) -> None:
        dtype = self._dtype or precision.choose(name, self.dataset.name, self.device)
        model = checkpoints.load(name, self.dataset.name, self.device)
        model = fast(model, dtype, self.dataset.preprocessing.test_pixels)
        run = cuda_graphs.recorded(model, images) if self.device.type == "cuda" else model
        self._models[name] = model, run, dtype

    def run(self, name: str, images: Tensor, class_index: int | None = None) -> Result:
        """Run one model on one prepared image, with the map of one class; None: of the one that it finds most probable.

        If the GPU's memory is full it runs on the CPU, and the result says so. Raises UnknownVariant or
        CheckpointError, ValueError for a class that does not exist, and TimeUp.
        """
        deadlines.check()
        check_class(class_index, self)
        if images.device.type == self.device.type:
            try:
                return threads.on_all(self._run, name, images, class_index)
            except torch.OutOfMemoryError:
                if self.device.type == "cpu":
                    raise
                devices.free(self.device)
        return self._on_cpu.run(name, images.cpu(), class_index)

    @cached_property
    def _on_cpu(self) -> "Models":
        """The same models on the CPU, for when the GPU's memory is full, because other programs may use it too."""
        return Models(self.dataset.name, "cpu")

    def _run(self, name: str, images: Tensor, class_index: int | None) -> Result:
        with self._lock_of(name):  # threads would share the module's notes; a graph's next run overwrites its result
            if name not in self._models:
                self._load(name, images)
            model, run, dtype = self._models[name]
            started = time.perf_counter()
            found = run(images)
            found = to_host(found if class_index is None else model.explaining(found, class_index))
            maps = tuple(describe(path, weights, images.shape[2:]) for path, weights in found.weights.items())
            probabilities, activation = found.logits[0].softmax(0).numpy(), found.activation[0].numpy()
            latency_ms = (time.perf_counter() - started) * 1e3
        names = self.dataset.class_names
        where = devices.dtype_name(dtype), self.device.type
        return Result(name, names, probabilities, maps, activation, latency_ms, *where, class_index)

    def looks_foreign(self, results: Iterable[Result]) -> bool | None:
        """Whether a picture shows none of the classes, by these results; None if the detector was not measured."""
        return out_of_distribution.judge([result.probabilities for result in results], self.dataset.name)


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


def check_class(class_index: int | None, models: Models) -> None:
    """Raises ValueError for a class that does not exist; None stands for each model's own first choice."""
    known = len(models.dataset.class_names)
    if class_index is not None and not 0 <= class_index < known:
        raise ValueError(f"There is no class {class_index}: these models know {known}, numbered from 0.")


def compare(
    image: Image.Image, names: Iterable[str], models: Models, class_index: int | None = None
) -> Iterator[Result]:
    """Yields a Result per name as each is ready, but that of the first name first. Names are checked before any runs.

    Each explains `class_index` (ValueError for a class that does not exist), or the model's own first choice. Models
    run one after another on all cores, or side by side on one core each, whichever was faster when they were warmed up.
    """
    chosen = check_names(names, models)
    check_class(class_index, models)
    return _results(chosen, models.prepare(image), models, class_index)


def _results(names: list[str], images: Tensor, models: Models, class_index: int | None = None) -> Iterator[Result]:
    deadlines.check()  # models side by side run in other threads, which do not know the deadline
    if not models.side_by_side or len(names) < max(2, threads.count() / 2):  # fewer would leave most cores idle
        yield from _in_turn(names, images, models, class_index)
        return
    pool = threads.one_each(threads.count())
    jobs = [pool.submit(models.run, name, images, class_index) for name in names]
    try:
        yield jobs[0].result()  # the page compares all others with the first
        yield from (job.result() for job in as_completed(jobs[1:]))
    finally:
        for job in jobs:
            job.cancel()  # if the caller has gone or a model has failed


def _in_turn(names: list[str], images: Tensor, models: Models, class_index: int | None) -> Iterator[Result]:
    """One model after another; quick ones together, because the way to the compute thread and back takes 0.6 ms."""
    waiting = list(names)

    def some() -> list[Result]:
        began, done = time.perf_counter(), []
        while waiting and (not done or time.perf_counter() - began < TOGETHER_S):
            try:
                done.append(models.run(waiting[0], images, class_index))
            except Exception:
                if not done:
                    raise
                break  # hand over those before it; it raises in the next round
            del waiting[0]
        return done

    while waiting:
        yield from threads.on_all(some)
