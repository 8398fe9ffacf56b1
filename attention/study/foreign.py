"""Measures how well the models notice pictures of unknown things: foreign.csv, for inference/out_of_distribution.py."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw

from attention.core.files import write_text
from attention.core.paths import below_a_root
from attention.inference import out_of_distribution
from attention.inference.out_of_distribution import AGREED, CERTAIN, FALSE_ALARMS, PHOTOGRAPHS, SCORES, USED
from attention.models import checkpoints
from attention.models.variants import first_shown
from attention.pictures.datasets import DATASETS, dataset
from attention.pictures.preprocessing import to_tensor
from attention.pictures.reading import read_image
from attention.study.lookup import read
from attention.training.scoring import predict_batches

OF_A_SET = 600  # pictures of each other data set, spread evenly over it
DRAWN = 60  # pictures of each kind that is drawn here
WORDS = "Attention is a weighting of positions or channels by numbers that the network computes from its own input. "


def measure(
    dataset_name: str, answers: dict[str, np.ndarray], device: torch.device, progress: Callable = print
) -> None:
    """Write the rows of one data set from its models' probabilities (N, classes) on its own test images.

    The foreign pictures, prepared as visitors' are, come from other data sets on this machine; some are drawn.
    """
    names = first_shown(list(answers))
    models = [checkpoints.load(name, dataset_name, device) for name in names]
    others = {}
    for kind, pictures in other_pictures(dataset_name, progress).items():
        arrays = [dataset(dataset_name).preprocessing.resized(picture) for picture in pictures]
        others[kind] = np.stack([_predict(model, arrays, dataset_name, device) for model in models])
    rows = rows_of(dataset_name, np.stack([answers[name] for name in names]), others)
    table = read(out_of_distribution.RESULT_FILE)
    kept = table[table["dataset"] != dataset_name].to_dict("records") if "dataset" in table else []
    found = pd.DataFrame([*kept, *rows]).sort_values("dataset", kind="stable")
    write_text(out_of_distribution.RESULT_FILE, found.to_csv(index=False, lineterminator="\n"))


def _predict(model, arrays: list[np.ndarray], dataset_name: str, device: torch.device) -> np.ndarray:
    """Probabilities (N, classes) of pictures of several shapes, in their order."""
    shapes = sorted({array.shape for array in arrays})
    found = np.empty((len(arrays), len(dataset(dataset_name).classes)), np.float32)
    for shape in shapes:
        index = [number for number, array in enumerate(arrays) if array.shape == shape]
        images = to_tensor([arrays[number] for number in index])
        normalise = dataset(dataset_name).preprocessing.normalise
        found[index] = predict_batches(model, (normalise(part.to(device)) for part in images.split(50)))
    return found


def other_pictures(dataset_name: str, progress: Callable[[str], None] = print) -> dict[str, list[Image.Image]]:
    """Pictures of none of the data set's classes, by kind: those of other data sets that are here, then drawn ones."""
    found, known = {}, set(dataset(dataset_name).classes)
    for other in (info for info in DATASETS.values() if info.name != dataset_name):
        folder, classes = below_a_root(f"{other.folder}/val"), list(other.classes)
        listed = other.layout.files(folder.parent, "val", classes) if folder else []
        files = [folder.parent / file.path for file in listed if classes[file.label] not in known]
        found[f"{other.title}, test"] = [_open(files[i]) for i in _evenly(len(files))]
    pets = below_a_root("oxford-pets-masks/images")
    found["Oxford-IIIT Pets"] = [read_image(path).image for path in sorted(pets.glob("*.jpg"))] if pets else []
    for missing in [kind for kind, pictures in found.items() if not pictures]:
        progress(f"{missing} is not on this machine: its rows of foreign.csv are left out")
        del found[missing]
    return found | drawn()


def _evenly(count: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, OF_A_SET)).round().astype(int)).tolist() if count else []


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def drawn() -> dict[str, list[Image.Image]]:
    """Pictures of nothing: noise of several grains, pages of text, one colour."""
    random = np.random.default_rng(0)

    def noise(grain: int) -> Image.Image:
        values = random.integers(0, 256, (240 // grain, 320 // grain, 3), dtype=np.uint8)
        return Image.fromarray(values).resize((320, 240), Image.Resampling.BILINEAR)

    def page() -> Image.Image:
        image = Image.new("RGB", (420, 594), "white")
        first = int(random.integers(len(WORDS)))
        for number in range(28):
            ImageDraw.Draw(image).text((30, 30 + 19 * number), (WORDS * 3)[first + number :][:58], "black")
        return image

    def plain(value: float) -> Image.Image:
        return Image.new("RGB", (320, 240), (round(255 * value),) * 3)

    return {
        "noise": [noise(1 + number % 12) for number in range(DRAWN)],
        "pages of text": [page() for _ in range(DRAWN)],
        "black, grey, white": [plain(number / (DRAWN - 1)) for number in range(DRAWN)],
    }


def rows_of(dataset_name: str, familiar: np.ndarray, others: dict[str, np.ndarray]) -> list[dict]:
    """Rows of foreign.csv from probabilities (models, N, classes) of the test images and of each other kind of picture.

    Thresholds are chosen on every second test image and reported on the others. First comes each score alone with all
    models, then the rule that is used, with the first one, two, ... of them.
    """
    of_nothing = set(drawn())
    photographs = [p for kind, p in others.items() if kind not in of_nothing]
    others = others | ({PHOTOGRAPHS: np.concatenate(photographs, axis=1)} if photographs else {})
    alone = [((name,), name, len(familiar)) for name in SCORES]
    used = [((CERTAIN, AGREED), USED, count) for count in range(1, len(familiar) + 1)]
    rows = []
    for names, called, count in alone + used:
        known = [SCORES[name](familiar[:count].astype(np.float64)) for name in names]
        choosing = [values[::2] for values in known]
        share = float(np.quantile(_lowest_share(choosing, choosing), FALSE_ALARMS))
        thresholds = {name: float(np.quantile(values, share)) for name, values in zip(names, choosing, strict=True)}
        reported = [values[1::2] for values in known]
        for kind, probabilities in others.items():
            unknown = [SCORES[name](probabilities[:count].astype(np.float64)) for name in names]
            rows.append(
                {
                    "dataset": dataset_name, "score": called, "models": count,
                    **{name: thresholds.get(name) for name in SCORES}, "test_images": len(reported[0]),
                    "false_alarms": _called_foreign(reported, thresholds), "against": kind, "pictures": len(unknown[0]),
                    "noticed": _called_foreign(unknown, thresholds),
                    "auroc": round(auroc(_lowest_share(choosing, reported), _lowest_share(choosing, unknown)), 4),
                }
            )  # fmt: skip
    return rows


def _lowest_share(choosing: list[np.ndarray], values: list[np.ndarray]) -> np.ndarray:
    """How familiar pictures are: the share of the choosing images that score as low or lower, by the worse score."""
    shares = [np.searchsorted(np.sort(c), v, "right") / len(c) for c, v in zip(choosing, values, strict=True)]
    return np.min(shares, axis=0)


def _called_foreign(values: list[np.ndarray], thresholds: dict[str, float]) -> float:
    below = [v < threshold for v, threshold in zip(values, thresholds.values(), strict=True)]
    return round(float(np.any(below, axis=0).mean()), 4)


def auroc(familiar: np.ndarray, other: np.ndarray) -> float:
    """The chance that a familiar image scores above a foreign one; ties count half."""
    ranks = pd.Series(np.concatenate([familiar, other])).rank().to_numpy()[: len(familiar)]
    return float((ranks.sum() - len(familiar) * (len(familiar) + 1) / 2) / (len(familiar) * len(other)))
