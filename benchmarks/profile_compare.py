"""Where the time of compare() goes, before and after the fast path, and the physical limit beside it.

    python -m benchmarks.profile_compare [--dataset imagenette] [--rounds 30] [--threads 2]

"Before" is what compare() was: the checkpoint as loaded (eager, channels last, float32), hooks, and a second run of the head
for the map. All steps of all models in turn, one after another on all threads; the last lines are whole calls of compare(),
which runs models side by side. The limit is the multiply-adds of all models over the best rate that one large
convolution reaches on this machine.
"""

import argparse
import time

import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from attention.inference import fast_path
from attention.inference.compare import Models, compare
from attention.inference.fast_path import Explicit, fast, to_host
from attention.maps.activation import class_activation_map, read_head
from attention.maps.attention import describe
from attention.models import checkpoints
from attention.models.visible import watch
from attention.pictures.samples import all_samples
from benchmarks.sides import PAUSE_S, begin, in_turn

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Steps:
    """Adds up milliseconds by step."""

    def __init__(self):
        self.ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def done(self, step: str) -> None:
        now = time.perf_counter()
        self.ms[step] = self.ms.get(step, 0.0) + (now - self._last) * 1e3
        self._last = now


def before(photo: Image.Image, models: list, prepare) -> dict[str, float]:
    steps = Steps()
    images = prepare(photo)
    steps.done("preprocess")
    for model in models:
        with torch.no_grad(), watch(model) as weights:
            features = model.forward_features(images)
            steps.done("network")
            probabilities = model.forward_head(features).softmax(1)[0].numpy()
            steps.done("head and map")
        class_activation_map(model, features, int(probabilities.argmax()))
        steps.done("head and map")
        [describe(path, weight) for path, weight in weights.items()]
        steps.done("arrays")
    return steps.ms


@torch.no_grad()
def after(photo: Image.Image, models: list[Explicit], prepare) -> dict[str, float]:
    steps = Steps()
    images = prepare(photo)
    steps.done("preprocess")
    for model in models:
        features = model.model.forward_features(images.to(model.dtype)).float()
        steps.done("network")
        logits, activation = read_head(model.model, features)
        steps.done("head and map")
        found = to_host(fast_path.Explanation(logits, features, activation, dict(model.noted)))
        [describe(path, weight) for path, weight in found.weights.items()]
        found.logits[0].softmax(0).numpy()
        steps.done("arrays")
    return steps.ms


@torch.no_grad()
def peak(dtype: torch.dtype, batch: int = 1, channels: int = 256, side: int = 40, rounds: int = 60) -> float:
    """Multiply-adds a second of one large 3x3 convolution, the best of some rounds (torch's matrix product is slower here)."""
    conv = torch.nn.Conv2d(channels, channels, 3, padding=1, bias=False).to(dtype, memory_format=torch.channels_last)
    x = torch.randn(batch, channels, side, side).to(dtype, memory_format=torch.channels_last)
    best = 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        conv(x)
        best = max(best, batch * side**2 * channels**2 * 9 / (time.perf_counter() - started))
    return best


def main() -> None:
    arguments = begin(argparse.ArgumentParser(description=__doc__.splitlines()[0]), rounds=30)
    photo = Image.open(all_samples()[0].path).convert("RGB")
    whole = {name: Models(arguments.dataset, "cpu", dtype) for name, dtype in DTYPES.items()}
    names, prepare = whole["float32"].names, whole["float32"].prepare
    loaded = [checkpoints.load(name, arguments.dataset) for name in names]
    fast_models = {name: [fast(model, dtype) for model in loaded] for name, dtype in DTYPES.items()}

    sides = {"before": lambda: before(photo, loaded, prepare)}
    sides |= {f"after, {name}": lambda m=models: after(photo, m, prepare) for name, models in fast_models.items()}
    kept: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    calls = {name: lambda name=name, run=run: kept[name].append(run()) for name, run in sides.items()}
    calls |= {f"compare(), {name}": lambda m=models: list(compare(photo, names, m)) for name, models in whole.items()}
    times = in_turn(calls, arguments.rounds, warm_ups=3, pause_s=PAUSE_S)

    def median(values: list[float]) -> float:
        return sorted(values)[len(values) // 2]

    print(f"{len(names)} models of {arguments.dataset}, one photo, medians of {arguments.rounds} rounds, ms\n")
    steps = list(kept["before"][0])
    print("| | " + " | ".join(steps) + " | all |\n|" + "---|" * (len(steps) + 2))
    for name, rounds in kept.items():
        cells = [median([r[step] for r in rounds[-arguments.rounds :]]) for step in steps]
        print(f"| {name} | " + " | ".join(f"{c:.1f}" for c in [*cells, median(times[name])]) + " |")
    for name in whole:
        print(
            f"| compare(), {name}, side by side |" + " |" * len(steps) + f" {median(times[f'compare(), {name}']):.1f} |"
        )

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        for model in loaded:
            model(prepare(photo))
    work = counter.get_total_flops() / 2
    print()
    for name, dtype in DTYPES.items():
        rate = peak(dtype)
        print(
            f"{name}: {work / 1e9:.2f} G multiply-adds at {rate / 1e9:.0f} G a second at best: {work / rate * 1e3:.1f} ms"
        )


if __name__ == "__main__":
    main()
