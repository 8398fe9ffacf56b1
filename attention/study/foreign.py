"""How well the models tell pictures of things that they do not know: foreign.csv. inference/out_of_distribution.py judges by it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw

from attention.core.files import write_text
from attention.core.paths import roots
from attention.inference import out_of_distribution
from attention.inference.out_of_distribution import FALSE_ALARMS, PHOTOGRAPHS, SCORES, USED
from attention.models import checkpoints
from attention.models.variants import first_shown
from attention.pictures.datasets import DATASETS, DataError, dataset, find, require
from attention.pictures.preprocessing import to_tensor
from attention.pictures.reading import read_image
from attention.study.lookup import read
from attention.study.tables import ResultsError
from attention.training.scoring import predict_batches

OF_A_SET = 600  # pictures of another data set, evenly over it
DRAWN = 60  # pictures of each kind that is drawn here
WORDS = "Attention is a weighting of positions or channels by numbers that the network computes from its own input. "


def measure(
    dataset_name: str, answers: dict[str, np.ndarray], device: torch.device, progress: Callable = print
) -> None:
    """Write the rows of one data set from its models' probabilities (N, classes) on its own test images.

    The others are pictures as visitors send them: whatever further data sets are on this machine, and some that are drawn.
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
    """Pictures without a class of the data set, by kind: those of other data sets that are here, then drawn ones."""
    found, known = {}, set(dataset(dataset_name).classes)
    for other in (info for info in DATASETS.values() if info.name != dataset_name):
        try:
            here = find(other.name)
            listed = other.layout.files(require(other.name), "val", other.classes) if here else []
        except DataError as error:  # half a set: a test set is whole, or not used
            progress(str(error))
            listed = []
        classes = list(other.classes)
        files = [here / file.path for file in listed if classes[file.label] not in known]
        found[f"{other.title}, test"] = [_open(files[i]) for i in _evenly(len(files))]
    pets = next(
        (sorted(found) for root in roots() if (found := list((root / "oxford-pets-masks/images").glob("*.jpg")))), []
    )
    found["Oxford-IIIT Pets"] = [read_image(path).image for path in pets]
    for missing in [kind for kind, pictures in found.items() if not pictures]:
        progress(f"{missing} is not on this machine: its rows of foreign.csv are left out")
        del found[missing]
    return found | drawn()


def _evenly(count: int) -> list[int]:
    return np.unique(np.linspace(0, count - 1, min(count, OF_A_SET)).round().astype(int)).tolist() if count else []


def _open(path) -> Image.Image:
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
    """Rows from probabilities (models, N, classes) of the test images and of each other kind of picture.

    Every second test image chooses the threshold, the others are reported on. All models for every score, and for the one
    that is used also the first one, two, ... of them.
    """
    photographs = [p for kind, p in others.items() if kind not in drawn()]
    others = others | ({PHOTOGRAPHS: np.concatenate(photographs, axis=1)} if photographs else {})
    rows = []
    for name, score in SCORES.items():
        for count in range(1, len(familiar) + 1) if name == USED else [len(familiar)]:
            known = score(familiar[:count].astype(np.float64))
            choosing, reported = known[::2], known[1::2]
            threshold = float(np.quantile(choosing, FALSE_ALARMS))
            for kind, probabilities in others.items():
                unknown = score(probabilities[:count].astype(np.float64))
                rows.append(
                    {
                        "dataset": dataset_name, "score": name, "models": count, "threshold": threshold,
                        "test_images": len(reported), "false_alarms": round(float((reported < threshold).mean()), 4),
                        "against": kind, "pictures": len(unknown), "noticed": round(float((unknown < threshold).mean()), 4),
                        "auroc": round(auroc(reported, unknown), 4),
                    }
                )  # fmt: skip
    if not rows:
        raise ResultsError("There is no picture to hold the test photographs against.")
    return rows


def auroc(familiar: np.ndarray, other: np.ndarray) -> float:
    """The chance that a familiar image scores above another one; ties count half."""
    ranks = pd.Series(np.concatenate([familiar, other])).rank().to_numpy()[: len(familiar)]
    return float((ranks.sum() - len(familiar) * (len(familiar) + 1) / 2) / (len(familiar) * len(other)))
