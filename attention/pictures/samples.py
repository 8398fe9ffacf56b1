"""Pictures to begin with: own renderings, photographs that gradio ships, and, where the data set is there, test images."""

import importlib.util
import json
from dataclasses import dataclass, replace
from pathlib import Path

from attention.core.paths import ROOT
from attention.pictures.datasets import DATASETS, ELSEWHERE, DataError, Dataset, dataset, find, list_images, read_own

RENDERINGS = ROOT / "samples"
PHOTOGRAPHS = 12  # of a data set, at most
UNSEEN = ("lion.jpg", "tower.jpg")  # of classes the models never saw: what do they say then?


@dataclass(frozen=True)
class Sample:
    """`kind` is "photograph" (a test image, `title` is its class), "rendering", "unseen" (of no class), or "other"."""

    path: Path
    title: str
    title_zh: str
    kind: str


def renderings() -> list[Sample]:
    listed = RENDERINGS / "samples.json"
    if not listed.exists():
        return []
    rows = json.loads(listed.read_text(encoding="utf-8"))
    return [Sample(RENDERINGS / row["file"], row["title_en"], row["title_zh"], "rendering") for row in rows]


def unseen() -> list[Sample]:
    """Photographs inside the gradio package, found without importing it."""
    found = importlib.util.find_spec("gradio")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "media_assets" / "images"
    chinese = {"lion": "狮子", "tower": "铁塔"}
    files = [folder / name for name in UNSEEN if (folder / name).exists()]
    return [Sample(path, path.stem, chinese[path.stem], "unseen") for path in files]


def photographs(dataset_name: str = "imagenette") -> list[Sample]:
    """The first test images of each class, up to three; empty where the data set is missing or incomplete."""
    try:
        folder, info = find(dataset_name), dataset(dataset_name)
        if folder is None:
            return []
        by_class = _own_test_images(info, folder) if info.is_own else _published_test_images(info, folder)
    except DataError:
        return []
    a_class = max(1, min(3, PHOTOGRAPHS // len(by_class)))
    found = [Sample(path, name, name, "photograph") for name, paths in by_class.items() for path in paths[:a_class]]
    return found[:PHOTOGRAPHS]


def _published_test_images(info: Dataset, folder: Path) -> dict[str, list[Path]]:
    return {name: list_images(folder / "val" / wnid) for wnid, name in info.classes.items()}


def _own_test_images(info: Dataset, folder: Path) -> dict[str, list[Path]]:
    paths = {name: [] for name in info.class_names}
    for file in read_own(info.name)[1]["val"]:
        path = folder / file.path
        if path.is_file():
            paths[info.class_names[file.label]].append(path)
    return paths


def all_samples(dataset_name: str = "imagenette") -> list[Sample]:
    """What the page offers beside a data set; whether a class of one's own is on the last two, nobody knows here."""
    if dataset_name == "imagenette":
        return photographs() + renderings() + unseen()
    if dataset_name in ELSEWHERE:  # of 1,000 classes, in which these are
        return renderings() + [replace(s, kind="other") for s in unseen()]
    is_own = dataset_name not in DATASETS
    return photographs(dataset_name) + [replace(s, kind="other") if is_own else s for s in unseen()]
