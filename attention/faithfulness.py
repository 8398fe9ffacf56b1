"""Deletion and insertion: does a model need the pixels that a map marks? (RISE, https://arxiv.org/abs/1806.07421)"""

import numpy as np
import torch
from scipy import ndimage

from attention import map_scores
from attention.datasets import normalise
from attention.network import ResNet

STEPS = 16
BLUR_PIXELS = 10.0  # standard deviation: no class can be told from what is left


@torch.no_grad()
def deletion_and_insertion(
    model: ResNet, image: torch.Tensor, values: np.ndarray, chosen: int, device: torch.device, steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """Both curves of one uint8 image (1, 3, H, W) and one map (H, W): the probability of a class, (steps + 1,) each."""
    picture = normalise(image)[0].numpy()
    mean_colour = np.zeros_like(picture)  # 0 is the mean of normalised images
    blurred = ndimage.gaussian_filter(picture, (0, BLUR_PIXELS, BLUR_PIXELS))
    order = map_scores.order_of_pixels(values)
    ways = (
        map_scores.replaced(picture, mean_colour, order, steps),
        map_scores.replaced(blurred, picture, order, steps),
    )
    batch = torch.from_numpy(np.concatenate(ways)).to(device, memory_format=torch.channels_last)
    probabilities = model(batch).softmax(1)[:, chosen].float().cpu().numpy()
    return probabilities[: steps + 1], probabilities[steps + 1 :]
