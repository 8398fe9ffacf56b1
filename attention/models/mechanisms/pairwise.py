"""The N x N attention matrix A = softmax(Q^T K): formed where it is small, never formed where it is large."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Up to this many positions A is formed; above, a fused kernel computes it tile by tile. Times for forward and backward,
# formed and fused, on 2 cores (AMD EPYC, family 26) with 48 channels and a batch of 1: 1,600 positions 14 and 14 ms,
# 2,304: 29 and 26, 4,096: 210 and 79, 16,384: 3,568 and 1,215 (`python -m benchmarks.self_attention`). With wider
# values the two meet at more positions, because queries are padded to their width; with larger batches, at fewer.
FUSED_ABOVE = 1600


def is_formed(key: Tensor) -> bool:
    """Whether A is formed for keys (..., C', N). On the meta device, where only work is counted, it always is."""
    return key.shape[-1] <= FUSED_ABOVE or key.is_meta


def attend(attn: nn.Softmax, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """V A^T with A = softmax(Q^T K) over the keys: (..., C', N), (..., C', N), (..., C, N) -> (..., C, N).

    Above FUSED_ABOVE positions A is never formed, so that memory grows only linearly with N; `attn` does not run then.
    """
    if not is_formed(key):
        return _attend_fused(query, key, value)
    # matmul would add an expand and a reshape to autograd: 50 of 300 us at 100 positions, forward and backward
    product = torch.bmm if query.ndim == 3 else torch.matmul
    weights = attn(product(query.mT, key))  # (..., N, N): row i says where position i looks
    return product(value, weights.mT)


def _attend_fused(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Like `attend`, without forming A. The fused kernels need rows of one size for queries, keys and values.

    On GPUs that size has to be a multiple of 8.
    """
    size = max(query.shape[-2], value.shape[-2])
    size += -size % 8
    rows = (
        F.pad(part.mT.flatten(0, -3), (0, size - part.shape[-2])).contiguous().unsqueeze(1)  # (B, 1, N, size)
        for part in (query, key, value)
    )
    out = F.scaled_dot_product_attention(*rows, scale=1.0)[..., : value.shape[-2]]  # zeros add nothing to a product
    return out.mT.reshape(value.shape)


class PairwiseAttention(nn.Module):
    """What mechanisms with an N x N matrix A share: A a row at a time, for displays, however large N is.

    With up to FUSED_ABOVE positions the whole of A passes through the submodule `attn`, where it can be watched; above,
    it is never formed, and `rows` and `received` are the way to see it. Positions are numbered row by row of the map.
    """

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Q and K of A = softmax(Q^T K): (B, C, H, W) -> twice (B, C', N), or (B, heads, C', N)."""
        raise NotImplementedError

    @torch.no_grad()
    def rows(self, x: Tensor, positions: Tensor | list[int]) -> Tensor:
        """Where the given positions look: (B, C, H, W) and P indices below N -> (B, P, N), or (B, heads, P, N)."""
        query, key = self.queries_and_keys(x)
        return (query[..., positions].mT @ key).softmax(-1)

    @torch.no_grad()
    def received(self, x: Tensor, block: int = 256) -> Tensor:
        """The mean of A's rows, how much attention each position gets: (B, C, H, W) -> (B, N), or (B, heads, N).

        `block` is how many rows are held at once.
        """
        query, key = self.queries_and_keys(x)
        total = sum((part.mT @ key).softmax(-1).sum(-2) for part in query.split(block, dim=-1))
        return total / query.shape[-1]
