"""What a model predicts for every image of a split."""

import numpy as np
import torch
from torch import nn

from attention.core import devices
from attention.pictures.datasets import Split


@torch.no_grad()
def predict(model: nn.Module, split: Split, device: torch.device, batch_size: int = 100) -> np.ndarray:
    """Probabilities (N, classes) float32 of a model over a split, in float32 and evaluation mode."""
    model.eval()
    rows = []
    with devices.exact_float32():
        for images in split.images.split(batch_size):
            batch = split.preprocessing.normalise(images.to(device)).contiguous(memory_format=torch.channels_last)
            rows.append(model(batch).softmax(1).cpu())
    return torch.cat(rows).numpy()
