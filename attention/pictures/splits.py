"""A split of a data set, decoded into memory once."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from attention.pictures.datasets import Dataset, dataset, read_own, require
from attention.pictures.layouts import DataError, Listed
from attention.pictures.preprocessing import STUDY, Preprocessing, to_tensor
from attention.pictures.reading import UploadError, read_image


@dataclass(frozen=True)
class Split:
    """A decoded split: images (N, 3, S, S) uint8, labels (N,) int64, paths relative to the data set's folder.

    S is the `stored_pixels` of its `preprocessing`, which also normalises the images.
    """

    images: Tensor
    labels: Tensor
    paths: tuple[str, ...]
    preprocessing: Preprocessing = STUDY

    def __len__(self) -> int:
        return len(self.labels)

    def spread(self, at_most: int) -> "Split":
        """At most `at_most` images, spread evenly over the split."""
        return self.subset(torch.linspace(0, len(self) - 1, min(at_most, len(self))).long())

    def subset(self, index: Tensor) -> "Split":
        paths = tuple(self.paths[i] for i in index.tolist())
        return Split(self.images[index], self.labels[index], paths, self.preprocessing)


Progress = Callable[[Iterator, int], Iterator]  # wraps an iterator over images, given their number: a progress bar


def load(name: str, split: str, progress: Progress | None = None) -> Split:
    """Decode a split ("train" or "val") into memory, 77 kB per image of 160 px. Raises DataError."""
    folder, info = require(name), dataset(name)
    side = info.preprocessing.stored_pixels
    if info.is_own:
        files = read_own(name)[1][split]
        decode = partial(_decode_own, folder, info)
    else:
        files = info.layout.files(folder, split, info.classes)
        decode = partial(_decode_published, folder, info)
    images = np.empty((len(files), side, side, 3), np.uint8)

    def place(index: int) -> None:
        images[index] = decode(files[index])

    for _ in in_threads(place, range(len(files)), progress):
        pass
    labels, paths = torch.tensor([f.label for f in files]), tuple(f.path for f in files)
    return Split(to_tensor(images), labels, paths, info.preprocessing)


def in_threads(work: Callable, items: Sequence, progress: Progress | None = None) -> Iterator:
    """Yields work(item) in the items' order, from threads, because decoding releases the GIL. Ctrl-C drops the rest."""
    pool = ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1))  # decoding a photograph takes up to 150 MB
    try:
        done = pool.map(work, items)
        yield from done if progress is None else progress(done, len(items))
    finally:
        pool.shutdown(cancel_futures=True)


def _decode_published(folder: Path, info: Dataset, file: Listed) -> np.ndarray:
    try:
        with Image.open(folder / file.path) as image:
            return info.preprocessing.stored(image)
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{file.path} cannot be read ({error}). Remove {folder.name} and download it again.") from error


def _decode_own(folder: Path, info: Dataset, file: Listed) -> np.ndarray:
    again = f"Take the folder in as it is now: python -m attention train --data FOLDER --name {info.name}."
    try:
        data = (folder / file.path).read_bytes()
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise DataError(f"{file.path} has changed since {info.name} was trained. {again}")
        return info.preprocessing.stored(read_image(data).image)
    except (UploadError, OSError) as error:
        raise DataError(f"{file.path} of {info.name} cannot be read any more. {again}") from error


def every_nth(labels: Tensor, every: int) -> Tensor:
    """(N,) bool: true for the first of each class and then for every `every`-th of it."""
    position = torch.zeros(len(labels), dtype=torch.long)
    for label in labels.unique():
        of_class = (labels == label).nonzero().squeeze(1)
        position[of_class] = torch.arange(len(of_class))
    return position % every == 0


def hold_out(split: Split, every: int = 10) -> tuple[Split, Split]:
    """Split `train` for tuning: every tenth image of each class is held out. Returns (kept, held out)."""
    held = every_nth(split.labels, every)
    return split.subset((~held).nonzero().squeeze(1)), split.subset(held.nonzero().squeeze(1))
