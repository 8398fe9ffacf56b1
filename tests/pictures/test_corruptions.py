"""Damaged photographs: stronger is further from the photo, the same every time, and bad arguments get a sentence."""

import numpy as np
import pytest
from PIL import Image

from attention.core.paths import ROOT
from attention.pictures.corruptions import CORRUPTIONS, STRENGTHS, corrupted
from attention.pictures.reading import read_image


@pytest.fixture(scope="module")
def photo():
    return read_image(ROOT / "samples" / "church.jpg").image.resize((160, 160))


def distance(a: Image.Image, b: Image.Image) -> float:
    return float(np.abs(np.asarray(a, float) - np.asarray(b, float)).mean())


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_each_strength_is_further_from_the_photo_and_repeats_to_the_bit(kind, photo):
    original = photo.copy()
    damaged = [corrupted(photo, kind, strength) for strength in STRENGTHS]
    distances = [distance(photo, image) for image in damaged]
    assert distances == sorted(distances) and distances[0] > 0.5
    assert len(set(distances)) == len(distances)
    assert all(image.size == photo.size and image.mode == "RGB" for image in damaged)
    assert distance(damaged[2], corrupted(photo, kind, 3)) == 0
    assert distance(photo, original) == 0, "the photo itself is left alone"
    assert corrupted(photo, kind, 0) is photo


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (161, 97)])
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_any_size_of_picture(kind, size):
    assert corrupted(Image.new("RGB", size, (200, 30, 90)), kind, 5).size == size


def test_occlusion_covers_the_middle_and_crop_keeps_it(photo):
    covered, cropped = np.asarray(corrupted(photo, "occlusion", 3)), np.asarray(corrupted(photo, "crop", 3))
    pixels = np.asarray(photo)
    assert (covered[80, 80] == (124, 116, 104)).all() and (covered[5] == pixels[5]).all()
    share = (covered == (124, 116, 104)).all(axis=2).mean()
    assert share == pytest.approx(0.4**2, abs=0.01)
    expected = photo.crop((28, 28, 132, 132)).resize((160, 160), Image.Resampling.BILINEAR)
    assert np.abs(cropped.astype(float) - np.asarray(expected, float)).mean() < 1


def test_unknown_kinds_and_strengths_get_a_sentence(photo):
    with pytest.raises(ValueError, match="no corruption 'fog'. Known: noise, blur"):
        corrupted(photo, "fog", 1)
    with pytest.raises(ValueError, match="from 0 to 5, not 6"):
        corrupted(photo, "blur", 6)
