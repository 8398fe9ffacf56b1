"""Random crops and flips of a whole batch at once, on the device that trains."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from attention.training.recipes import Recipe


def draw_crops(count: int, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """(count, 2, 3) float32 on the CPU: for each image the affine map from its crop, flipped or not, to the image."""

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(count, generator=generator) * (high - low) + low

    area = uniform(recipe.crop_area_min, 1)
    log_aspect = uniform(-math.log(recipe.crop_aspect_max), math.log(recipe.crop_aspect_max))
    width = (area * log_aspect.exp()).sqrt().clamp(max=1)  # as fractions of the image
    height = (area / log_aspect.exp()).sqrt().clamp(max=1)
    flip = torch.where(uniform(0, 1) < recipe.flip_probability, -1.0, 1.0)
    crops = torch.zeros(count, 2, 3)
    crops[:, 0, 0], crops[:, 1, 1] = width * flip, height
    crops[:, 0, 2], crops[:, 1, 2] = uniform(-1, 1) * (1 - width), uniform(-1, 1) * (1 - height)
    return crops


def crop(images: Tensor, crops: Tensor, pixels: int) -> Tensor:
    """(B, 3, H, W) normalised and (B, 2, 3) -> (B, 3, pixels, pixels), channels last, by one grid_sample."""
    grid = F.affine_grid(crops, [len(images), 3, pixels, pixels], align_corners=False)
    out = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return out.contiguous(memory_format=torch.channels_last)
