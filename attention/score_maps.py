"""Score the maps of every committed model on data, beside maps that know nothing: data/results/heatmaps.csv.

Two maps a model: its own attention where it weighs positions (the deepest module), and its class activation map, which is
the yardstick that all share, the baseline included. Three controls: a centre Gaussian, a random map, an edge map.

deletion, insertion     on 200 test images: how fast the probability of the class that the model chose falls when the
                        pixels that the map marks are replaced by the mean colour, and rises when they are put back into a
                        blurred picture (RISE, https://arxiv.org/abs/1806.07421). Lower deletion and higher insertion are better.
pointing, energy,       on the boxed test images of Imagewoof, for its models: whether and how much of the map lies in the box,
max_box, box_overlap    MaxBoxAccV2, and the overlap of the drawn box at a threshold chosen on boxed training images.
pixel_precision         PxAP on 600 pets with masks, which no model was trained on: cats and dogs, so out of domain.

The class activation map is that of the true class for boxes (as in the papers), else of the class that the model chose.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from attention import checkpoints, map_scores
from attention.datasets import DataError, Split, load, normalise, preprocess, roots, to_tensor
from attention.faithfulness import STEPS, deletion_and_insertion
from attention.figures import upsample
from attention.files import write_text
from attention.heatmaps import class_activation_map, describe, watch
from attention.network import ResNet
from attention.runs import RESULTS
from attention.uploads import read_image
from attention.variants import all_models

RESULT_FILE = RESULTS / "heatmaps.csv"
IMAGES = 200
HELD_OUT_BOXES = 200  # boxed training images that thresholds are chosen on
CONTROLS = ("centre", "random", "edges")
KEY = ["dataset", "model", "map", "score"]


@dataclass(frozen=True)
class Located:
    """Images with what is known of their object: a box each, or a mask and the pixels to ignore; labels where known."""

    images: torch.Tensor  # (N, 3, 160, 160) uint8
    labels: list[int | None]
    boxes: list[map_scores.Box]
    masks: list[tuple[np.ndarray, np.ndarray]]

    def __len__(self) -> int:
        return len(self.images)


# the data


def _find(relative: str) -> Path:
    for root in roots():
        if (root / relative).exists():
            return root / relative
    raise DataError(f"{relative} is not on this machine. Point ATTENTION_DATA at the folder that holds it.")


def boxed_images(split: str, at_most: int | None = None) -> Located:
    """Imagewoof's images of a split that have a box, in the order of its list, or so many spread evenly over it."""
    table = pd.read_csv(_find("imagewoof2-boxes.csv"))
    table = table[table["path"].str.startswith(f"{split}/")]
    if at_most is not None and len(table) > at_most:
        table = table.iloc[np.linspace(0, len(table) - 1, at_most).astype(int)]
    everything = load("imagewoof", split)
    index = {path: number for number, path in enumerate(everything.paths)}
    chosen = everything.subset(torch.tensor([index[path] for path in table["path"]]))
    boxes = list(table[["x0", "y0", "x1", "y1"]].itertuples(index=False, name=None))
    return Located(chosen.images, chosen.labels.tolist(), boxes, [])


def masked_pets() -> Located:
    """The pets with their masks: 1 object, 2 background, 3 a border that is ignored."""
    folder = _find("oxford-pets-masks")
    images, masks = [], []
    for name in pd.read_csv(folder / "list.csv")["name"]:
        images.append(preprocess(read_image(folder / "images" / f"{name}.jpg").image))
        with Image.open(folder / "masks" / f"{name}.png") as file:
            values = np.asarray(file)
        masks.append((values == 1, values == 3))
    return Located(to_tensor(images), [None] * len(images), [], masks)


# the maps


@torch.no_grad()
def maps_of(model: ResNet, image: torch.Tensor, label: int | None = None) -> tuple[dict[str, np.ndarray], int]:
    """{"activation": (h, w), "attention": (h, w) where it weighs positions} of one normalised image (1, 3, H, W), and the
    class that was explained: `label`, or the model's own choice."""
    with watch(model) as weights:
        features = model.forward_features(image)
        chosen = int(model.forward_head(features).argmax()) if label is None else label
    maps = {"activation": class_activation_map(model, features, chosen)}
    spatial = [m for m in (describe(path, weight) for path, weight in weights.items()) if m.over == "positions"]
    if spatial:
        maps["attention"] = spatial[-1].values
    return maps, chosen


def control(name: str, image: np.ndarray, seed: int) -> np.ndarray:
    """One of CONTROLS at the size of an image (H, W, 3)."""
    height, width = image.shape[:2]
    if name == "centre":
        return map_scores.centre_gaussian(height, width)
    return map_scores.random_map(height, width, seed) if name == "random" else map_scores.edge_map(image)


MapsOn = Callable[
    [Located], Iterator[dict[str, np.ndarray]]
]  # the maps of each image, at the size of its mask or its own


def _size(located: Located) -> tuple[int, int]:
    return located.masks[0][0].shape if located.masks else tuple(located.images.shape[2:])


def _models_maps(model: ResNet, device: torch.device, located: Located) -> Iterator[dict[str, np.ndarray]]:
    height, width = _size(located)
    for image, label in zip(located.images, located.labels, strict=True):
        maps, _ = maps_of(model, normalise(image[None].to(device)), label)
        yield {name: upsample(values, width, height) for name, values in maps.items()}


def _controls_maps(located: Located) -> Iterator[dict[str, np.ndarray]]:
    height, width = _size(located)
    for number, image in enumerate(located.images):
        maps = {name: control(name, image.permute(1, 2, 0).numpy(), number) for name in CONTROLS}
        yield {name: upsample(values, width, height) for name, values in maps.items()}


# the scores


def _collect(located: Located, maps_on: MapsOn, one: Callable[..., np.ndarray]) -> dict[str, np.ndarray]:
    """{map: an array with a row an image}, of what `one(number, name, values)` makes of each."""
    found: dict[str, list] = {}
    for number, maps in enumerate(maps_on(located)):
        for name, values in maps.items():
            found.setdefault(name, []).append(one(number, name, values))
    return {name: np.array(rows) for name, rows in found.items()}


def _row(name: str, score: str, values: np.ndarray, statistic=lambda v: float(np.mean(v)), **more) -> dict:
    low, high = map_scores.bootstrap(values, statistic)
    return {
        "map": name, "score": score, "images": len(values), "value": statistic(values), "low": low, "high": high, **more,
    }  # fmt: skip


def score_boxes(maps_on: MapsOn, located: Located, held_out: Located) -> list[dict]:
    """Rows of the scores on boxes. The threshold of the drawn box is chosen on the images held out."""
    overlaps = _collect(held_out, maps_on, lambda number, _, values: _drawn_overlaps(values, held_out.boxes[number]))
    thresholds = {name: map_scores.best_threshold(rows) for name, rows in overlaps.items()}
    height, width = _size(located)

    def one(number: int, name: str, values: np.ndarray) -> np.ndarray:
        box = located.boxes[number]
        inside = map_scores.box_mask(box, height, width)
        drawn = map_scores.largest_box(map_scores.normalised(values), thresholds[name])
        points = map_scores.pointing_game(values, inside), map_scores.energy_pointing_game(values, inside)
        return np.array([*points, map_scores.overlap(drawn, box), *map_scores.best_overlaps(values, box)])

    rows = []
    for name, scored in _collect(located, maps_on, one).items():
        threshold = {"threshold": thresholds[name]}
        rows += [
            _row(name, "pointing", scored[:, 0]),
            _row(name, "energy", scored[:, 1]),
            _row(name, "box_overlap", scored[:, 2], **threshold),
            _row(name, "box_found", (scored[:, 2] >= 0.5).astype(float), **threshold),
            _row(name, "max_box", scored[:, 3:], map_scores.max_box_accuracy),
        ]
    return rows


def _drawn_overlaps(values: np.ndarray, box: map_scores.Box) -> np.ndarray:
    """The overlap of the largest region's box with the object's, at each threshold."""
    values = map_scores.normalised(values)
    return np.array([map_scores.overlap(map_scores.largest_box(values, t), box) for t in map_scores.THRESHOLDS])


def score_masks(maps_on: MapsOn, located: Located) -> list[dict]:
    """Rows of the pixel-wise average precision, over all pixels of all images."""
    counts = _collect(
        located, maps_on, lambda number, _, values: map_scores.pixel_counts(values, *located.masks[number])
    )
    return [
        _row(name, "pixel_precision", rows, lambda c: map_scores.pixel_average_precision(c.sum(axis=0)))
        for name, rows in counts.items()
    ]


def score_faithfulness(model: ResNet, split: Split, device: torch.device, steps: int, tick: Callable) -> list[dict]:
    """Rows of deletion and insertion for the model's maps and the controls, each against the class the model chose."""
    areas: dict[str, list] = {}
    for number in range(len(split)):
        image = split.images[number : number + 1]
        maps, chosen = maps_of(model, normalise(image.to(device)))
        maps = {name: upsample(values, *image.shape[:1:-1]) for name, values in maps.items()}
        picture = image[0].permute(1, 2, 0).numpy()
        for name, values in (maps | {name: control(name, picture, number) for name in CONTROLS}).items():
            curves = deletion_and_insertion(model, image, values, chosen, device, steps)
            areas.setdefault(name, []).append([map_scores.area(curve) for curve in curves])
        tick()
    return [
        _row(name, score, np.array(rows)[:, column])
        for name, rows in areas.items()
        for column, score in enumerate(("deletion", "insertion"))
    ]


# the command


def score(
    dataset_names: list[str],
    device: torch.device,
    names: list[str] | None = None,
    images: int = IMAGES,
    steps: int = STEPS,
    progress: Callable[[str], None] = print,
    bar: Callable = lambda total, label: lambda: None,
) -> pd.DataFrame:
    """Score what is not in heatmaps.csv for the present weights, and write it after every model: a kill loses one.

    Raises DataError or CheckpointError.
    """
    located = _everything_located()
    _score_controls(located, progress)
    for dataset_name in dataset_names:
        manifest = checkpoints.read_manifest(dataset_name)["models"]
        test = load(dataset_name, "val").spread(images)
        for name in (n for n in checkpoints.available(dataset_name) if names is None or n in names):
            sha = manifest[name]["sha256"]
            if _is_scored(dataset_name, name, sha, len(test), steps):
                progress(f"{dataset_name} {name}: scored already")
                continue
            model = checkpoints.load(name, dataset_name, device)
            tick = bar(len(test), f"{dataset_name} {name}")
            rows = score_faithfulness(model, test, device, steps, tick)
            maps_on = partial(_models_maps, model, device)
            rows += score_masks(maps_on, located["pets"])
            if dataset_name == "imagewoof":
                rows += score_boxes(maps_on, located["val"], located["train"])
            _write(rows, dataset=dataset_name, model=name, weights_sha256=sha, steps=steps)
            progress(f"{dataset_name} {name}: {len(rows)} scores")
    return pd.read_csv(RESULT_FILE)


def _everything_located() -> dict[str, Located]:
    return {
        "val": boxed_images("val"), "train": boxed_images("train", HELD_OUT_BOXES), "pets": masked_pets(),
    }  # fmt: skip


def _score_controls(located: dict[str, Located], progress: Callable[[str], None]) -> None:
    """Where an object is does not depend on the model for maps that know none: they have rows of their own."""
    if _is_scored("", "", "", 0, 0):
        return
    rows = score_boxes(_controls_maps, located["val"], located["train"]) + score_masks(_controls_maps, located["pets"])
    _write(rows, dataset="", model="", weights_sha256="", steps=0)
    progress(f"controls: {len(rows)} scores")


def read() -> pd.DataFrame:
    """heatmaps.csv, or an empty frame of its columns."""
    if not RESULT_FILE.exists():
        return pd.DataFrame(columns=[*KEY, "images", "value", "low", "high", "threshold", "steps", "weights_sha256"])
    return pd.read_csv(RESULT_FILE, keep_default_na=False, na_values={"threshold": [""]})


def _is_scored(dataset_name: str, model: str, sha: str, images: int, steps: int) -> bool:
    table = read()
    rows = table[(table["dataset"] == dataset_name) & (table["model"] == model) & (table["weights_sha256"] == sha)]
    faithful = rows[rows["score"] == "deletion"]
    return not rows.empty and (not model or ((faithful["images"] == images) & (faithful["steps"] == steps)).all())


def _write(rows: list[dict], **common) -> None:
    table = pd.DataFrame([{**common, **row} for row in rows])
    table[["value", "low", "high"]] = table[["value", "low", "high"]].astype(float).round(6)
    table = pd.concat([read(), table], ignore_index=True).drop_duplicates(KEY, keep="last")
    order = {name: number for number, name in enumerate(["", *all_models()])}
    table = table.sort_values(
        ["dataset", "model"], key=lambda c: c.map(order) if c.name == "model" else c, kind="stable"
    )
    columns = [*KEY, "images", "value", "low", "high", "threshold", "steps", "weights_sha256"]
    write_text(RESULT_FILE, table.reindex(columns=columns).to_csv(index=False, lineterminator="\n"))
