"""How a picture becomes what models see: the one preprocessing, of training, scores and page alike.

Images of the study are squashed to a square, never cropped, so that the whole of an upload lies under its heatmap. Models that
others trained want their own: a data set carries it as its `preprocessing`, and whoever prepares an image asks that.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

EVALUATION_PIXELS = 160
MEAN = (0.485, 0.456, 0.406)  # ImageNet's channel statistics, of images scaled to 0-1
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the square that models see, `pixels` a side; `normalise` follows, which is one for all.

    `crop` 1 squashes the whole picture. Below 1 it is the usual evaluation on ImageNet (torchvision's Resize and CenterCrop):
    the shape is kept, and the models see the middle square, whose side is that share of the picture's shorter side.
    """

    pixels: int = EVALUATION_PIXELS
    crop: float = 1.0

    def square(self, image: Image.Image) -> np.ndarray:
        """A PIL image -> (pixels, pixels, 3) uint8."""
        if self.crop == 1:
            return preprocess(image, self.pixels)
        width, height = (int(self._shorter * side / min(image.size)) for side in image.size)
        left, top = (round((side - self.pixels) / 2) for side in (width, height))
        whole = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(whole.crop((left, top, left + self.pixels, top + self.pixels)))

    def part(self, image: Image.Image) -> Image.Image:
        """What models see of a picture, and so what lies under their maps, as large as it is there."""
        if self.crop == 1:
            return image
        side = max(1, round(min(image.size) * self.pixels / self._shorter))
        left, top = ((length - side) // 2 for length in image.size)
        return image.crop((left, top, left + side, top + side))

    @property
    def _shorter(self) -> int:
        """The shorter side that a whole picture is brought to before its middle is taken."""
        return int(self.pixels / self.crop)


def preprocess(image: Image.Image, pixels: int = EVALUATION_PIXELS) -> np.ndarray:
    """A PIL image -> (pixels, pixels, 3) uint8, squashed to a square with antialiasing."""
    image = image.convert("RGB")
    if image.size != (pixels, pixels):
        image = image.resize((pixels, pixels), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(image)


def to_tensor(images: np.ndarray | list[np.ndarray]) -> Tensor:
    """(B, H, W, 3) uint8 arrays -> (B, 3, H, W) uint8 tensor, channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)


@lru_cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """MEAN and STD of 0-255 images on a device, sent there once: a recorded CUDA graph cannot wait for the host."""
    return tuple(torch.tensor(values, device=device).view(1, 3, 1, 1) * 255 for values in (MEAN, STD))


def normalise(images: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 -> float32 with ImageNet's mean 0 and standard deviation 1 a channel, on the same device."""
    mean, std = _statistics(images.device)
    return (images.float() - mean) / std
