"""How much a trained model uses its attention: learned strengths, and how far its weights are from uniform."""

import torch
from torch import nn

from attention.models.visible import watch
from attention.pictures.splits import Split

BATCH = 20  # images: self-attention after the first stage has 1,600 x 1,600 weights each


@torch.no_grad()
def learned_strengths(model: nn.Module, images: Split, device: torch.device) -> dict[str, float]:
    """{name: number} over the given images; a model without attention has none.

    `<path>.gamma` is a learned residual strength: near 0, the layer is unused. Each gate has a `<path> mean` and a
    `<path> spread` (standard deviation over weights and images): a spread near 0 says that it gates nothing. Each
    softmax has a `<path> entropy`, as a fraction of the uniform one's: near 1, it prefers nothing.
    """
    numbers = {
        name: round(parameter.item(), 5)
        for name, parameter in model.named_parameters()
        if name.rpartition(".")[2] == "gamma"
    }
    sums: dict[str, list[float]] = {}
    model.eval()
    for batch in images.images.split(BATCH):
        with watch(model) as seen:
            model(images.preprocessing.tested(batch.to(device)))
        for path, weights in seen.items():
            share = len(batch) / len(images)
            for key, value in _measure(path, weights.float()).items():
                sums.setdefault(key, []).append(share * value)
    return numbers | {key: round(sum(parts), 5) for key, parts in sums.items()}


def _measure(path: str, weights: torch.Tensor) -> dict[str, float]:
    if path.rpartition(".")[2] == "gate":
        return {f"{path} mean": weights.mean().item(), f"{path} spread": weights.std().item()}
    dim = 1 if weights.ndim == 4 and weights.shape[2:] == (1, 1) else -1  # over channels, or over positions
    entropy = -(weights * weights.clamp(min=1e-12).log()).sum(dim)
    return {f"{path} entropy": (entropy.mean() / torch.tensor(weights.shape[dim]).log().to(entropy)).item()}
