"""Preprocessing: how a picture becomes a model's input. Each data set has one for training, scores and page alike.

It is the `preprocessing` of a data set and of each of its splits; all code that prepares an image asks for it there.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Squashed:
    """The whole picture, squashed to a square and never cropped, so that its map covers all of it."""

    def resized(self, image: Image.Image, pixels: int) -> np.ndarray:
        """A PIL image -> (pixels, pixels, 3) uint8, with antialiasing."""
        return _resized(image, pixels, pixels)

    def part(self, image: Image.Image, pixels: int) -> Image.Image:  # noqa: ARG002 (as the others)
        """The part of a picture that models see, at its own size: all of it."""
        return image


@dataclass(frozen=True)
class Cropped:
    """The centre square, whose side is `share` of the picture's shorter side: torchvision's Resize and CenterCrop.

    This is the usual evaluation on ImageNet.
    """

    share: float

    def resized(self, image: Image.Image, pixels: int) -> np.ndarray:
        """A PIL image -> (pixels, pixels, 3) uint8."""
        width, height = (int(self._shorter(pixels) * side / min(image.size)) for side in image.size)
        left, top = (round((side - pixels) / 2) for side in (width, height))
        whole = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(whole.crop((left, top, left + pixels, top + pixels)))

    def part(self, image: Image.Image, pixels: int) -> Image.Image:
        """The part of a picture that models see, and that their maps cover, at its own size."""
        side = max(1, round(min(image.size) * pixels / self._shorter(pixels)))
        left, top = ((length - side) // 2 for length in image.size)
        return image.crop((left, top, left + side, top + side))

    def _shorter(self, pixels: int) -> int:
        """The shorter side to which a whole picture is resized before its centre is cropped."""
        return int(pixels / self.share)


@dataclass(frozen=True)
class OwnShape:
    """The picture, up to 2:1, in about its own shape: sides are multiples of 16, the area is about that of the square.

    Measured on 200 sharp photographs, mean of six models at 112 px: squashed to a square 49.7 % are right, cropped to
    one 53.8, in their own shape 52.7; the right class is among the top five for 74.7, 78.3 and 78.3 %. Only cropping
    hides a part of the photo from the models.
    """

    def resized(self, image: Image.Image, pixels: int) -> np.ndarray:
        """A PIL image -> (H, W, 3) uint8, with antialiasing. One longer than 2:1 is cropped to its middle."""
        image = self.part(image, pixels)
        width, height = self.sides(*image.size, pixels)
        return _resized(image, width, height)

    def part(self, image: Image.Image, pixels: int) -> Image.Image:  # noqa: ARG002 (as the others)
        """The part of a picture that models see, at its own size: all of it, or its middle up to 2:1."""
        long = 2 * min(image.size)
        if max(image.size) <= long:
            return image
        width, height = (min(side, long) for side in image.size)
        left, top = (image.width - width) // 2, (image.height - height) // 2
        return image.crop((left, top, left + width, top + height))

    def sides(self, width: int, height: int, pixels: int) -> tuple[int, int]:
        """(width, height) of the nearest of a few shapes, so few that each can be prepared for speed once."""
        cells = pixels // CELL
        ratio = max(width, height) / min(width, height)
        short, long = min(_shapes(cells), key=lambda sides: abs(log(sides[1] / sides[0] / ratio)))
        return (long * CELL, short * CELL) if width > height else (short * CELL, long * CELL)


CELL = 16  # pixels: the network halves an image four times, so such sides leave no half positions
RATIOS = (1, 4 / 3, 3 / 2, 16 / 9, 2)  # of a photo's sides: square, cameras, film, screens, the longest


@lru_cache
def _shapes(cells: int) -> tuple[tuple[int, int], ...]:
    """For each of RATIOS, the (short, long) sides in cells that come nearest to it and to the area of the square."""

    def wrong(short: int, long: int, ratio: float) -> float:
        return 2 * abs(log(long / short / ratio)) + abs(log(short * long / cells**2))

    sides = [(short, long) for short in range(1, cells + 1) for long in range(short, 2 * cells + 1)]
    return tuple(min(sides, key=lambda pair: wrong(*pair, ratio)) for ratio in RATIOS)


def _resized(image: Image.Image, width: int, height: int) -> np.ndarray:
    image = image.convert("RGB")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(image)


@dataclass(frozen=True)
class Preprocessing:
    """The preprocessing of a data set: `shape` says how a visitor's picture is resized; sides are in pixels.

    `stored_pixels` is the side of a split's images in memory, squashed to a square unless `shape` crops. `test_pixels`
    is the side at which models are scored and answer; images that are stored smaller are enlarged. `mean` and `std` are
    channel statistics of images scaled to 0-1, by default ImageNet's.
    """

    stored_pixels: int = 160
    test_pixels: int = 160
    shape: Squashed | Cropped | OwnShape = Squashed()
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def stored(self, image: Image.Image) -> np.ndarray:
        """A PIL image -> (S, S, 3) uint8 as a split keeps it; S is `stored_pixels`."""
        shape = Squashed() if isinstance(self.shape, OwnShape) else self.shape
        return shape.resized(image, self.stored_pixels)

    def resized(self, image: Image.Image) -> np.ndarray:
        """A PIL image -> (H, W, 3) uint8 for models: a square of `test_pixels`, or a shape of about its area."""
        return self.shape.resized(image, self.test_pixels)

    def part(self, image: Image.Image) -> Image.Image:
        """The part of a picture that models see, and that their maps cover, at its own size."""
        return self.shape.part(image, self.test_pixels)

    def normalise(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 -> float32 on the same device, normalised by each channel's `mean` and `std`."""
        mean, std = _statistics(self.mean, self.std, images.device)
        return (images.float() - mean) / std

    def tested(self, images: Tensor, pixels: int | None = None) -> Tensor:
        """A split's images (B, 3, S, S) uint8 -> normalised (B, 3, P, P) float32; P is `pixels` or `test_pixels`."""
        side, images = pixels or images.shape[-1] * self.test_pixels // self.stored_pixels, self.normalise(images)
        if images.shape[-1] != side:
            shrinks = side < images.shape[-1]
            images = F.interpolate(images, size=(side, side), mode="bilinear", align_corners=False, antialias=shrinks)
        return images.contiguous(memory_format=torch.channels_last)


STUDY = Preprocessing()  # of Imagenette, Imagewoof and users' own folders


def to_tensor(images: np.ndarray | list[np.ndarray]) -> Tensor:
    """(B, H, W, 3) uint8 arrays -> (B, 3, H, W) uint8 tensor, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


@lru_cache
def _statistics(mean: tuple, std: tuple, device: torch.device) -> tuple[Tensor, Tensor]:
    """`mean` and `std` for 0-255 images, sent to the device once, because a CUDA graph cannot wait for the host."""
    return tuple(torch.tensor(values, device=device).view(1, 3, 1, 1) * 255 for values in (mean, std))
