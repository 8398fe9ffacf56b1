"""Images whose object is known, to score maps on: boxed dogs of Imagewoof, and pets with masks.

Both lie where ATTENTION_DATA points: imagewoof2-boxes.csv (path, x0, y0, x1, y1 in fractions, from Stanford Dogs) beside
Imagewoof, and oxford-pets-masks/ (list.csv, images/, masks/). A part of each is held out: thresholds are chosen on it.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from attention.core.paths import below_a_root
from attention.maps.scores import Box
from attention.pictures.datasets import DATASETS, DataError, require
from attention.pictures.preprocessing import STUDY, to_tensor
from attention.pictures.reading import read_image

HELD_OUT_BOXES = 200  # boxed training images
HELD_OUT_EVERY = 6  # of the pets: 100 of 600
OBJECT, BORDER = 1, 3  # values of the pets' masks; 2 is background


@dataclass(frozen=True)
class Located:
    """Images with what is known of their object: a box each, or a mask and the pixels to ignore; labels where known."""

    images: torch.Tensor  # (N, 3, 160, 160) uint8
    labels: torch.Tensor | None  # (N,) int64
    boxes: tuple[Box, ...] = ()
    masks: tuple[tuple[np.ndarray, np.ndarray], ...] = ()  # (object, ignored), each (H, W) bool

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
        return Located(
            self.images[pick],
            None if self.labels is None else self.labels[pick],
            tuple(self.boxes[i] for i in pick) if self.boxes else (),
            tuple(self.masks[i] for i in pick) if self.masks else (),
        )


def _find(relative: str) -> Path:
    found = below_a_root(relative)
    if found is None:
        raise DataError(f"{relative} is not on this machine. Point ATTENTION_DATA at the folder that holds it.")
    return found


def boxed_images(split: str, at_most: int | None = None) -> Located:
    """Imagewoof's images of a split that have a box, in the order of its list, or so many spread evenly over it."""
    table = pd.read_csv(_find("imagewoof2-boxes.csv"))
    table = table[table["path"].str.startswith(f"{split}/")]
    if at_most is not None and len(table) > at_most:
        table = table.iloc[np.linspace(0, len(table) - 1, at_most).astype(int)]
    folder, classes = require("imagewoof"), list(DATASETS["imagewoof"].classes)
    images = []
    for path in table["path"]:
        with Image.open(folder / path) as image:
            images.append(STUDY.stored(image))
    labels = torch.tensor([classes.index(path.split("/")[1]) for path in table["path"]])
    return Located(to_tensor(images), labels, tuple(table[["x0", "y0", "x1", "y1"]].itertuples(index=False, name=None)))


def masked_pets() -> Located:
    """The pets with their masks."""
    folder = _find("oxford-pets-masks")
    images, masks = [], []
    for name in pd.read_csv(folder / "list.csv")["name"]:
        images.append(STUDY.stored(read_image(folder / "images" / f"{name}.jpg").image))
        with Image.open(folder / "masks" / f"{name}.png") as file:
            values = np.asarray(file)
        masks.append((values == OBJECT, values == BORDER))
    return Located(to_tensor(images), None, masks=tuple(masks))


@dataclass(frozen=True)
class KnownObjects:
    """What maps are scored on, and what their thresholds are chosen on."""

    boxed: Located
    boxed_held_out: Located
    masked: Located
    masked_held_out: Located


def known_objects() -> KnownObjects:
    """Every image with a known object: decoded, some 150 MB. Raises DataError where something is missing."""
    pets = masked_pets()
    held_out = np.arange(len(pets)) % HELD_OUT_EVERY == 0
    return KnownObjects(
        boxed_images("val"),
        boxed_images("train", HELD_OUT_BOXES),
        pets.subset((~held_out).nonzero()[0]),
        pets.subset(held_out.nonzero()[0]),
    )
