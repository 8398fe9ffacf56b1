"""Everyday things: Tiny ImageNet in its own layout, whole, in part and damaged; the names of its classes; photos in their shape."""

import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from itertools import islice

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torchvision.datasets.utils import calculate_md5

from attention.core import paths
from attention.core.words import class_names
from attention.maps import scores
from attention.pictures import datasets, splits
from attention.pictures.datasets import DATASETS, DataError
from attention.pictures.preprocessing import CELL, OwnShape
from attention.pictures.samples import committed, shown_with
from attention.study import known_objects

CLASSES = dict(islice(DATASETS["everyday"].classes.items(), 3))


@pytest.fixture
def tiny_imagenet(tmp_path, monkeypatch):
    """Three classes of generated pictures that datasets.py takes for the whole of Tiny ImageNet; returns their folder."""
    folder, random = tmp_path / "data" / "tiny-imagenet-200", np.random.default_rng(0)

    def draw(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)

    rows = []
    for number, wnid in enumerate(CLASSES):
        for index in range(2):
            draw(folder / "train" / wnid / "images" / f"{wnid}_{index}.JPEG")
        (folder / "train" / wnid / f"{wnid}_boxes.txt").write_text(
            "".join(f"{wnid}_{index}.JPEG\t{index}\t0\t31\t63\n" for index in range(3))  # one is not in this part
        )
        name = f"val_{2 - number}.JPEG"  # the list's order is not that of the names
        draw(folder / "val" / "images" / name)
        rows.append(f"{name}\t{wnid}\t3\t4\t60\t50\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(rows))
    small = replace(DATASETS["everyday"], classes=CLASSES, train_images=6, val_images=3)
    monkeypatch.setitem(DATASETS, "everyday", small)
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path / "empty")
    return folder


def test_labels_are_positions_in_the_sorted_classes_and_val_keeps_its_lists_order(tiny_imagenet):
    train, val = splits.load("everyday", "train"), splits.load("everyday", "val")
    assert list(CLASSES) == sorted(CLASSES)
    assert train.images.shape == (6, 3, 64, 64) and train.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert val.paths == tuple(f"val/images/val_{n}.JPEG" for n in (2, 1, 0)) and val.labels.tolist() == [0, 1, 2]


def test_boxes_are_those_of_the_photographs_that_are_here(tiny_imagenet):
    boxed = known_objects.boxed_images("everyday", "val")
    assert boxed.boxes == ((3 / 64, 4 / 64, 61 / 64, 51 / 64),) * 3, "the last column and row belong to the object"
    assert (boxed.images == splits.load("everyday", "val").images).all() and boxed.labels.tolist() == [0, 1, 2]
    inside = scores.box_mask(boxed.boxes[0], *boxed.size)
    assert inside.sum() == 58 * 47 and inside[4, 3] and inside[50, 60] and not inside[51, 60]
    learned = known_objects.boxed_images("everyday", "train", 2)
    assert learned.labels.tolist() == [0, 2] and learned.boxes == ((0, 0, 0.5, 1), (1 / 64, 0, 0.5, 1))
    assert (known_objects.boxes_of("everyday"), known_objects.boxes_of("imagenette")) == ("everyday", "imagewoof")
    wnid = min(CLASSES)
    (tiny_imagenet / "train" / wnid / f"{wnid}_boxes.txt").unlink()
    with pytest.raises(DataError, match=f"{wnid}_boxes.txt"):
        known_objects.boxed_images("everyday", "train")


def test_a_part_of_train_is_enough_and_is_said(tiny_imagenet):
    for path in tiny_imagenet.glob("train/*/images/*_1.JPEG"):
        path.unlink()
    assert len(splits.load("everyday", "train")) == 3
    assert "3 of 6 photographs to learn from, 3 of 3 to test with." in datasets.found("everyday")


def test_what_does_not_belong_is_left_out_and_named(tiny_imagenet):
    (tiny_imagenet / "train" / ".DS_Store").write_text("")
    (tiny_imagenet / "train" / next(iter(CLASSES)) / "images" / "._hidden.JPEG").write_text("")
    (tiny_imagenet / "train" / "n00000000" / "images").mkdir(parents=True)
    assert len(splits.load("everyday", "train")) == 6
    assert "no such class: train/n00000000." in datasets.found("everyday")


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_printing_colours_are_read(tiny_imagenet, mode):
    Image.new(mode, (64, 64), 100 if mode == "L" else (0, 0, 0, 155)).save(tiny_imagenet / "val/images/val_2.JPEG")
    assert splits.load("everyday", "val").images[0].float().std() < 1


DAMAGES = {
    "holds no photograph of n01443537\\.": lambda folder: [p.unlink() for p in folder.glob(f"train/{min(CLASSES)}/images/*")],
    "has no folder train/n": lambda folder: (folder / "train" / min(CLASSES)).rename(folder / "elsewhere"),
    "val holds 2 images of 3": lambda folder: (folder / "val/images/val_0.JPEG").unlink(),
    "has no val/val_annotations.txt": lambda folder: (folder / "val/val_annotations.txt").unlink(),
    "val_annotations.txt of .* is damaged": lambda folder: (folder / "val/val_annotations.txt").write_text("val_0.JPEG\tn"),
    "classes that the data set does not have": lambda f: (f / "val/val_annotations.txt").write_text("a\tb\t0\t0\t1\t1"),
}  # fmt: skip


@pytest.mark.parametrize("said", DAMAGES)
def test_what_is_half_there_is_refused_in_a_sentence(tiny_imagenet, said):
    DAMAGES[said](tiny_imagenet)
    with pytest.raises(DataError, match=f"{said}.*python -m attention download --dataset everyday"):
        splits.load("everyday", "train")


@pytest.mark.parametrize("whole", [True, False])
def test_it_is_fetched_from_its_server_and_only_whole(tiny_imagenet, tmp_path, monkeypatch, whole):
    (tmp_path / "served").mkdir()
    archive = tmp_path / "served" / "tiny-imagenet-200.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in [p for p in sorted(tiny_imagenet.rglob("*")) if p.is_file()][0 if whole else 1 :]:
            packed.write(path, path.relative_to(tiny_imagenet.parent))
    handler = partial(SimpleHTTPRequestHandler, directory=str(archive.parent))
    monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path / "nowhere"))
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{archive.name}"
        monkeypatch.setitem(DATASETS, "everyday", replace(DATASETS["everyday"], url=url, md5=calculate_md5(archive)))
        if whole:
            folder = datasets.download("everyday", tmp_path / "root")
            assert folder == tmp_path / "root" / "tiny-imagenet-200" and (folder / "val" / "images").is_dir()
        else:
            with pytest.raises(DataError, match="5 images of 6"):
                datasets.download("everyday", tmp_path / "root")
        server.shutdown()


def test_every_class_has_one_name_of_its_own_in_both_languages():
    for language in ("en", "zh"):
        names = class_names(language)["everyday"]
        assert len(names) == len(set(names.values())) == 200 and list(names) == sorted(names)
        assert all(name == name.strip() and 0 < len(name) <= 24 for name in names.values())
    assert DATASETS["everyday"].classes["n02395406"] == "pig" and class_names("zh")["everyday"]["n02509815"] == "小熊猫"


def test_stored_photographs_are_enlarged_to_the_test_size():
    preprocessing = DATASETS["everyday"].preprocessing
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    expected = F.interpolate(preprocessing.normalise(images), size=(112, 112), mode="bilinear", align_corners=False)
    assert torch.equal(preprocessing.tested(images), expected)
    assert preprocessing.tested(images, 128).shape == (2, 3, 128, 128)


@pytest.mark.parametrize(
    "size", [(640, 480), (480, 640), (500, 500), (300, 200), (1920, 1080), (200, 100), (64, 64), (1, 1)]
)
def test_a_photo_keeps_its_shape(size):
    shape, image = OwnShape(), Image.new("RGB", size)
    height, width = shape.resized(image, 112).shape[:2]
    assert height % CELL == width % CELL == 0 and 0.88 <= height * width / 112**2 <= 1.12
    assert abs(np.log(width / height / (size[0] / size[1]))) < 0.16  # halfway between two of the shapes at most
    assert shape.part(image, 112) is image


@pytest.mark.parametrize(("size", "expected"), [((1000, 100), (200, 100)), ((90, 1000), (90, 180))])
def test_of_a_very_long_photo_the_middle_is_taken(size, expected):
    image = Image.new("RGB", size)
    image.putpixel((size[0] // 2, size[1] // 2), (255, 0, 0))
    part = OwnShape().part(image, 112)
    assert part.size == expected and part.getpixel((expected[0] // 2, expected[1] // 2)) == (255, 0, 0)


def test_each_committed_sample_shows_a_class_that_is_known():
    known = set().union(*(info.classes for info in DATASETS.values()))
    assert {sample.wnid for sample in committed()} <= known and all(sample.path.exists() for sample in committed())
    assert {"cat", "espresso"} <= {sample.path.stem for sample in shown_with(DATASETS["everyday"])}
    assert [s.path.stem for s in shown_with(DATASETS["imagenette"])] == ["golf-ball", "parachute", "church", "gas-pump"]
