"""What a model weighed: its own attention weights, and class activation maps that every model shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from attention.network import ResNet


@dataclass(frozen=True)
class AttentionMap:
    """The weights of one `gate` or `attn` module for one image.

    `kind` is "gate" (a sigmoid, each weight 0 to 1) or "softmax" (given as multiples of the uniform weight, mean 1).
    `values` is (h, w) where `over` is "positions" and (C,) where it is "channels". `pairs` is, for self-attention, the
    (N, N) matrix whose row i says where position i looks; `values` is then the mean attention each position receives.
    """

    path: str
    kind: str
    over: str
    values: np.ndarray
    pairs: np.ndarray | None = None


@contextmanager
def watch(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Collect the output of every submodule named `gate` or `attn`, by path, in the order they ran.

    The hooks are gone when the block ends, after an exception too. Hooks on one model are not thread-safe: callers that
    share a model hold a lock.
    """
    seen: dict[str, Tensor] = {}
    handles = []
    try:
        for path, module in model.named_modules():
            if path.rpartition(".")[2] in ("gate", "attn"):
                handles.append(
                    module.register_forward_hook(lambda _m, _in, out, path=path: seen.__setitem__(path, out.detach()))
                )
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def describe(path: str, weights: Tensor) -> AttentionMap:
    """Turn one watched output for a single image into an AttentionMap; the shape tells what it is over.

    (1, C, 1, 1) is over channels. A gate (1, C, h, w) is over positions: the mean over its channels. Softmax weights
    are over positions as (1, N) or (1, heads, N), and pairs as (1, N, N) or (1, heads, N, N): the mean over the heads.
    Raises ValueError where the N positions are no square grid.
    """
    weights = weights.float().cpu().squeeze(0)
    is_softmax = path.rpartition(".")[2] == "attn"
    kind = "softmax" if is_softmax else "gate"
    if weights.ndim == 3 and weights.shape[1:] == (1, 1):
        values = weights.flatten()
        return AttentionMap(path, kind, "channels", (values * (len(values) if is_softmax else 1)).numpy())
    if not is_softmax:
        return AttentionMap(path, kind, "positions", weights.mean(0).numpy())
    if weights.ndim == 3 or (weights.ndim == 2 and weights.shape[0] != weights.shape[1]):
        weights = weights.mean(0)  # over the heads
    pairs = weights.numpy() if weights.ndim == 2 else None
    received = weights.mean(0) if weights.ndim == 2 else weights
    side = int(len(received) ** 0.5)
    if side * side != len(received):
        raise ValueError(f"{path} has {len(received)} positions, which is no square grid")
    return AttentionMap(path, kind, "positions", (received * len(received)).view(side, side).numpy(), pairs)


def class_activation_map(model: ResNet, features: Tensor, class_index: int) -> np.ndarray:
    """Grad-CAM at the last feature map (Selvaraju et al., https://arxiv.org/abs/1610.02391) -> (h, w), not negative.

    Only the head is differentiated: no backward pass through the network. `features` is (1, C, h, w), not made under
    torch.inference_mode, which autograd refuses.
    """
    with torch.enable_grad():
        features = features.detach().requires_grad_()
        logit = model.forward_head(features)[0, class_index]
        (gradient,) = torch.autograd.grad(logit, features)
    importance = gradient.mean(dim=(2, 3), keepdim=True)  # (1, C, 1, 1)
    return (importance * features).sum(dim=1).clamp(min=0)[0].detach().float().cpu().numpy()
