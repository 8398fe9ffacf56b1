"""Accuracy on the test images, with intervals."""

import numpy as np
import torch
from scipy.stats import binomtest
from torch import nn

from attention.datasets import Split, normalise


@torch.no_grad()
def predict(model: nn.Module, split: Split, device: torch.device, batch_size: int = 100) -> np.ndarray:
    """Probabilities (N, classes) float32 of a model over a split, in float32 and evaluation mode."""
    model.eval()
    rows = []
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # torch allows it in convolutions by default
        for images in split.images.split(batch_size):
            batch = normalise(images.to(device)).contiguous(memory_format=torch.channels_last)
            rows.append(model(batch).softmax(1).cpu())
    return torch.cat(rows).numpy()


def accuracy_interval(correct: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share of images, as fractions: what another sample of test images could have shown."""
    interval = binomtest(correct, total).proportion_ci(confidence, method="wilson")
    return interval.low, interval.high
