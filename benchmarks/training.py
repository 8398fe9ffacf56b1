"""(e) Training images per second: ours against the usual loop, same model, optimisers, crop size and batch.

    python -m benchmarks.training [--short]

Ours: images decoded once, crops of a batch by one grid_sample, channels last, bfloat16 where the processor multiplies in
it (attention/training/trainer.py as it is). The usual loop: ImageFolder, RandomResizedCrop and flip on PIL images, a DataLoader
with 2 workers that stay alive, float32. Imagenette has to be on this machine (ATTENTION_DATA).
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from unittest.mock import patch

import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import ImageFolder
from tqdm import tqdm

from attention.core import devices
from attention.models.variants import build_model
from attention.pictures.datasets import dataset, require
from attention.pictures.preprocessing import STUDY, to_tensor
from attention.pictures.splits import Split
from attention.training.optimisers import Average, Optimisers, one_cycle
from attention.training.recipes import RECIPES, Recipe
from attention.training.trainer import Run
from benchmarks.sides import in_turn, machine, milliseconds, print_table, ratio

CPU = torch.device("cpu")
DATASET = "imagenette"
WORKERS = 2


def some_images(count: int) -> Subset:
    """So many of train, evenly over the classes, as ImageFolder gives them."""
    folder = ImageFolder(require(DATASET) / "train")
    return Subset(folder, torch.linspace(0, len(folder) - 1, count).long().tolist())


def decoded(images: Subset) -> Split:
    """The same in memory, as datasets.load decodes them."""
    files, labels = zip(*[images.dataset.samples[index] for index in images.indices], strict=True)

    def decode(file: str):
        with Image.open(file) as image:
            return STUDY.stored(image)

    with ThreadPoolExecutor() as pool:
        return Split(to_tensor(list(pool.map(decode, files))), torch.tensor(labels), files)


def our_epoch(variant: str, recipe: Recipe, images: Split, dtype: torch.dtype):
    """A call that trains one epoch: the project's own."""
    run = Run(variant, len(dataset(DATASET).classes), recipe, 0, CPU, images)

    def epoch() -> None:
        with patch.object(devices, "training_dtype", lambda device: dtype), tqdm(disable=True) as bar:
            run.train_epoch(bar)

    return epoch


def usual_epoch(variant: str, recipe: Recipe, images: Subset):
    """A call that trains one epoch: what most tutorials write."""
    pixels, aspect = recipe.pixels_at(0), recipe.crop_aspect_max
    images.dataset.transform = transforms.Compose(
        [
            transforms.RandomResizedCrop(pixels, scale=(recipe.crop_area_min, 1), ratio=(1 / aspect, aspect)),
            transforms.RandomHorizontalFlip(recipe.flip_probability),
            transforms.ToTensor(),
            transforms.Normalize(STUDY.mean, STUDY.std),
        ]
    )
    batches = DataLoader(
        images,
        min(recipe.batch_size, len(images)),
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
    )
    classes = len(dataset(DATASET).classes)
    model, averaged = build_model(variant, classes).train(), build_model(variant, classes)
    optimisers, average = Optimisers(model, recipe), Average(averaged, model, recipe.average_decay)

    def epoch() -> None:
        for number, (crops, labels) in enumerate(batches):
            optimisers.set_rates(one_cycle(number, recipe.epochs * len(batches), recipe.warmup_fraction))
            F.cross_entropy(model(crops), labels, label_smoothing=recipe.label_smoothing).backward()
            optimisers.step()
            optimisers.zero_grad()
            average.update()

    return epoch


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes: a rehearsal, no figures")
    parser.add_argument("--variant", default="baseline")
    parser.add_argument("--images", type=int, help="of train, an epoch (512)")
    parser.add_argument("--rounds", type=int, help="epochs a side (5)")
    args = parser.parse_args(arguments)
    recipe = RECIPES["smoke" if args.short else "cpu"]
    images = some_images(args.images or (32 if args.short else 512))
    trained = len(images) // min(recipe.batch_size, len(images)) * min(recipe.batch_size, len(images))
    splits: list[Split] = []
    seconds = milliseconds(lambda: splits.append(decoded(images))) / 1e3
    fastest = devices.training_dtype(CPU)
    sides = {f"ours, {devices.dtype_name(dtype)}": dtype for dtype in dict.fromkeys((fastest, torch.float32))}
    calls = {name: our_epoch(args.variant, recipe, splits[0], dtype) for name, dtype in sides.items()}
    calls["usual loop, float32"] = usual_epoch(args.variant, recipe, images)

    print(
        f"{machine()}\n{args.variant}, {recipe.pixels_at(0)} px, batch {recipe.batch_size}, {trained} images an epoch\n"
    )
    times = in_turn(calls, args.rounds or (1 if args.short else 5), warm_ups=0 if args.short else 1)
    rows = (
        [name, len(values), trained / median(values) * 1e3, ratio(times, "usual loop, float32", name)]
        for name, values in times.items()
    )
    print_table(["side", "rounds", "images / s", "times the usual loop"], rows)
    print(f"\ndecoding once, outside of these figures: {len(images) / seconds:,.0f} images / s")


if __name__ == "__main__":
    main()
