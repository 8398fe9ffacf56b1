"""Data sets: what is refused and in which words, the one preprocessing, labels, order, and the held-out tenth."""

import errno
import shutil
import socket
import tarfile
from dataclasses import replace
from http.client import IncompleteRead
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
import torch
import torchvision.datasets.utils
from PIL import Image

from attention.core import paths
from attention.pictures import datasets
from attention.pictures.datasets import DataError, require
from attention.pictures.preprocessing import STUDY, Cropped, Preprocessing, Squashed, to_tensor
from attention.pictures.splits import Split, hold_out, load

DOWNLOAD = "python -m attention download --dataset imagenette"


def test_without_attention_data_the_default_root_is_searched(tiny_dataset, monkeypatch):
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tiny_dataset.parent)
    monkeypatch.delenv("ATTENTION_DATA")
    assert datasets.find("imagenette") == tiny_dataset


def test_a_missing_data_set_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path)
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path / "nowhere"))
    assert datasets.find("imagenette") is None
    with pytest.raises(DataError, match=DOWNLOAD):
        require("imagenette")


def test_an_unknown_data_set_is_answered_with_the_known_ones():
    with pytest.raises(DataError, match="cifar.*imagenette, imagewoof"):
        require("cifar")


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("gone", ["n01440764", "n03888257/1.JPEG"])
def test_a_half_download_is_refused(tiny_dataset, split, gone):
    path = tiny_dataset / split / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError, match=DOWNLOAD) as caught:
        load("imagenette", "train")
    assert f"{split}/n01440764" in str(caught.value) or f"{split} holds" in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_broken_image_is_named_without_the_folders_above(tiny_dataset, damage):
    path = tiny_dataset / "val" / "n03028079" / "1.JPEG"
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 2], "text": b"not an image", "empty": b""}[damage])
    with pytest.raises(DataError, match="^val/n03028079/1.JPEG cannot be read"):
        load("imagenette", "val")


def test_labels_order_and_paths(tiny_dataset):
    split, again = load("imagenette", "train"), load("imagenette", "train")
    wnids = list(datasets.DATASETS["imagenette"].classes)
    assert split.images.shape == (40, 3, 160, 160)
    assert split.images.dtype == torch.uint8
    assert split.paths == tuple(f"train/{wnid}/{number}.JPEG" for wnid in wnids for number in range(4))
    assert split.labels.tolist() == [wnids.index(path.split("/")[1]) for path in split.paths]
    assert split.paths == again.paths
    assert torch.equal(split.images, again.images)


def test_loaded_images_are_the_preprocessed_files(tiny_dataset):
    split = load("imagenette", "val")
    for index in (0, 7, 19):
        with Image.open(tiny_dataset / split.paths[index]) as image:
            assert torch.equal(split.images[index], to_tensor([STUDY.resized(image)])[0])


def test_progress_sees_every_image(tiny_dataset):
    seen = []

    def progress(items, total):
        return (seen.append(total) or item for item in items)

    load("imagenette", "val", progress)
    assert seen == [20] * 20


@pytest.mark.parametrize("size", [(320, 100), (100, 320), (160, 160), (37, 500), (3000, 2000)], ids=str)
@pytest.mark.parametrize("pixels", [160, 96])
def test_preprocess_squashes_and_never_crops(size, pixels):
    tiles = np.random.default_rng(0).integers(20, 235, (5, 5, 3), dtype=np.uint8)
    array = Squashed().resized(Image.fromarray(tiles).resize(size, Image.Resampling.NEAREST), pixels)
    assert array.shape == (pixels, pixels, 3)
    assert array.dtype == np.uint8
    middles = ((np.arange(5) + 0.5) * pixels / 5).astype(int)
    np.testing.assert_allclose(array[np.ix_(middles, middles)], tiles, atol=6)
    np.testing.assert_allclose(array[:: pixels - 1, :: pixels - 1], tiles[::4, ::4], atol=6)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_preprocess_takes_any_mode(mode):
    array = STUDY.resized(Image.new("RGB", (200, 90), (255, 255, 255)).convert(mode))
    assert array.shape == (160, 160, 3)
    assert array.min() >= 250


def test_normalise_is_imagenets():
    images = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8)
    for channel, (mean, std) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
        expected = (images[:, channel].double() / 255 - mean) / std
        torch.testing.assert_close(STUDY.normalise(images)[:, channel].double(), expected, atol=1e-5, rtol=0)


def test_a_data_set_keeps_its_own_sizes_shape_and_statistics(tiny_dataset, monkeypatch):
    """Whoever has a split, or a part of it, prepares its images as the data set says."""
    own = Preprocessing(64, 112, Cropped(0.5), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    info = datasets.DATASETS["imagenette"]
    monkeypatch.setitem(datasets.DATASETS, "imagenette", replace(info, preprocessing=own))
    split = load("imagenette", "val").spread(3)
    assert split.images.shape == (3, 3, 64, 64) and split.preprocessing == own
    with Image.open(tiny_dataset / split.paths[0]) as image:
        assert torch.equal(split.images[0], to_tensor([own.stored(image)])[0])
        assert own.resized(image).shape == (112, 112, 3) and own.part(image).size == (80, 80)
    expected = (split.images.double() / 255 - 0.5) / 0.25
    torch.testing.assert_close(own.normalise(split.images).double(), expected, atol=1e-5, rtol=0)


def test_hold_out_is_a_disjoint_tenth_of_each_class():
    labels = torch.tensor([0] * 50 + [1] * 20 + [2] * 30)[torch.randperm(100)]
    split = Split(torch.arange(100).view(100, 1, 1, 1), labels, tuple(map(str, range(100))))
    kept, held = hold_out(split)
    assert set(kept.paths) | set(held.paths) == set(split.paths)
    assert len(kept) + len(held) == len(split)
    assert held.labels.bincount().tolist() == [5, 2, 3]
    for part in (kept, held):
        assert [str(image.item()) for image in part.images] == list(part.paths)
        assert torch.equal(part.labels, labels[part.images.flatten()])
    assert hold_out(split)[1].paths == held.paths


@pytest.mark.parametrize(
    "name",
    [
        "imagenette",
        "imagewoof",
    ],
)
def test_a_killed_download_is_begun_anew(name, tiny_dataset, tmp_path, monkeypatch):
    """The archive is cut by a kill; the next download has to fetch it again, not to trip over the half."""
    info, utils = datasets.DATASETS[name], torchvision.datasets.utils
    small = dict(zip(info.classes, datasets.DATASETS["imagenette"].classes, strict=True))
    with tarfile.open(tmp_path / "good.tgz", "w:gz") as archive:
        for split in ("train", "val"):
            for wnid, source in small.items():
                archive.add(tiny_dataset / split / source, f"{info.folder}/{split}/{wnid}")
    good = (tmp_path / "good.tgz").read_bytes()
    md5 = utils.calculate_md5(tmp_path / "good.tgz") if info.md5 else None
    monkeypatch.setitem(datasets.DATASETS, name, replace(info, train_images=40, val_images=20, md5=md5))
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, **_: url)

    def killed(url, path):
        with open(path, "wb") as file:
            file.write(good[: len(good) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "_urlretrieve", killed)
    with pytest.raises(KeyboardInterrupt):
        datasets.download(name, tmp_path / "root")
    monkeypatch.setattr(utils, "_urlretrieve", lambda url, path: shutil.copy(tmp_path / "good.tgz", path))
    assert datasets.download(name, tmp_path / "root") == tmp_path / "root" / info.folder


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (URLError(ConnectionRefusedError(111, "Connection refused")), "its server could not be reached"),
        (TimeoutError("timed out"), "its server could not be reached"),
        (IncompleteRead(b""), "its server could not be reached"),
        (HTTPError("https://x", 503, "Slow Down", {}, None), "its server answered 503"),
        (OSError(errno.ENOSPC, "No space left on device"), r"written here \(No space left on device\)"),
        (RuntimeError("File not found or corrupted."), "damaged"),
    ],
)
def test_why_a_download_failed_is_said_plainly(error, said, tmp_path, monkeypatch):
    def fails(*_, **__):
        raise error

    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path))
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path)
    monkeypatch.setattr(datasets, "download_and_extract_archive", fails)
    with pytest.raises(DataError, match=said) as raised:
        datasets.download("imagewoof", tmp_path)
    assert str(raised.value).endswith(", and try again.")
    assert not any(word in str(raised.value) for word in ("Error", "Errno", "<", type(error).__name__))


def test_a_download_that_says_nothing_ends(monkeypatch):
    limits = []

    def fetch(*_):
        limits.append(socket.getdefaulttimeout())
        raise TimeoutError

    monkeypatch.setattr(torchvision.datasets.utils, "download_and_extract_archive", fetch)
    with pytest.raises(TimeoutError):
        datasets.download_and_extract_archive("https://x")
    assert limits == [datasets.SILENT_SECONDS] and socket.getdefaulttimeout() is None
