"""The study's data sets and users' own folders: described, and found or downloaded.

A user's own folder is described in `own_root()`/<name>/dataset.json, which custom.py writes.
"""

import json
import socket
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError, URLError

import torch

from attention.core.files import CANNOT_WRITE
from attention.core.paths import DEFAULT_ROOT, own_root, roots
from attention.core.words import class_names
from attention.pictures.layouts import ByClass, DataError, Listed, TinyImageNet
from attention.pictures.preprocessing import STUDY, OwnShape, Preprocessing

SILENT_SECONDS = 60  # without any data, after which a download is given up


class Source(Protocol):
    """Where a data set's models come from if neither this project nor its user trained them: see models/imagenet.py."""

    manifest: dict  # as checkpoints.read_manifest returns it

    def load(self, name: str) -> torch.nn.Module:
        """A network.ResNet on the CPU, in evaluation mode. Raises checkpoints.CheckpointError."""


@dataclass(frozen=True)
class Dataset:
    """What is known about a data set before it is read. `classes` maps folders, in label order, to plain names.

    A user's own folder has its full path in `folder` and a `fingerprint`, 12 hex digits over the names, labels and
    contents of its photographs. A published data set has a `url` instead, and its folder is in one of `roots()`. One
    with a `source` has models that others trained, and no photographs here. `recipe` is the default recipe for training
    on a published one.
    """

    name: str
    title: str
    folder: str
    classes: dict[str, str]
    train_images: int
    val_images: int
    url: str | None = None
    md5: str | None = None
    megabytes: int = 100  # the size of the download
    layout: ByClass = ByClass()
    may_be_part: bool = False  # whether a part of `train` is enough to learn from
    recipe: str = "cpu"
    fingerprint: str = ""
    preprocessing: Preprocessing = STUDY
    source: Source | None = None

    @property
    def is_own(self) -> bool:
        return bool(self.fingerprint)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.classes.values())


_NAMES = class_names("en")
DATASETS = {
    info.name: info
    for info in (
        Dataset(
            name="everyday",
            title="Everyday things",
            folder="tiny-imagenet-200",
            classes=_NAMES["everyday"],
            train_images=100_000,
            val_images=10_000,
            url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            md5="90528d7ca1a48142e341f4ef8d21d0de",
            megabytes=248,
            layout=TinyImageNet(),
            may_be_part=True,
            recipe="everyday",
            preprocessing=Preprocessing(stored_pixels=64, test_pixels=112, shape=OwnShape()),
        ),
        Dataset(
            name="imagenette",
            title="Imagenette",
            folder="imagenette2-160",
            classes=_NAMES["imagenette"],
            train_images=9469,
            val_images=3925,
            url="https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz",
            md5="e793b78cc4c9e9a4ccc0c1155377a412",
        ),
        Dataset(
            name="imagewoof",
            title="Imagewoof",
            folder="imagewoof2-160",
            classes=_NAMES["imagewoof"],
            train_images=9025,
            val_images=3929,
            url="https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2-160.tgz",
            md5=None,  # its publisher names none
        ),
    )
}
FIRST = "everyday"  # what the page opens with
SWEPT = ("imagenette", "imagewoof")  # what the study's sweep trains on by default: the recipe "cpu" is for them
ELSEWHERE: dict[str, Dataset] = {}  # those with models that others trained: there only after a call of imagenet.offer


def dataset(name: str) -> Dataset:
    """Look a data set up; raises DataError with the known names."""
    if name in DATASETS or name in ELSEWHERE:
        return (DATASETS | ELSEWHERE)[name]
    if name not in own_names():  # also refuses paths: a name may come from a visitor
        raise DataError(f"There is no data set {name!r}. Known: {', '.join(names())}.")
    return read_own(name)[0]


def names() -> list[str]:
    """The names of all data sets: the study's, then the user's own, then those whose models others trained."""
    return [*DATASETS, *own_names(), *ELSEWHERE]


def own_names() -> list[str]:
    return sorted(path.parent.name for path in own_root().glob("*/dataset.json"))


def read_own(name: str) -> tuple[Dataset, dict[str, list[Listed]]]:
    """A registered folder of the user and its photographs by split. Raises DataError if its description is damaged."""
    path = own_root() / name / "dataset.json"
    try:
        return _parse_own(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path.parent.name}/{path.name} is damaged ({error}). Train again: python -m attention train --data FOLDER "
            f"--name {name}."
        ) from error


@lru_cache
def _parse_own(path: Path, modified_ns: int) -> tuple[Dataset, dict[str, list[Listed]]]:
    written = json.loads(path.read_text(encoding="utf-8"))
    splits = {split: [Listed(*row) for row in written[split]] for split in ("train", "val")}
    counts = {f"{split}_images": len(files) for split, files in splits.items()}
    figures = {key: written[key] for key in ("name", "title", "folder", "classes", "fingerprint")}
    return Dataset(**figures, **counts), splits


def find(name: str) -> Path | None:
    """The folder of a complete data set, None when there is none; DataError when one is there but incomplete."""
    info = dataset(name)
    if info.source is not None:
        return None
    if info.is_own:
        return Path(info.folder) if Path(info.folder).is_dir() else None
    for root in roots():
        folder = root / info.folder
        if folder.is_dir():
            _check_complete(info, folder)
            return folder
    return None


def _check_complete(info: Dataset, folder: Path, may_be_part: bool | None = None) -> None:
    """Raises DataError for a folder that lacks photographs: part of `train` may be enough, part of `val` never is."""
    may_be_part = info.may_be_part if may_be_part is None else may_be_part
    again = f"Remove it and run: python -m attention download --dataset {info.name}"
    for split, expected in (("train", info.train_images), ("val", info.val_images)):
        try:
            found = info.layout.files(folder, split, info.classes)
        except DataError as error:
            raise DataError(f"{error}: it is not {info.title}, or was unpacked only half. {again}") from error
        if len(found) < expected and not (may_be_part and split == "train"):
            raise DataError(
                f"{folder.name}/{split} holds {len(found):,} images of {expected:,}: the download or unpacking stopped early. "
                f"Remove the folder and run: python -m attention download --dataset {info.name}"
            )
        filled = {file.label for file in found}
        empty = [wnid for label, wnid in enumerate(info.classes) if label not in filled]
        if empty:
            raise DataError(f"{folder.name}/{split} holds no photograph of {_named(empty)}. {again}")


def found(name: str) -> str:
    """A sentence on how many photographs of a published data set are here, and what is left out. Raises DataError."""
    folder, info = require(name), dataset(name)
    counts = [len(info.layout.files(folder, split, info.classes)) for split in ("train", "val")]
    said = (
        f"{info.title}: {counts[0]:,} of {info.train_images:,} photographs to learn from, "
        f"{counts[1]:,} of {info.val_images:,} to test with."
    )
    if unknown := info.layout.unknown(folder, info.classes):
        said += f" Left out, for the data set has no such class: {_named(unknown)}."
    return said


def _named(names: list[str], at_most: int = 3) -> str:
    """The first few names; the others are counted."""
    return ", ".join(names[:at_most]) + (f" and {len(names) - at_most:,} more" if len(names) > at_most else "")


def require(name: str) -> Path:
    """Like `find`, but a missing data set raises DataError with what to do."""
    folder = find(name)
    if dataset(name).source is not None:
        raise DataError(f"{dataset(name).title} comes with models alone: its photographs are not used here.")
    if folder is None and dataset(name).is_own:
        raise DataError(
            f"The photographs of {name} are not at {dataset(name).folder} any more. Say where they are now: "
            f"python -m attention train --data FOLDER --name {name}."
        )
    if folder is None:
        raise DataError(
            f"{dataset(name).title} is not on this machine. Run: python -m attention download --dataset {name} "
            f"(about {dataset(name).megabytes} MB), or point ATTENTION_DATA at the folder that holds {dataset(name).folder}."
        )
    return folder


def download_and_extract_archive(*arguments, **options) -> None:
    """torchvision's function, imported only for a download because it would take a tenth of the page's start."""
    from torchvision.datasets.utils import download_and_extract_archive as fetch

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENT_SECONDS)  # torchvision has no timeout of its own
    try:
        fetch(*arguments, **options)
    finally:
        socket.setdefaulttimeout(before)


def download(name: str, root: Path = DEFAULT_ROOT) -> Path:
    """Fetch and unpack a data set under `root`, with a progress bar; returns its folder. Raises DataError.

    It is unpacked in downloads/ and moved into place when complete, so that a killed download is never taken for a data
    set.
    """
    found = find(name)
    if found is not None:
        return found
    info = dataset(name)
    if info.is_own:
        require(name)  # raises DataError if they are gone, with what to do
    partial = root / "downloads" / (info.folder + ".partial")
    if info.md5 is None:  # without a checksum, an archive left by a killed download would be taken for whole
        (root / "downloads" / info.url.rsplit("/", 1)[1]).unlink(missing_ok=True)
    try:
        download_and_extract_archive(info.url, root / "downloads", partial, md5=info.md5)
    except Exception as error:  # the network's many exceptions all mean the same to a visitor
        raise DataError(f"{info.title} could not be downloaded: {_why(error)}, and try again.") from error
    _check_complete(info, partial / info.folder, may_be_part=False)
    (partial / info.folder).rename(root / info.folder)
    return root / info.folder


def _why(error: Exception) -> str:
    """What went wrong with a download, and what to do; `error` is whatever urllib, tarfile or torchvision raised."""
    if isinstance(error, HTTPError):
        return f"its server answered {error.code}. Wait a while"
    if isinstance(error, (URLError, ConnectionError, TimeoutError, HTTPException)):
        return "its server could not be reached. Check the connection to the internet"
    if isinstance(error, OSError) and error.errno in CANNOT_WRITE:
        return f"it cannot be written here ({error.strerror}). Make room for it"
    return "what came is damaged or not whole. Wait a while"
