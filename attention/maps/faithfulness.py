"""Deletion and insertion: does a model need the pixels that a map marks? (RISE, https://arxiv.org/abs/1806.07421)"""

from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from attention.core import deadlines
from attention.maps import scores
from attention.pictures.preprocessing import STUDY, Preprocessing

STEPS = 16
BLUR_PIXELS = 10.0  # standard deviation at the study's size; no class can be recognised after it
BATCH = 64  # pictures of the study's size; fewer of larger ones

Model = Callable[[Tensor], Tensor]  # normalised float32 images (B, 3, H, W) -> logits (B, classes)


@torch.no_grad()
def curves(
    model: Model,
    image: Tensor,
    maps: dict[str, np.ndarray],
    chosen: int,
    device: torch.device,
    steps: int = STEPS,
    preprocessing: Preprocessing = STUDY,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{name: (deletion, insertion)} for one uint8 image (1, 3, H, W) and maps (H, W).

    A curve holds the probability of class `chosen` at each step, (steps + 1,). All curves begin and end in the same
    three pictures, which the model sees only once. Raises ValueError for a map that is not finite, and
    deadlines.TimeUp.
    """
    picture = preprocessing.normalise(image)[0].cpu().numpy()
    mean_colour = np.zeros_like(picture)  # 0 is the mean of normalised images
    size = max(1.0, picture.shape[1] / STUDY.test_pixels)  # times the study's, for which BLUR_PIXELS and BATCH hold
    blurred = ndimage.gaussian_filter(picture, (0, BLUR_PIXELS * size, BLUR_PIXELS * size))
    pictures = [np.stack([picture, mean_colour, blurred])]
    for values in maps.values():
        order = scores.order_of_pixels(values)
        for start, finish in ((picture, mean_colour), (blurred, picture)):
            pictures.append(scores.replaced(start, finish, order, steps)[1:-1])
    batches = torch.from_numpy(np.concatenate(pictures)).split(max(1, round(BATCH / size**2)))
    probabilities = []
    for batch in batches:
        deadlines.check()
        logits = model(batch.to(device, memory_format=torch.channels_last)).float()
        probabilities.append(logits.softmax(1)[:, chosen])
    (whole, grey, vague), between = np.split(torch.cat(probabilities).cpu().numpy(), [3])
    return {
        name: (np.array([whole, *deletion, grey]), np.array([vague, *insertion, whole]))
        for name, (deletion, insertion) in zip(maps, between.reshape(len(maps), 2, steps - 1), strict=True)
    }


def deletion_and_insertion(
    model: Model, image: Tensor, values: np.ndarray, chosen: int, device: torch.device, steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """Both `curves` of one map."""
    return curves(model, image, {"": values}, chosen, device, steps)[""]
