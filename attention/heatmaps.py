"""What a model weighed: its own attention weights, and class activation maps that every model shares."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from attention.network import GlobalAveragePool, ResNet


@dataclass(frozen=True)
class AttentionMap:
    """The weights of one `gate` or `attn` module for one image.

    `kind` is "gate" (a sigmoid, each weight 0 to 1) or "softmax" (given as multiples of the uniform weight, mean 1).
    `values` is (h, w) where `over` is "positions" and (C,) where it is "channels". `pairs` is, for self-attention, the
    (N, N) matrix whose row i says where position i looks; `values` is then the mean attention each position receives.
    With several heads both are means over them, and `by_head` holds a map a head.
    """

    path: str
    kind: str
    over: str
    values: np.ndarray
    pairs: np.ndarray | None = None
    by_head: tuple["AttentionMap", ...] = ()

    def seen_from(self, row: int, column: int) -> np.ndarray:
        """Where one position of the grid looks, as multiples of the uniform weight: (h, w).

        Raises ValueError for a map without pairs, or a position outside its grid.
        """
        height, width = self.values.shape
        if self.pairs is None:
            raise ValueError(f"{self.path} weighs positions as such: no position looks at others.")
        if not (0 <= row < height and 0 <= column < width):
            raise ValueError(f"Position ({row}, {column}) lies outside the grid of {height} x {width}.")
        return (self.pairs[row * width + column] * self.pairs.shape[1]).reshape(height, width)


def visible(model: nn.Module) -> dict[str, nn.Module]:
    """The submodules named `gate` or `attn`, by path."""
    return {path: module for path, module in model.named_modules() if path.rpartition(".")[2] in ("gate", "attn")}


@contextmanager
def watch(model: nn.Module, modules: dict[str, nn.Module] | None = None) -> Iterator[dict[str, Tensor]]:
    """Collect the output of every submodule named `gate` or `attn`, by path, in the order they ran.

    The hooks are gone when the block ends, after an exception too. Hooks on one model are not thread-safe: callers that
    share a model hold a lock. `modules` is visible(model), where a caller has it at hand.
    """
    seen: dict[str, Tensor] = {}
    handles = []
    try:
        for path, module in (visible(model) if modules is None else modules).items():
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
        return AttentionMap(path, kind, "channels", (values * len(values) if is_softmax else values).numpy())
    if not is_softmax:
        return AttentionMap(path, kind, "positions", weights.mean(0).numpy())
    has_heads = weights.ndim == 3 or (weights.ndim == 2 and weights.shape[0] != weights.shape[1])
    by_head = tuple(_over_positions(path, head) for head in weights) if has_heads else ()
    return replace(_over_positions(path, weights.mean(0) if has_heads else weights), by_head=by_head)


def _over_positions(path: str, weights: Tensor) -> AttentionMap:
    """Softmax weights over positions (N,), or over pairs of them (N, N)."""
    pairs = weights.numpy() if weights.ndim == 2 else None
    received = weights.mean(0) if weights.ndim == 2 else weights
    side = int(len(received) ** 0.5)
    if side * side != len(received):
        raise ValueError(f"{path} has {len(received)} positions, which is no square grid")
    values = (received * len(received)).view(side, side).numpy()
    return AttentionMap(path, "softmax", "positions", values, pairs)


def read_head(model: ResNet, features: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Logits (B, classes) and class activation maps (B, h, w), not negative, from the last feature map (B, C, h, w).

    Grad-CAM (Selvaraju et al., https://arxiv.org/abs/1610.02391) of `classes` (B,), by default the most probable ones. The
    head runs once and alone is differentiated: no backward pass through the network. For the average pooling with a linear
    layer the gradient is that layer's row, and nothing is differentiated. Features must not come from
    torch.inference_mode, which autograd refuses. Nothing waits for the device.
    """
    is_linear = isinstance(model.head_gate, nn.Identity) and isinstance(model.pool, GlobalAveragePool)
    with torch.set_grad_enabled(not is_linear):
        features = features.detach().requires_grad_(not is_linear)
        logits = model.forward_head(features)
        classes = logits.argmax(1) if classes is None else classes
        if is_linear:
            importance = model.fc.weight.index_select(0, classes) / (features.shape[2] * features.shape[3])  # (B, C)
        else:
            chosen = logits.gather(1, classes.unsqueeze(1)).sum()
            importance = torch.autograd.grad(chosen, features)[0].mean(dim=(2, 3))
    features = features.detach()
    activation = importance.detach().unsqueeze(1) @ features.flatten(2)  # (B, 1, N)
    return logits.detach(), activation.clamp_(min=0).view(-1, *features.shape[2:])


def class_activation_map(model: ResNet, features: Tensor, class_index: int) -> np.ndarray:
    """The class activation map (h, w) of one class for a single image's features (1, C, h, w): see read_head."""
    classes = torch.tensor([class_index], device=features.device)
    return read_head(model, features, classes)[1][0].float().cpu().numpy()


def activation_maps(model: ResNet, images: Tensor, class_index: int | None = None) -> tuple[Tensor, dict[int, Tensor]]:
    """Logits (B, classes) and {stage, from 1: class activation maps (B, h, w), not negative} at every depth.

    Of one class, or of the class that is most probable for each image.
    Grad-CAM of the last feature map, as in read_head; LayerCAM (Jiang et al., https://ieeexplore.ieee.org/document/9462463) of
    the stages before, where a channel's mean gradient says little: each position is weighed by its own positive gradient.
    Takes one backward pass through the network.
    """
    outputs: list[Tensor] = []
    handles = [after.register_forward_hook(lambda _m, _in, out: outputs.append(out)) for after in model.stage_attention]
    try:
        with torch.enable_grad():
            logits = model(images.detach().requires_grad_())
            explained = logits.amax(1) if class_index is None else logits[:, class_index]
            gradients = torch.autograd.grad(explained.sum(), outputs)
    finally:
        for handle in handles:
            handle.remove()
    maps = {}
    for stage, (output, gradient) in enumerate(zip(outputs, gradients, strict=True), start=1):
        is_last = stage == len(outputs)
        weights = gradient.mean((2, 3), keepdim=True) if is_last else gradient.clamp(min=0)
        maps[stage] = (weights * output.detach()).sum(1).clamp(min=0)
    return logits.detach(), maps
