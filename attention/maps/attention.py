"""A model's own attention weights, as arrays."""

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class AttentionMap:
    """The weights of one `gate` or `attn` module for one image.

    `kind` is "gate" (a sigmoid, each weight 0 to 1) or "softmax" (given as multiples of the uniform weight, mean 1).
    `values` is (h, w) where `over` is "positions" and (C,) where it is "channels". `pairs` is, for self-attention, the
    (N, N) matrix whose row i says where position i looks; `values` is then the mean attention each position receives.
    With several heads both are means over them, and `by_head` holds one map per head.
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


def describe(path: str, weights: Tensor, shape: tuple[int, int] = (1, 1)) -> AttentionMap:
    """Turn one watched output for a single image into an AttentionMap; its shape tells what it is over.

    `shape` is the image's (height, width), or any two numbers in that ratio, because softmax weights are flat.

    (1, C, 1, 1) is over channels. A gate (1, C, h, w) is over positions: the mean over its channels. Softmax weights
    are over positions as (1, N) or (1, heads, N), and pairs as (1, N, N) or (1, heads, N, N): the mean over the heads.
    Raises ValueError where the N positions do not form a grid of these proportions.
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
    by_head = tuple(_over_positions(path, head, shape) for head in weights) if has_heads else ()
    return replace(_over_positions(path, weights.mean(0) if has_heads else weights, shape), by_head=by_head)


def _over_positions(path: str, weights: Tensor, shape: tuple[int, int]) -> AttentionMap:
    """The AttentionMap of softmax weights over positions (N,), or over pairs of them (N, N)."""
    pairs = weights.numpy() if weights.ndim == 2 else None
    received = weights.mean(0) if weights.ndim == 2 else weights
    height = round((len(received) * shape[0] / shape[1]) ** 0.5)
    if len(received) % height or abs(len(received) / height - height * shape[1] / shape[0]) >= 1:
        raise ValueError(f"{path} has {len(received)} positions, which is no grid of {shape[0]} to {shape[1]}")
    values = (received * len(received)).view(height, -1).numpy()
    return AttentionMap(path, "softmax", "positions", values, pairs)
