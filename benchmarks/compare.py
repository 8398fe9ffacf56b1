"""(a) compare() with maps for all shipped models of a data set, against libraries looped over the same models.

    python -m benchmarks.compare [--dataset imagenette] [--rounds 30] [--threads 2]

Every side gets the same photo and makes probabilities and a class activation map of the most probable class for each
model; ours makes the attention maps too. Theirs run as their documentation says, on the checkpoints as loaded (channels
last), and their hooks are set before anything is timed. All of theirs are in float32.
"""

import argparse
import copy
from collections.abc import Callable

import torch
from captum.attr import LayerGradCam
from PIL import Image
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn
from torchcam.methods import GradCAM as TorchCam

from attention.inference.compare import Models, compare
from attention.models import checkpoints
from attention.pictures.samples import all_samples
from benchmarks.sides import PAUSE_S, begin, in_turn, print_sides

Side = Callable[[Tensor], object]


def last_features(model: nn.Module) -> nn.Module:
    """The module whose output is the last feature map."""
    return model.stage_attention[-1]


def grad_cam(model: nn.Module) -> Side:
    cam = GradCAM(model=model, target_layers=[last_features(model)])
    return lambda images: (cam(images, targets=None), cam.outputs.softmax(1))


def torch_cam(model: nn.Module) -> Side:
    extractor = TorchCam(model, target_layer=last_features(model))

    def run(images: Tensor) -> tuple:
        scores = model(images)
        return extractor(int(scores.argmax()), scores), scores.softmax(1)

    return run


def captum(model: nn.Module) -> Side:
    attribution = LayerGradCam(model, last_features(model))

    def run(images: Tensor) -> tuple:
        with torch.no_grad():
            scores = model(images)
        return attribution.attribute(images, int(scores.argmax())).relu(), scores.softmax(1)

    return run


def main() -> None:
    arguments = begin(argparse.ArgumentParser(description=__doc__.splitlines()[0]), rounds=30)

    photo = Image.open(all_samples()[0].path).convert("RGB")
    ours = {
        "ours, float32": Models(arguments.dataset, "cpu", torch.float32),
        "ours, bfloat16": Models(arguments.dataset, "cpu", torch.bfloat16),
        "ours, as the page runs": Models(arguments.dataset, "cpu"),
    }
    names = next(iter(ours.values())).names
    loaded = {name: checkpoints.load(name, arguments.dataset) for name in names}
    theirs = {
        title: [make(copy.deepcopy(model)) for model in loaded.values()]
        for title, make in {"pytorch-grad-cam": grad_cam, "torch-cam": torch_cam, "captum": captum}.items()
    }
    prepare = next(iter(ours.values())).prepare

    def loop(runs: list[Side]) -> Callable[[], object]:
        def call() -> list:
            images = prepare(photo)
            return [run(images) for run in runs]

        return call

    sides = {title: lambda models=models: list(compare(photo, names, models)) for title, models in ours.items()}
    sides |= {title: loop(runs) for title, runs in theirs.items()}
    times = in_turn(sides, arguments.rounds, warm_ups=3, pause_s=PAUSE_S)
    half = sum(result.dtype != "float32" for result in compare(photo, names, ours["ours, as the page runs"]))
    print(
        f"{len(names)} models of {arguments.dataset}, one photo, {arguments.rounds} rounds; the page runs {half} of them"
    )
    print("in half precision\n")
    print_sides(times, list(ours)[:2])


if __name__ == "__main__":
    main()
