"""The mean channel weights of each class: against a plain loop, kept for their own weights alone, resumed, committed."""

import numpy as np
import pytest
import torch

from attention.cli.main import main
from attention.core.files import write_json
from attention.maps.attention import describe
from attention.models import checkpoints
from attention.models.variants import variant
from attention.models.visible import watch
from attention.pictures.datasets import DATASETS
from attention.pictures.preprocessing import STUDY
from attention.pictures.splits import load
from attention.study import class_means

CHANNELS = ("se-block", "channel-softmax-block", "cbam-block", "spatial-channel-block", "eca-block", "se-head")


@pytest.fixture
def folder(tiny_dataset, published, tmp_path, monkeypatch):
    monkeypatch.setattr(class_means, "FOLDER", tmp_path / "class_means")
    return tmp_path / "class_means"


@pytest.fixture
def measured(folder):
    def run(*names):
        said = []
        files = class_means.measure("imagenette", torch.device("cpu"), list(names) or None, said.append)
        return files, said

    return run


def in_a_loop(name, split):
    """{path: (10, C)}: one image after another, as the page sees it."""
    model, found = checkpoints.load(name), {}
    for image, label in zip(split.images, split.labels.tolist(), strict=True):
        with torch.no_grad(), watch(model) as seen:
            model(STUDY.normalise(image[None]).contiguous(memory_format=torch.channels_last))
        for m in (describe(path, weights) for path, weights in seen.items()):
            if m.over == "channels":
                found.setdefault(m.path, {}).setdefault(label, []).append(m.values)
    return {path: np.array([np.mean(of[i], axis=0) for i in range(10)]) for path, of in found.items()}


@pytest.mark.parametrize("name", CHANNELS)
def test_means_are_those_of_a_plain_loop(name, folder, monkeypatch, device):
    monkeypatch.setattr(class_means, "BATCH", 7)  # that does not divide the 20 images
    split, done = load("imagenette", "val"), []
    model = checkpoints.load(name, device=device)
    found = class_means.class_means(model, split, 10, device, done.append)
    expected = in_a_loop(name, split)
    assert list(found) == list(expected) and done == [7, 7, 6]
    for path, means in found.items():
        assert means == pytest.approx(expected[path], abs=2e-4), path
    assert all(not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", ["baseline", "bam-stage", "attention-pool-head"])
def test_models_that_weigh_no_channels_have_none(name, folder, measured):
    assert measured(name) == ([], []) and class_means.read("imagenette", name) == {}
    assert class_means.class_means(checkpoints.load(name), load("imagenette", "val"), 10, torch.device("cpu")) == {}


def test_a_class_without_images_has_no_means(folder):
    split = load("imagenette", "val").subset(torch.arange(4))  # of the first two classes
    means = class_means.class_means(checkpoints.load("se-head"), split, 10, torch.device("cpu"))
    (values,) = means.values()
    assert np.isfinite(values[:2]).all() and np.isnan(values[2:]).all()


def test_a_file_is_read_for_its_own_weights_alone(measured, published):
    (file,), _ = measured("se-block")
    means = class_means.of_class("imagenette", "se-block", 3)
    assert len(means) == 8 and all(values.shape in ((8,), (16,), (32,)) for values in means.values())
    assert file.stat().st_size < 30_000
    manifest = checkpoints.read_manifest()
    manifest["models"]["se-block"]["sha256"] = "0" * 64
    write_json(published / "manifest.json", manifest)
    assert class_means.of_class("imagenette", "se-block", 3) == {}
    assert class_means.of_class("imagenette", "eca-block", 3) == {}, "not measured"
    assert class_means.of_class("imagenette", "nobody", 3) == {}


def test_it_goes_on_where_it_stopped_and_forgets_models_that_are_gone(measured, folder, published):
    measured("se-head")
    gone = folder / "imagenette.gone.npz"
    gone.write_bytes(b"")
    kept = (folder / "imagenette.se-head.npz").stat().st_mtime_ns
    files, said = measured("eca-block", "se-head")
    assert said[1] == "imagenette se-head: measured already" and said[0].startswith(
        "imagenette eca-block: 8 modules, 20"
    )
    assert [file.name for file in files] == ["imagenette.eca-block.npz", "imagenette.se-head.npz"]
    assert files[1].stat().st_mtime_ns == kept and not gone.exists()


def test_a_file_of_other_weights_is_measured_again(measured, folder):
    (file,), _ = measured("se-head")
    with np.load(file) as arrays:
        changed = dict(arrays) | {class_means.SHA: np.array("other")}
    np.savez_compressed(file, **changed)
    _, said = measured("se-head")
    assert said[0].startswith("imagenette se-head: 1 modules"), said
    assert class_means.read("imagenette", "se-head")


@pytest.mark.parametrize("content", [b"", b"not a file of arrays", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_no_file(measured, folder, content):
    file = folder / "imagenette.se-head.npz"
    folder.mkdir()
    file.write_bytes(content)
    assert class_means.of_class("imagenette", "se-head", 3) == {}
    measured("se-head")
    assert class_means.of_class("imagenette", "se-head", 3)


def test_the_command(folder, capsys):
    assert main(["class-means", "--dataset", "imagenette", "--models", "se-head", "--device", "cpu"]) == 0
    assert (folder / "imagenette.se-head.npz").exists()
    assert main(["class-means", "--models", "nobody"]) == 2 and "no model 'nobody'" in capsys.readouterr().err


# what is committed


@pytest.mark.parametrize("dataset_name", DATASETS)
def test_the_committed_means_belong_to_the_committed_weights(dataset_name):
    weigh_channels = {"se", "eca", "channel-softmax", "cbam", "spatial-channel"}
    names = [name for name in checkpoints.available(dataset_name) if variant(name).mechanism in weigh_channels]
    files = {path.name for path in class_means.FOLDER.glob(f"{dataset_name}.*.npz")}
    assert files == {f"{dataset_name}.{name}.npz" for name in names}
    for name in names:
        means = class_means.read(dataset_name, name)
        assert means, f"{name} was trained anew: python -m attention class-means --dataset {dataset_name}"
        with np.load(class_means.means_file(dataset_name, name)) as arrays:
            assert arrays[class_means.IMAGES].sum() == DATASETS[dataset_name].val_images
        for path, values in means.items():
            classes = len(DATASETS[dataset_name].classes)
            assert values.shape[0] == classes and np.isfinite(values).all() and (values >= 0).all()
            if path.endswith("attn"):
                assert values.mean(axis=1) == pytest.approx(np.ones(classes), abs=1e-3), "multiples of uniform"
            else:
                assert values.max() <= 1
