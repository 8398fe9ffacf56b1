"""Photographs damaged on purpose, at five strengths: what happens to the prediction and to the map?

The kinds follow the usual benchmarks of robustness (Hendrycks and Dietterich, https://arxiv.org/abs/1903.12261); the
strengths are our own and stand in CORRUPTIONS. Everything is repeatable: the noise has a fixed seed.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

MEAN_COLOUR = (124, 116, 104)  # ImageNet's, which normalises to 0, so that an empty area says as little as it can
STRENGTHS = range(1, 6)


@dataclass(frozen=True)
class Corruption:
    """A row of CORRUPTIONS: `apply(image, amount)` for each of five amounts, in `unit`."""

    apply: Callable[[Image.Image, float], Image.Image]
    amounts: tuple[float, float, float, float, float]
    unit: str


def _noise(image: Image.Image, amount: float) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, amount, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).round().astype(np.uint8))


def _blur(image: Image.Image, amount: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(amount / 100 * min(image.size)))


def _jpeg(image: Image.Image, amount: float) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=round(amount))
    return Image.open(buffer).convert("RGB")


def _contrast(image: Image.Image, amount: float) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(amount / 100)


def _rotation(image: Image.Image, amount: float) -> Image.Image:
    return image.rotate(amount, Image.Resampling.BILINEAR, fillcolor=MEAN_COLOUR)


def _crop(image: Image.Image, amount: float) -> Image.Image:
    across, down = image.width * (1 - amount / 100) / 2, image.height * (1 - amount / 100) / 2
    box = (across, down, image.width - across, image.height - down)
    return image.resize(image.size, Image.Resampling.BILINEAR, box=box)


def _occlusion(image: Image.Image, amount: float) -> Image.Image:
    width, height = (max(1, round(side * amount / 100)) for side in image.size)
    covered = image.copy()
    covered.paste(MEAN_COLOUR, ((image.width - width) // 2, (image.height - height) // 2,
                                (image.width + width) // 2, (image.height + height) // 2))  # fmt: skip
    return covered


CORRUPTIONS = {
    "noise": Corruption(_noise, (10, 20, 35, 55, 80), "standard deviation, of 255"),
    "blur": Corruption(_blur, (0.5, 1, 1.75, 2.75, 4), "% of the shorter side"),
    "jpeg": Corruption(_jpeg, (50, 30, 18, 10, 5), "quality, of 100"),
    "contrast": Corruption(_contrast, (75, 50, 30, 15, 7), "% of the contrast"),
    "rotation": Corruption(_rotation, (5, 15, 30, 60, 90), "degrees"),
    "crop": Corruption(_crop, (90, 80, 65, 50, 35), "% of each side kept"),
    "occlusion": Corruption(_occlusion, (15, 25, 40, 55, 70), "% of each side covered"),
}


def corrupted(image: Image.Image, kind: str, strength: int) -> Image.Image:
    """An RGB picture damaged at a strength of 1 to 5, at its own size; 0 leaves it as it is.

    Raises ValueError for another kind or strength.
    """
    if kind not in CORRUPTIONS:
        raise ValueError(f"There is no corruption {kind!r}. Known: {', '.join(CORRUPTIONS)}.")
    if strength not in (0, *STRENGTHS):
        raise ValueError(f"A strength is a whole number from 0 to {STRENGTHS[-1]}, not {strength!r}.")
    chosen = CORRUPTIONS[kind]
    return chosen.apply(image, chosen.amounts[strength - 1]) if strength else image
