"""Fixtures that several test modules share."""

import asyncio
import gc
import os
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

from attention.core import paths, threads
from attention.core.files import sha256, write_json
from attention.models import checkpoints
from attention.models.variants import VARIANTS, build_model
from attention.pictures import datasets
from attention.training import trainer

TRAIN_PER_CLASS, VAL_PER_CLASS, PIXELS = 4, 2, 160

# Servers and commands that tests start have as many threads as anywhere, but on a machine that is full, those that wait
# for one another sleep: spinning, a page takes three times as long to start.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Else whether Ray wants a token depends on what ran before, in this process and ever since the user's account began.
os.environ.setdefault("RAY_AUTH_MODE", "disabled")


def pytest_collection_modifyitems(config, items):
    """All of tests/browser is marked `browser`. What takes longest comes first, so that no worker waits in the end."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")
    if config.pluginmanager.hasplugin("randomly"):
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: ("browser" not in item.path.parts, item.path not in slow))


@pytest.fixture(autouse=True)
def seeded():
    """One stream and one thread a test: the order of tests changes nothing, and weights repeat to the bit."""
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def unshared(monkeypatch):
    """A page shares the cores of its process for good; tests that make one in theirs go on as they were."""
    monkeypatch.setattr(threads, "share", lambda: None)
    monkeypatch.setattr(threads, "_crowded", bool)


@pytest.fixture
def in_a_thread():
    """in_a_thread(coroutine) is what it returns; Playwright keeps a loop running in the thread of the tests."""

    def run(coroutine):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, coroutine).result()

    return run


@pytest.fixture(scope="session")
def lay_out():
    """lay_out(Parts) are the components of a tab, in English and outside of a page."""
    import gradio as gr

    from attention.web.texts import text

    def build(parts):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # gradio's event loop, which it leaves to be collected
            with gr.Blocks():
                found = parts(lambda key: text("en", key))
            gc.collect()
        return found

    return build


DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
collect_ignore = [] if "cuda" in DEVICES else ["gpu"]  # what has nothing to test elsewhere


def pytest_report_header() -> str:
    return f"devices that are tested: {', '.join(DEVICES)}"


@pytest.fixture(params=DEVICES)
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
    """A generated data set that attention.pictures.datasets takes for Imagenette; returns its folder."""
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
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path / "empty")
    return root / info.folder


def _shape(kind: str, random: np.random.Generator) -> Image.Image:
    """A dark shape on a light ground, somewhere."""
    image = Image.new("RGB", (120, 90), tuple(random.integers(150, 256, 3).tolist()))
    draw, radius = ImageDraw.Draw(image), int(random.integers(14, 30))
    x, y = int(random.integers(radius, 120 - radius)), int(random.integers(radius, 90 - radius))
    box, colour = (x - radius, y - radius, x + radius, y + radius), tuple(random.integers(0, 100, 3).tolist())
    if kind == "circle":
        draw.ellipse(box, fill=colour)
    elif kind == "square":
        draw.rectangle(box, fill=colour)
    else:
        draw.polygon([(x, y - radius), (x - radius, y + radius), (x + radius, y + radius)], fill=colour)
    return image


@pytest.fixture(scope="session")
def draw_shapes():
    """draw_shapes(folder, circle=10, square=10) draws so many pictures a class into sub-folders, and returns the folder."""

    def draw(folder: Path, suffix: str = ".png", **counts: int) -> Path:
        for number, (kind, count) in enumerate(counts.items()):
            random = np.random.default_rng([number, *map(ord, str(folder.name))])
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                _shape(kind, random).save(folder / kind / f"{index:02}{suffix}")
        return folder

    return draw


NARROW = {name: replace(variant, widths=(8, 16, 32, 32)) for name, variant in VARIANTS.items()}


@pytest.fixture(autouse=True)
def narrow(request, monkeypatch):
    """Every variant has a few channels, but in tests marked `full_width`: the same modules, in a hundredth of the time."""
    if not request.node.get_closest_marker("full_width"):
        for name, variant in NARROW.items():
            monkeypatch.setitem(VARIANTS, name, variant)


@pytest.fixture
def own_root(tmp_path, monkeypatch, runs):
    """An empty folder in place of data/own/, and of runs/."""
    monkeypatch.setenv("ATTENTION_OWN", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture(scope="session")
def timm_files(tmp_path_factory):
    """A folder of ImageNet's models as <timm's name>.safetensors, with random weights: nothing is fetched."""
    import timm

    from attention.models.imagenet import PUBLISHED

    folder = tmp_path_factory.mktemp("imagenet")
    torch.manual_seed(0)
    for published in PUBLISHED.values():
        network = timm.create_model(published.name)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):  # as after training: nothing is 0 or 1 by chance
                for values, low, high in (
                    (module.running_mean, -0.1, 0.1),
                    (module.running_var, 0.5, 1.5),
                    (module.weight.data, 0.5, 1.5),
                    (module.bias.data, -0.1, 0.1),
                ):
                    values.uniform_(low, high)
            if getattr(module, "mlp_add", None) is not None:  # of global context, which begins as the identity
                torch.nn.init.normal_(module.mlp_add.fc2.weight, 0, 0.1)
        torch.nn.init.normal_(network.head.fc.weight, 0, 0.3)
        save_file(network.state_dict(), folder / f"{published.name}.safetensors")
    return folder


@pytest.fixture
def imagenet_offered(timm_files):
    """ImageNet, which this process was asked for during one test."""
    from attention.models import imagenet

    imagenet.offer(timm_files)
    yield datasets.ELSEWHERE[imagenet.NAME]
    del datasets.ELSEWHERE[imagenet.NAME]


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """An empty folder in place of runs/."""
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(trainer, "code_commit", lambda: "tested")
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def untrained(tmp_path_factory):
    """A checkpoints folder with untrained weights of every variant, narrow: its layout is what the committed one has."""
    folder = tmp_path_factory.mktemp("checkpoints")
    models = {}
    for name in VARIANTS:
        file = folder / "imagenette" / f"{name}.safetensors"
        file.parent.mkdir(exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:  # this fixture comes before `narrow`
            patch.setitem(VARIANTS, name, NARROW[name])
            state = build_model(name).state_dict()
        save_file({k: v.half().contiguous() if v.is_floating_point() else v for k, v in state.items()}, file)
        models[name] = {
            "file": file.name,
            "variant": name,
            "sha256": sha256(file),
            "accuracy": 0.1,
            "recipe": "smoke",
            "recipe_hash": "0",
            "seed": 0,
        }
    write_json(folder / "imagenette" / "manifest.json", {"dataset": "imagenette", "models": models})
    return folder


@pytest.fixture
def published(untrained, tmp_path, monkeypatch):
    """A copy of `untrained` in place of checkpoints/, to alter at will."""
    folder = tmp_path / "checkpoints"
    shutil.copytree(untrained, folder)
    monkeypatch.setattr(checkpoints, "CHECKPOINTS", folder)
    return folder / "imagenette"
