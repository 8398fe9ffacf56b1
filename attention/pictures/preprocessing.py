"""How a picture becomes what models see: one preprocessing a data set, of training, scores and page alike.

A data set carries it as its `preprocessing`, and so does each of its splits: whoever prepares an image asks that.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Squashed:
    """The whole picture, squashed to a square and never cropped, so that all of an upload lies under its map."""

    def square(self, image: Image.Image, pixels: int) -> np.ndarray:
        """A PIL image -> (pixels, pixels, 3) uint8, with antialiasing."""
        image = image.convert("RGB")
        if image.size != (pixels, pixels):
            image = image.resize((pixels, pixels), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(image)

    def part(self, image: Image.Image, pixels: int) -> Image.Image:  # noqa: ARG002 (as the others)
        """What models see of a picture, as large as it is there: all of it."""
        return image


@dataclass(frozen=True)
class Cropped:
    """The middle square, whose side is `share` of the picture's shorter side: torchvision's Resize and CenterCrop.

    This is the usual evaluation on ImageNet.
    """

    share: float

    def square(self, image: Image.Image, pixels: int) -> np.ndarray:
        """A PIL image -> (pixels, pixels, 3) uint8."""
        width, height = (int(self._shorter(pixels) * side / min(image.size)) for side in image.size)
        left, top = (round((side - pixels) / 2) for side in (width, height))
        whole = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(whole.crop((left, top, left + pixels, top + pixels)))

    def part(self, image: Image.Image, pixels: int) -> Image.Image:
        """What models see of a picture, and so what lies under their maps, as large as it is there."""
        side = max(1, round(min(image.size) * pixels / self._shorter(pixels)))
        left, top = ((length - side) // 2 for length in image.size)
        return image.crop((left, top, left + side, top + side))

    def _shorter(self, pixels: int) -> int:
        """The shorter side that a whole picture is brought to before its middle is taken."""
        return int(pixels / self.share)


@dataclass(frozen=True)
class Preprocessing:
    """What a data set does to a picture: `shape` says how it becomes a square; sides are in pixels.

    `stored_pixels` is the side at which a split is kept in memory, `test_pixels` that at which models are scored and answer.
    `mean` and `std` are channel statistics of images scaled to 0-1, by default ImageNet's.
    """

    stored_pixels: int = 160
    test_pixels: int = 160
    shape: Squashed | Cropped = Squashed()
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def stored(self, image: Image.Image) -> np.ndarray:
        """A PIL image -> (S, S, 3) uint8, S the stored pixels: as a split keeps it."""
        return self.shape.square(image, self.stored_pixels)

    def square(self, image: Image.Image) -> np.ndarray:
        """A PIL image -> (P, P, 3) uint8, P the test pixels: what models are asked about."""
        return self.shape.square(image, self.test_pixels)

    def part(self, image: Image.Image) -> Image.Image:
        """What models see of a picture, and so what lies under their maps, as large as it is there."""
        return self.shape.part(image, self.test_pixels)

    def normalise(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) uint8 -> float32 of mean 0 and standard deviation 1 a channel, on the same device."""
        mean, std = _statistics(self.mean, self.std, images.device)
        return (images.float() - mean) / std


STUDY = Preprocessing()  # of the study's data sets, and of folders of one's own


def to_tensor(images: np.ndarray | list[np.ndarray]) -> Tensor:
    """(B, H, W, 3) uint8 arrays -> (B, 3, H, W) uint8 tensor, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


@lru_cache
def _statistics(mean: tuple, std: tuple, device: torch.device) -> tuple[Tensor, Tensor]:
    """Both for 0-255 images on a device, sent there once: a recorded CUDA graph cannot wait for the host."""
    return tuple(torch.tensor(values, device=device).view(1, 3, 1, 1) * 255 for values in (mean, std))
