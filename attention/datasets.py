"""Imagenette and Imagewoof: found or downloaded, decoded once, preprocessed in one way.

`preprocess` and `normalise` are the only preprocessing in the project: training, scores and the page all go through them.
Images are squashed to a square, never cropped, so that the whole of an upload lies under its heatmap.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

EVALUATION_PIXELS = 160
MEAN = (0.485, 0.456, 0.406)  # ImageNet's channel statistics, of images scaled to 0-1
STD = (0.229, 0.224, 0.225)
DEFAULT_ROOT = Path(__file__).resolve().parent.parent / "data"


class DataError(Exception):
    """A data set is missing, incomplete or unreadable; the message says what to do."""


@dataclass(frozen=True)
class Dataset:
    """What is known about a data set before it is read. `classes` maps WordNet ids, in label order, to plain names."""

    name: str
    title: str
    folder: str
    classes: dict[str, str]
    train_images: int
    val_images: int
    url: str
    md5: str | None

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.classes.values())


DATASETS = {
    "imagenette": Dataset(
        name="imagenette",
        title="Imagenette",
        folder="imagenette2-160",
        classes={
            "n01440764": "tench",
            "n02102040": "English springer",
            "n02979186": "cassette player",
            "n03000684": "chain saw",
            "n03028079": "church",
            "n03394916": "French horn",
            "n03417042": "garbage truck",
            "n03425413": "gas pump",
            "n03445777": "golf ball",
            "n03888257": "parachute",
        },
        train_images=9469,
        val_images=3925,
        url="https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
        md5="e793b78cc4c9e9a4ccc0c1155377a412",
    ),
    "imagewoof": Dataset(
        name="imagewoof",
        title="Imagewoof",
        folder="imagewoof2-160",
        classes={
            "n02086240": "Shih-Tzu",
            "n02087394": "Rhodesian ridgeback",
            "n02088364": "beagle",
            "n02089973": "English foxhound",
            "n02093754": "Border terrier",
            "n02096294": "Australian terrier",
            "n02099601": "golden retriever",
            "n02105641": "Old English sheepdog",
            "n02111889": "Samoyed",
            "n02115641": "dingo",
        },
        train_images=9025,
        val_images=3929,
        url="https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2-160.tgz",
        md5=None,  # its publisher names none
    ),
}


def dataset(name: str) -> Dataset:
    """Look a data set up; raises DataError with the known names."""
    if name not in DATASETS:
        raise DataError(f"There is no data set {name!r}. Known: {', '.join(DATASETS)}.")
    return DATASETS[name]


def roots() -> list[Path]:
    """Where data sets are looked for: $ATTENTION_DATA first, then data/."""
    given = os.environ.get("ATTENTION_DATA")
    return ([Path(given)] if given else []) + [DEFAULT_ROOT]


def list_images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in {".jpeg", ".jpg", ".png"})


def find(name: str) -> Path | None:
    """The folder of a complete data set, None when there is none; DataError when one is there but incomplete."""
    info = dataset(name)
    for root in roots():
        folder = root / info.folder
        if folder.is_dir():
            _check_complete(info, folder)
            return folder
    return None


def _check_complete(info: Dataset, folder: Path) -> None:
    for split, expected in (("train", info.train_images), ("val", info.val_images)):
        found = 0
        for wnid in info.classes:
            class_folder = folder / split / wnid
            if not class_folder.is_dir():
                raise DataError(
                    f"{folder.name} has no folder {split}/{wnid}: it is not {info.title}, or was unpacked only half. "
                    f"Remove it and run: python -m attention download --dataset {info.name}"
                )
            found += len(list_images(class_folder))
        if found < expected:
            raise DataError(
                f"{folder.name}/{split} holds {found:,} images of {expected:,}: the download or unpacking stopped early. "
                f"Remove the folder and run: python -m attention download --dataset {info.name}"
            )


def require(name: str) -> Path:
    """Like `find`, but a missing data set raises DataError with what to do."""
    folder = find(name)
    if folder is None:
        raise DataError(
            f"{dataset(name).title} is not on this machine. Run: python -m attention download --dataset {name} "
            f"(about 100 MB), or point ATTENTION_DATA at the folder that holds {dataset(name).folder}."
        )
    return folder


def download_and_extract_archive(*arguments, **options) -> None:
    """torchvision's, imported when something is fetched: importing torchvision would take a tenth of the page's start."""
    from torchvision.datasets.utils import download_and_extract_archive as fetch

    fetch(*arguments, **options)


def download(name: str, root: Path = DEFAULT_ROOT) -> Path:
    """Fetch and unpack a data set under `root`, with a progress bar; returns its folder.

    Unpacked beside its final place and renamed when complete, so that a killed download is never taken for a data set.
    """
    found = find(name)
    if found is not None:
        return found
    info = dataset(name)
    partial = root / "downloads" / (info.folder + ".partial")
    if info.md5 is None:  # without a checksum, an archive that a kill cut off would be taken for whole
        (root / "downloads" / info.url.rsplit("/", 1)[1]).unlink(missing_ok=True)
    try:
        download_and_extract_archive(info.url, root / "downloads", partial, md5=info.md5)
    except Exception as error:  # the network's many exceptions all mean the same to a visitor
        raise DataError(
            f"{info.title} could not be downloaded ({type(error).__name__}: {error}). Try again."
        ) from error
    _check_complete(info, partial / info.folder)
    (partial / info.folder).rename(root / info.folder)
    return root / info.folder


def preprocess(image: Image.Image, pixels: int = EVALUATION_PIXELS) -> np.ndarray:
    """A PIL image -> (pixels, pixels, 3) uint8, squashed to a square with antialiasing."""
    image = image.convert("RGB")
    if image.size != (pixels, pixels):
        image = image.resize((pixels, pixels), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(image)


def to_tensor(images: np.ndarray | list[np.ndarray]) -> Tensor:
    """(B, H, W, 3) uint8 arrays -> (B, 3, H, W) uint8 tensor, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


@lru_cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """MEAN and STD of 0-255 images on a device, sent there once: a recorded CUDA graph cannot wait for the host."""
    return tuple(torch.tensor(values, device=device).view(1, 3, 1, 1) * 255 for values in (MEAN, STD))


def normalise(images: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 -> float32 with ImageNet's mean 0 and standard deviation 1 a channel, on the same device."""
    mean, std = _statistics(images.device)
    return (images.float() - mean) / std


@dataclass(frozen=True)
class Split:
    """A decoded split: images (N, 3, 160, 160) uint8, labels (N,) int64, paths relative to the data set's folder."""

    images: Tensor
    labels: Tensor
    paths: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, index: Tensor) -> "Split":
        return Split(self.images[index], self.labels[index], tuple(self.paths[i] for i in index.tolist()))


def load(name: str, split: str, progress: Callable[[Iterator, int], Iterator] | None = None) -> Split:
    """Decode a split ("train" or "val") into memory, 77 kB an image. Raises DataError."""
    folder = require(name)
    files, labels = [], []
    for label, wnid in enumerate(dataset(name).classes):
        in_class = list_images(folder / split / wnid)
        files += in_class
        labels += [label] * len(in_class)
    images = np.empty((len(files), EVALUATION_PIXELS, EVALUATION_PIXELS, 3), np.uint8)

    def decode(index: int) -> None:
        try:
            with Image.open(files[index]) as image:
                images[index] = preprocess(image)
        except (UnidentifiedImageError, OSError) as error:
            raise DataError(
                f"{files[index].relative_to(folder)} cannot be read ({error}). Remove {folder.name} and download it again."
            ) from error

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        done = pool.map(decode, range(len(files)))
        for _ in done if progress is None else progress(done, len(files)):
            pass
    return Split(to_tensor(images), torch.tensor(labels), tuple(str(f.relative_to(folder)) for f in files))


def hold_out(split: Split, every: int = 10) -> tuple[Split, Split]:
    """Split `train` for tuning: every tenth image of each class is held out. Returns (kept, held out)."""
    position = torch.zeros(len(split), dtype=torch.long)
    for label in split.labels.unique():
        of_class = (split.labels == label).nonzero().squeeze(1)
        position[of_class] = torch.arange(len(of_class))
    held = position % every == 0
    return split.subset((~held).nonzero().squeeze(1)), split.subset(held.nonzero().squeeze(1))
