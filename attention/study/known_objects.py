"""Images with a known object, on which maps are scored: boxed photographs, and pets with masks.

A data set that has boxes is scored on its own: everyday things on their 10,000 test photographs. The others are scored
on boxed dogs of Imagewoof. The files are in the folder of ATTENTION_DATA: imagewoof2-boxes.csv (path, x0, y0, x1, y1 in
fractions, from Stanford Dogs) beside Imagewoof, and oxford-pets-masks/ (list.csv, images/, masks/). A part of each is
held out to choose thresholds on.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from attention.core.paths import below_a_root
from attention.maps.scores import Box
from attention.pictures.datasets import DataError, dataset, require
from attention.pictures.layouts import Listed
from attention.pictures.preprocessing import STUDY, Preprocessing, Squashed, to_tensor
from attention.pictures.reading import read_image

DOGS = "imagewoof"  # its boxes stand in for those of a data set without any
HELD_OUT_BOXES = 200  # boxed training images
HELD_OUT_EVERY = 6  # of the pets: 100 of 600
OBJECT, BORDER = 1, 3  # values of the pets' masks; 2 is background


@dataclass(frozen=True)
class Located:
    """Images, each with a box of its object, or with a mask and the pixels to ignore; labels if known."""

    images: torch.Tensor  # (N, 3, S, S) uint8
    labels: torch.Tensor | None  # (N,) int64
    boxes: tuple[Box, ...] = ()
    masks: tuple[tuple[np.ndarray, np.ndarray], ...] = ()  # (object, ignored), each (H, W) bool
    preprocessing: Preprocessing = STUDY  # of the models that are scored

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that maps are enlarged to: the masks', or the images' own."""
        return self.masks[0][0].shape if self.masks else tuple(self.images.shape[2:])

    def without_labels(self) -> "Located":
        """For models that know none of these classes."""
        return replace(self, labels=None)

    def subset(self, index: np.ndarray) -> "Located":
        pick = index.tolist()
        return replace(
            self,
            images=self.images[pick],
            labels=None if self.labels is None else self.labels[pick],
            boxes=tuple(self.boxes[i] for i in pick) if self.boxes else (),
            masks=tuple(self.masks[i] for i in pick) if self.masks else (),
        )


def _find(relative: str) -> Path:
    found = below_a_root(relative)
    if found is None:
        raise DataError(f"{relative} is not on this machine. Point ATTENTION_DATA at the folder that holds it.")
    return found


def boxes_of(dataset_name: str) -> str:
    """The data set on whose boxed photographs a data set's models are scored: itself if it has boxes, else DOGS."""
    return dataset_name if dataset(dataset_name).layout.boxed else DOGS


def boxed_images(dataset_name: str, split: str, at_most: int | None = None) -> Located:
    """The images of a split that have a box, in the order of its list, or `at_most` of them spread evenly over it."""
    info, folder = dataset(dataset_name), require(dataset_name)
    found = info.layout.boxes(folder, split, info.classes) if info.layout.boxed else _dogs(split)
    if at_most is not None and len(found) > at_most:
        found = [found[i] for i in np.linspace(0, len(found) - 1, at_most).astype(int)]
    images, boxes = [], []
    for file, corners in found:
        with Image.open(folder / file.path) as image:
            images.append(info.preprocessing.stored(image))
            boxes.append(_in_fractions(corners, *image.size) if info.layout.boxed else corners)
    labels = torch.tensor([file.label for file, _ in found])
    return Located(to_tensor(images), labels, tuple(boxes), preprocessing=info.preprocessing)


def _in_fractions(corners: tuple[int, ...], width: int, height: int) -> Box:
    x0, y0, x1, y1 = corners
    return x0 / width, y0 / height, (x1 + 1) / width, (y1 + 1) / height  # the last column and row belong to the box


def _dogs(split: str) -> list[tuple[Listed, Box]]:
    table = pd.read_csv(_find("imagewoof2-boxes.csv"))
    table, classes = table[table["path"].str.startswith(f"{split}/")], list(dataset(DOGS).classes)
    files = [Listed(path, classes.index(path.split("/")[1])) for path in table["path"]]
    return list(zip(files, table[["x0", "y0", "x1", "y1"]].itertuples(index=False, name=None), strict=True))


def masked_pets(preprocessing: Preprocessing = STUDY) -> Located:
    """The pets with their masks, squashed to a square of the test pixels."""
    folder = _find("oxford-pets-masks")
    images, masks = [], []
    for name in pd.read_csv(folder / "list.csv")["name"]:
        pet = read_image(folder / "images" / f"{name}.jpg").image
        images.append(Squashed().resized(pet, preprocessing.test_pixels))
        with Image.open(folder / "masks" / f"{name}.png") as file:
            values = np.asarray(file)
        masks.append((values == OBJECT, values == BORDER))
    return Located(to_tensor(images), None, masks=tuple(masks), preprocessing=preprocessing)


@dataclass(frozen=True)
class KnownObjects:
    """The images that maps are scored on, and those held out to choose thresholds on."""

    boxed: Located
    boxed_held_out: Located
    masked: Located
    masked_held_out: Located


def known_objects(boxed: str) -> KnownObjects:
    """All images for the models that are scored on the boxes of the data set `boxed`, decoded, some 150 MB. Raises
    DataError if something is missing."""
    pets = masked_pets(dataset(boxed).preprocessing)
    held_out = np.arange(len(pets)) % HELD_OUT_EVERY == 0
    return KnownObjects(
        boxed_images(boxed, "val"),
        boxed_images(boxed, "train", HELD_OUT_BOXES),
        pets.subset((~held_out).nonzero()[0]),
        pets.subset(held_out.nonzero()[0]),
    )
