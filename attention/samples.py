"""Pictures to begin with: own renderings, photographs that gradio ships, and, where the data set is there, test images."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path

from attention.datasets import DataError, dataset, find, list_images
from attention.runs import ROOT

RENDERINGS = ROOT / "samples"
UNSEEN = ("lion.jpg", "tower.jpg")  # of classes the models never saw: what do they say then?


@dataclass(frozen=True)
class Sample:
    """`kind` is "photograph" (a test image, `title` is its class), "rendering" or "unseen"."""

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


def photographs(dataset_name: str = "imagenette", a_class: int = 1) -> list[Sample]:
    """The first test images of each class; empty where the data set is missing or incomplete."""
    try:
        folder = find(dataset_name)
    except DataError:
        return []
    if folder is None:
        return []
    return [
        Sample(path, name, name, "photograph")
        for wnid, name in dataset(dataset_name).classes.items()
        for path in list_images(folder / "val" / wnid)[:a_class]
    ]


def all_samples() -> list[Sample]:
    return photographs() + renderings() + unseen()
