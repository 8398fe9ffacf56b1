"""Fixtures that several test modules share."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from attention import datasets, training
from attention import runs as runs_module

TRAIN_PER_CLASS, VAL_PER_CLASS, PIXELS = 4, 2, 160


@pytest.fixture(autouse=True)
def seeded():
    """One stream and one thread a test: the order of tests changes nothing, and weights repeat to the bit."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_cuda)])
def device(request) -> torch.device:
    return torch.device(request.param)


def _pattern(label: int, random: np.random.Generator) -> Image.Image:
    """Stripes in a colour and a width of the class's own, with noise and a random phase."""
    colour = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 200, 60], [60, 200, 200]])[label % 5]
    period = 16 if label < 5 else 64
    stripes = np.sin((np.arange(PIXELS) + random.integers(period)) * 2 * np.pi / period) > 0
    image = colour * np.where(stripes, 1.0, 0.3)[None, :, None] + random.normal(0, 10, (PIXELS, PIXELS, 3))
    return Image.fromarray(image.clip(0, 255).astype(np.uint8))


@pytest.fixture
def tiny_dataset(tmp_path, monkeypatch):
    """A generated data set that attention.datasets takes for Imagenette; returns its folder."""
    info = datasets.DATASETS["imagenette"]
    root, random = tmp_path / "data", np.random.default_rng(0)
    for split, count in (("train", TRAIN_PER_CLASS), ("val", VAL_PER_CLASS)):
        for label, wnid in enumerate(info.classes):
            folder = root / info.folder / split / wnid
            folder.mkdir(parents=True)
            for number in range(count):
                _pattern(label, random).save(folder / f"{number}.JPEG")
    small = replace(info, train_images=10 * TRAIN_PER_CLASS, val_images=10 * VAL_PER_CLASS)
    monkeypatch.setitem(datasets.DATASETS, info.name, small)
    monkeypatch.setenv("ATTENTION_DATA", str(root))
    monkeypatch.setattr(datasets, "DEFAULT_ROOT", tmp_path / "empty")
    return root / info.folder


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """An empty folder in place of runs/."""
    monkeypatch.setattr(runs_module, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(training, "code_commit", lambda: "tested")
    return tmp_path / "runs"
