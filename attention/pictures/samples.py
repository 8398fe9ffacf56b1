"""Sample pictures: those in the repository, photographs that Gradio ships, and test images of data sets."""

import importlib.util
import json
from dataclasses import dataclass, replace
from pathlib import Path

from attention.core.paths import SAMPLES
from attention.pictures.datasets import DATASETS, ELSEWHERE, DataError, Dataset, dataset, find, read_own

COMMITTED = SAMPLES
PHOTOGRAPHS = 12  # of a data set that are offered, at most
UNSEEN = {
    "lion": ("狮子", "n02129165"),
    "tower": ("铁塔", ""),
}  # few models saw these classes: what do they say then?
SHARP = 128  # stored pixels that make a data set's photographs worth showing


@dataclass(frozen=True)
class Sample:
    """A picture to try. `kind` is "photograph" (a test image, `title` is its class), "rendering", "unseen" or "other".

    "unseen" shows no class of the data set. `wnid` is the WordNet number of what it shows, "" where unknown.
    """

    path: Path
    title: str
    title_zh: str
    kind: str
    wnid: str = ""


def committed() -> list[Sample]:
    """The samples in the repository (samples.json): renderings, and photographs whose licence lets anyone show them."""
    listed = COMMITTED / "samples.json"
    if not listed.exists():
        return []
    kinds = {"rendering": "rendering", "photograph": "other"}
    rows = json.loads(listed.read_text(encoding="utf-8"))
    found = [
        Sample(COMMITTED / row["file"], row["title_en"], row["title_zh"], kinds[row["kind"]], row["class"])
        for row in rows
    ]
    return sorted(found, key=lambda sample: sample.kind == "rendering")  # photographs first


def shown_with(info: Dataset) -> list[Sample]:
    """The committed samples that show a class of the data set."""
    return [sample for sample in committed() if sample.wnid in info.classes]


def unseen() -> list[Sample]:
    """Photographs inside the gradio package, found without importing it."""
    found = importlib.util.find_spec("gradio")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "media_assets" / "images"
    there = {folder / f"{name}.jpg": about for name, about in UNSEEN.items() if (folder / f"{name}.jpg").exists()}
    return [Sample(path, path.stem, title_zh, "unseen", wnid) for path, (title_zh, wnid) in there.items()]


def has_photographs(info: Dataset) -> bool:
    """Whether a data set's own photographs are shown if they are here: it is published, and they are large enough."""
    return info.name in DATASETS and info.preprocessing.stored_pixels >= SHARP


def photographs(dataset_name: str = "imagenette") -> list[Sample]:
    """The first test images of each class, up to three; empty where the data set is missing or incomplete."""
    try:
        info = dataset(dataset_name)
        shows = info.is_own or has_photographs(info)  # before `find`, which lists every file
        folder = find(dataset_name) if shows else None
        if folder is None:
            return []
        by_class = _own_test_images(info, folder) if info.is_own else _published_test_images(info, folder)
    except DataError:
        return []
    a_class = max(1, min(3, PHOTOGRAPHS // len(by_class)))
    found = [Sample(path, name, name, "photograph") for name, paths in by_class.items() for path in paths[:a_class]]
    return found[:PHOTOGRAPHS]


def _published_test_images(info: Dataset, folder: Path) -> dict[str, list[Path]]:
    paths = {name: [] for name in info.class_names}
    for file in info.layout.files(folder, "val", info.classes):
        paths[info.class_names[file.label]].append(folder / file.path)
    return paths


def _own_test_images(info: Dataset, folder: Path) -> dict[str, list[Path]]:
    paths = {name: [] for name in info.class_names}
    for file in read_own(info.name)[1]["val"]:
        path = folder / file.path
        if path.is_file():
            paths[info.class_names[file.label]].append(path)
    return paths


def all_samples(dataset_name: str = "imagenette") -> list[Sample]:
    """The samples that the page offers with a data set.

    Gradio's photographs count as "other" with a user's own folder, because nobody knows whether they show one of its
    classes.
    """
    info, others = dataset(dataset_name), [replace(sample, kind="other") for sample in unseen()]
    if dataset_name in ELSEWHERE:  # its 1,000 classes include theirs
        return committed() + others
    if info.is_own:
        return photographs(dataset_name) + others
    known = [replace(s, kind="other") if s.wnid in info.classes else s for s in unseen()]
    return photographs(dataset_name) + shown_with(info) + known
