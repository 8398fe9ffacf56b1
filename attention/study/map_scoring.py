"""Scores the maps of every committed model on data, beside maps that know nothing: data/results/heatmaps.csv.

Each model has two maps: its own attention if it weighs positions (of the deepest module), and its class activation map,
the yardstick that all share, the baseline included. The controls: a centre Gaussian, a random map, an edge map.

deletion, insertion     on 200 test images of the model's data set: how fast the probability of the class that the model
                        chose falls when the pixels that the map marks are replaced by the mean colour, and rises when they
                        are put back into a blurred picture (RISE). Lower deletion and higher insertion are better.
pointing, energy,       on boxed test images: whether and how much of the map lies in the box, MaxBoxAccV2, the overlap
max_box, box_overlap,   of the box that localisation.implied draws, and whether that reaches half. The threshold is
box_found               chosen on 200 boxed training images. The models of everyday things are scored on all 10,000 of
                        their own test images, the others on 367 of Imagewoof, where Imagenette's are out of domain.
pixel_precision,        PxAP and the overlap of the implied mask on 500 pets with masks, which no model was trained on. The
mask_overlap            threshold is chosen on another 100.

On boxes, the class activation map explains the true class if the model knows the boxed classes (as in the papers);
everywhere else it explains the class that the model chose. Maps are computed in float32; the probabilities behind
deletion and insertion in half precision where precision.csv says that a model's answers hold: column `dtype`.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from attention.core import devices
from attention.inference import fast_path, precision
from attention.maps import scores
from attention.maps.activation import read_head
from attention.maps.attention import describe
from attention.maps.faithfulness import STEPS, curves
from attention.maps.localisation import implied
from attention.maps.overlay import upsample
from attention.models import checkpoints
from attention.models.fusion import fold
from attention.models.network import ResNet
from attention.models.visible import watch
from attention.pictures.datasets import dataset
from attention.pictures.preprocessing import CELL, Preprocessing
from attention.pictures.splits import Split, load
from attention.study import known_objects, map_scores
from attention.study.known_objects import KnownObjects, Located
from attention.study.map_scores import BOXES, CONTROLS, FAITHFULNESS, MASKS, Scored

IMAGES = 200
BATCH = 16  # images whose maps are computed together


# the maps


@torch.no_grad()
def maps_of(
    model: ResNet, images: torch.Tensor, labels: torch.Tensor | None = None
) -> list[tuple[dict[str, np.ndarray], int]]:
    """For each normalised image (B, 3, H, W): {"activation": (h, w), "attention": (h, w) if it weighs positions}, and
    the class that is explained: from `labels` (B,), or the model's own choice."""
    with watch(model) as weights:
        logits, activations = read_head(model, model.forward_features(images), labels)
    found = []
    for number, chosen in enumerate((logits.argmax(1) if labels is None else labels).tolist()):
        maps = {"activation": activations[number].float().cpu().numpy()}
        seen = [describe(path, weight[number : number + 1], images.shape[2:]) for path, weight in weights.items()]
        if spatial := [m for m in seen if m.over == "positions"]:
            maps["attention"] = spatial[-1].values
        found.append((maps, chosen))
    return found


def control(name: str, image: np.ndarray, seed: int, preprocessing: Preprocessing) -> np.ndarray:
    """One of CONTROLS at the size of an image (H, W, 3), a random one as coarse as the models' maps."""
    height, width = image.shape[:2]
    if name == "centre":
        return scores.centre_gaussian(height, width)
    cells = preprocessing.test_pixels // CELL
    return scores.random_map(height, width, seed, cells) if name == "random" else scores.edge_map(image)


Maps = Iterator[dict[str, np.ndarray]]  # for each image, by name, of any size
MapsOn = Callable[[Located], Maps]


def models_maps(model: ResNet, device: torch.device, known: Located) -> Maps:
    for start in range(0, len(known), BATCH):
        labels = None if known.labels is None else known.labels[start : start + BATCH].to(device)
        for maps, _ in maps_of(
            model, _prepared(known.images[start : start + BATCH], device, known.preprocessing), labels
        ):
            yield maps


def controls_maps(known: Located) -> Maps:
    for number, image in enumerate(known.images):
        picture = image.permute(1, 2, 0).numpy()
        yield {name: control(name, picture, number, known.preprocessing) for name in CONTROLS}


def _prepared(images: torch.Tensor, device: torch.device, preprocessing: Preprocessing) -> torch.Tensor:
    return preprocessing.tested(images.to(device), preprocessing.test_pixels)


# the scores


def _collect(known: Located, maps_on: MapsOn, one: Callable[..., np.ndarray]) -> dict[str, np.ndarray]:
    """{map: an array with a row per image}, each row made by `one(number, name, values)`."""
    found: dict[str, list] = {}
    for number, maps in enumerate(maps_on(known)):
        for name, values in maps.items():
            found.setdefault(name, []).append(one(number, name, values))
    return {name: np.array(rows) for name, rows in found.items()}


def score_boxes(maps_on: MapsOn, boxed: Located, held_out: Located) -> list[Scored]:
    """The scores in BOXES. The threshold of the drawn box is chosen on the images held out."""

    def drawn(number: int, _: str, values: np.ndarray) -> np.ndarray:
        return scores.overlaps(enlarged(values, held_out), held_out.boxes[number])[1]

    thresholds = {name: scores.best_threshold(rows) for name, rows in _collect(held_out, maps_on, drawn).items()}

    def one(number: int, name: str, values: np.ndarray) -> np.ndarray:
        box, large = boxed.boxes[number], enlarged(values, boxed)
        inside = scores.box_mask(box, *boxed.size)
        points = scores.pointing_game(large, inside), scores.energy_pointing_game(large, inside)
        drawn = scores.overlap(implied(values, thresholds[name], *boxed.size).box, box)
        return np.array([*points, drawn, *scores.overlaps(large, box)[0]])

    scored = []
    for name, rows in _collect(boxed, maps_on, one).items():
        threshold = thresholds[name]
        scored += [
            Scored(name, "pointing", rows[:, 0]),
            Scored(name, "energy", rows[:, 1]),
            Scored(name, "box_overlap", rows[:, 2], threshold=threshold),
            Scored(name, "box_found", (rows[:, 2] >= 0.5).astype(float), threshold=threshold),
            Scored(name, "max_box", scores.max_box_accuracies(rows[:, 3:])),
        ]
    return scored


def enlarged(values: np.ndarray, known: Located) -> np.ndarray:
    return upsample(values, *known.size[::-1])


def score_masks(maps_on: MapsOn, masked: Located, held_out: Located) -> list[Scored]:
    """The scores in MASKS. The threshold of the implied mask is chosen on the images held out."""

    def counts(known: Located, number: int, values: np.ndarray) -> np.ndarray:
        return scores.pixel_counts(enlarged(values, known), *known.masks[number])

    chosen = _collect(held_out, maps_on, lambda n, _, values: scores.mask_overlaps(counts(held_out, n, values)))
    thresholds = {name: scores.best_threshold(rows) for name, rows in chosen.items()}

    def one(number: int, name: str, values: np.ndarray) -> np.ndarray:
        marked = implied(values, thresholds[name], *masked.size).mask
        return np.array([scores.mask_overlap(marked, *masked.masks[number]), *counts(masked, number, values).ravel()])

    scored = []
    for name, rows in _collect(masked, maps_on, one).items():
        of_pixels = rows[:, 1:].reshape(len(rows), 2, -1)
        scored += [
            Scored(name, "mask_overlap", rows[:, 0], threshold=thresholds[name]),
            Scored(name, "pixel_precision", of_pixels, scores.pixel_average_precision),
        ]
    return scored


def score_faithfulness(
    model: ResNet, answers: Callable, split: Split, device: torch.device, steps: int, tick: Callable, dtype: str
) -> list[Scored]:
    """The scores in FAITHFULNESS of the model's maps and the controls, for the class that the model chose.

    `answers` gives the model's logits, in the precision `dtype`.
    """
    areas: dict[str, list] = {}
    for number in range(len(split)):
        image = _enlarged(split.images[number : number + 1], split.preprocessing.test_pixels)
        [(maps, chosen)] = maps_of(model, _prepared(image, device, split.preprocessing))
        maps = {name: upsample(values, *image.shape[:1:-1]) for name, values in maps.items()}
        picture = image[0].permute(1, 2, 0).numpy()
        maps |= {name: control(name, picture, number, split.preprocessing) for name in CONTROLS}
        for name, pair in curves(answers, image, maps, chosen, device, steps, split.preprocessing).items():
            areas.setdefault(name, []).append([scores.area(curve) for curve in pair])
        tick()
    return [
        Scored(name, score, np.array(rows)[:, column], dtype=dtype)
        for name, rows in areas.items()
        for column, score in enumerate(FAITHFULNESS)
    ]


def _enlarged(images: torch.Tensor, pixels: int) -> torch.Tensor:
    """Stored images (B, 3, S, S) uint8 enlarged to the test pixels, because those are the pixels that are deleted."""
    if images.shape[-1] == pixels:
        return images
    return F.interpolate(images.float(), size=(pixels, pixels), mode="bilinear").round().to(torch.uint8)


def score_model(
    name: str, dataset_name: str, test: Split, known: KnownObjects, device: torch.device, steps: int, tick: Callable
) -> list[Scored]:
    """Every score of one checkpoint's maps."""
    loaded, dtype = checkpoints.load(name, dataset_name, device), precision.choose(name, dataset_name, device)
    fast = fast_path.fast(loaded, dtype)
    model = fold(loaded).to(memory_format=torch.channels_last)

    def answers(images: torch.Tensor) -> torch.Tensor:
        return fast.model.forward_head(fast.model.forward_features(images.to(dtype)).float())

    maps_on = partial(models_maps, model, device)
    boxed = (known.boxed, known.boxed_held_out)
    if dataset_name != known_objects.boxes_of(dataset_name):
        boxed = tuple(images.without_labels() for images in boxed)
    scored = score_masks(maps_on, known.masked, known.masked_held_out) + score_boxes(maps_on, *boxed)
    return scored + score_faithfulness(model, answers, test, device, steps, tick, devices.dtype_name(dtype))


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
    """Score the models that heatmaps.csv lacks for their present weights. Each is written at once: a kill loses one.

    Raises DataError or CheckpointError.
    """
    decoded: dict[str, KnownObjects] = {}
    for dataset_name in dataset_names:
        left, boxed = _missing(dataset_name, names, images, steps, progress), known_objects.boxes_of(dataset_name)
        if not left and _is_scored(map_scores.controls_of(dataset_name), "", ""):
            continue
        if boxed not in decoded:  # takes seconds, so only if something is left to do
            decoded = {boxed: known_objects.known_objects(boxed)}
        known = decoded[boxed]
        _score_controls(map_scores.controls_of(dataset_name), known, progress)
        test = load(dataset_name, "val").spread(images) if left else None
        for name in left:
            tick = bar(len(test), f"{dataset_name} {name}")
            scored = score_model(name, dataset_name, test, known, device, steps, tick)
            map_scores.write(scored, dataset_name, name, weights_sha256=_sha256(dataset_name, name), steps=steps)
            progress(f"{dataset_name} {name}: {len(scored)} scores")
    return map_scores.read()


def _missing(dataset_name: str, names: list[str] | None, images: int, steps: int, progress: Callable) -> list[str]:
    """The models that have no scores on so many images and steps for their present weights."""
    images, left = min(images, dataset(dataset_name).val_images), []
    for name in checkpoints.available(dataset_name):
        if names is not None and name not in names:
            continue
        if _is_scored(dataset_name, name, _sha256(dataset_name, name), images, steps):
            progress(f"{dataset_name} {name}: scored already")
        else:
            left.append(name)
    return left


def _sha256(dataset_name: str, name: str) -> str:
    return checkpoints.read_manifest(dataset_name)["models"][name]["sha256"]


def _is_scored(dataset_name: str, model: str, sha: str, images: int = 0, steps: int = 0) -> bool:
    table = map_scores.read()
    rows = table[(table["dataset"] == dataset_name) & (table["model"] == model) & (table["weights_sha256"] == sha)]
    faithful = rows[rows["score"].isin(FAITHFULNESS)]
    expected = {*BOXES, *MASKS, *(FAITHFULNESS if model else ())}
    as_asked = (faithful["images"] == images) & (faithful["steps"] == steps)
    return (
        map_scores.by_image_file(dataset_name, model).exists()
        and expected <= set(rows["score"])
        and bool(as_asked.all())
    )


def _score_controls(dataset_name: str, known: KnownObjects, progress: Callable[[str], None]) -> None:
    """Score the controls on boxes and masks, in rows of their own, because these scores depend on no model."""
    if _is_scored(dataset_name, "", ""):
        return
    scored = score_masks(controls_maps, known.masked, known.masked_held_out)
    scored += score_boxes(controls_maps, known.boxed, known.boxed_held_out)
    map_scores.write(scored, dataset_name, "", weights_sha256="", steps=0)
    progress(f"{dataset_name} controls: {len(scored)} scores".lstrip())
