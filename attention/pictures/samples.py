"""Pictures to begin with: own renderings, photographs that gradio ships, and, where the data set is there, test images."""

import importlib.util
import json
from dataclasses import dataclass, replace
from pathlib import Path

from attention.core.paths import SAMPLES
from attention.pictures.datasets import DATASETS, ELSEWHERE, DataError, Dataset, dataset, find, read_own

COMMITTED = SAMPLES
PHOTOGRAPHS = 12  # of a data set, at most
UNSEEN = {
    "lion": ("狮子", "n02129165"),
    "tower": ("铁塔", ""),
}  # of classes that few models saw: what do they say then?
SHARP = 128  # stored pixels from which on a data set's photographs are worth showing


@dataclass(frozen=True)
class Sample:
    """`kind` is "photograph" (a test image, `title` is its class), "rendering", "unseen" (of no class), or "other".

    `wnid` is the WordNet number of what it shows, "" where nobody noted it.
    """

    path: Path
    title: str
    title_zh: str
    kind: str
    wnid: str = ""


def committed() -> list[Sample]:
    """Own renderings, and photographs whose licence lets everybody show them: samples.json."""
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
    """Those of `committed` that show a class of the data set."""
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
    """Whether its own photographs are shown where they are on this machine: a published set's, large enough to be looked at."""
    return info.name in DATASETS and info.preprocessing.stored_pixels >= SHARP


def photographs(dataset_name: str = "imagenette") -> list[Sample]:
    """The first test images of each class, up to three; empty where the data set is missing or incomplete."""
    try:
        info = dataset(dataset_name)
        shows = info.is_own or has_photographs(info)  # asked first: `find` lists every file
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
    """What the page offers beside a data set; whether a class of one's own is on the last two, nobody knows here."""
    info, others = dataset(dataset_name), [replace(sample, kind="other") for sample in unseen()]
    if dataset_name in ELSEWHERE:  # of 1,000 classes, in which these are
        return committed() + others
    if info.is_own:
        return photographs(dataset_name) + others
    known = [replace(s, kind="other") if s.wnid in info.classes else s for s in unseen()]
    return photographs(dataset_name) + shown_with(info) + known
