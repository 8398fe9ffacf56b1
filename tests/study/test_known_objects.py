"""Images whose object is known: read from small folders of the same layout."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from attention.core import paths
from attention.pictures import datasets, splits
from attention.pictures.datasets import DataError
from attention.study import known_objects


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Three boxed dogs a split and twelve pets; returns known_objects()."""
    info = datasets.DATASETS["imagewoof"]
    lines, classes, random = ["path,x0,y0,x1,y1,grade"], list(info.classes), np.random.default_rng(0)
    for split in ("train", "val"):
        for label, wnid in enumerate(classes):
            path = tmp_path / info.folder / split / wnid / f"{label}.JPEG"
            path.parent.mkdir(parents=True)
            Image.fromarray(random.integers(0, 255, (160, 160, 3), dtype=np.uint8)).save(path)
            if label % 4 == 1:
                lines.append(f"{split}/{wnid}/{label}.JPEG,0.1,0.2,0.5,0.{label + 1},large")
    (tmp_path / "imagewoof2-boxes.csv").write_text("\n".join(lines))
    pets = tmp_path / "oxford-pets-masks"
    (pets / "images").mkdir(parents=True)
    (pets / "masks").mkdir()
    for number in range(12):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(pets / "images" / f"{number}.jpg")
        mask = np.full((40, 40), 2, np.uint8)
        mask[:10], mask[10, : number + 1] = 1, 3
        Image.fromarray(mask).save(pets / "masks" / f"{number}.png")
    (pets / "list.csv").write_text("\n".join(["name,breed", *(f"{n},x" for n in range(12))]))
    monkeypatch.setitem(datasets.DATASETS, info.name, replace(info, train_images=10, val_images=10))
    monkeypatch.setenv("ATTENTION_DATA", str(tmp_path))
    monkeypatch.setattr(paths, "DEFAULT_ROOT", tmp_path / "empty")
    return known_objects.known_objects("imagewoof")


def test_boxes_belong_to_their_images_and_labels(known):
    everything = splits.load("imagewoof", "val")
    assert known.boxed.labels.tolist() == [1, 5, 9] and known.boxed.size == (160, 160)
    assert (known.boxed.images == everything.images[[1, 5, 9]]).all(), "decoded as everywhere else"
    assert known.boxed.boxes[1] == (0.1, 0.2, 0.5, 0.6)
    assert not (known.boxed_held_out.images[0] == known.boxed.images[0]).all()
    assert known.boxed.without_labels().labels is None and len(known.boxed.without_labels()) == 3


def test_no_pet_is_both_scored_and_held_out(known):
    assert (len(known.masked), len(known.masked_held_out)) == (10, 2)

    def borders(part):  # as many ignored pixels as the number of the pet, plus one
        return {int(ignored.sum()) for _, ignored in part.masks}

    assert borders(known.masked_held_out) == {1, 7} and borders(known.masked) == set(range(1, 13)) - {1, 7}
    assert known.masked.labels is None and known.masked.size == (40, 40)
    mask, ignored = known.masked.masks[0]
    assert mask.sum() == 400 and not (mask & ignored).any()


def test_so_many_are_spread_over_the_list(known):
    assert known_objects.boxed_images("imagewoof", "train", 2).labels.tolist() == [1, 9]


def test_missing_boxes_and_masks_say_what_to_do(known, tmp_path):
    (tmp_path / "imagewoof2-boxes.csv").unlink()
    shutil.rmtree(tmp_path / "oxford-pets-masks")
    with pytest.raises(DataError, match="imagewoof2-boxes.csv is not on this machine.*ATTENTION_DATA"):
        known_objects.boxed_images("imagewoof", "val")
    with pytest.raises(DataError, match="oxford-pets-masks"):
        known_objects.masked_pets()
