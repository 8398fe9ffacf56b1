"""Self-attention: every position looks at every other. (B, C, H, W) -> (B, C, H, W)."""

import torch
from torch import Tensor, nn

from attention.mechanisms.channel import reduced


class SelfAttention(nn.Module):
    """Replaces each position by a weighted mean of all positions, mixed in with a learned strength that starts at 0.

    With 1x1 convolutions to queries and keys of max(8, C / 8) channels: A = softmax(Q^T K) over the keys, without a
    1 / sqrt(d) scale; the values are X itself; output gamma * (A X) + X. SAGAN's layer less its value and output
    convolutions. Shapes: (B, C, H, W) -> (B, C, H, W); A is (B, HW, HW), rows are queries.
    Source: the founding article, section 4; Zhang et al., https://arxiv.org/abs/1805.08318.
    """

    def __init__(self, channels: int, reduction: int = 8, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.query = nn.Conv2d(channels, hidden, 1)
        self.key = nn.Conv2d(channels, hidden, 1, bias=False)  # it would shift a query's scores alike: no effect
        self.attn = nn.Softmax(dim=-1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (t.flatten(2) for t in (self.query(x), self.key(x), x))  # (B, C', N), (B, C', N), (B, C, N)
        weights = self.attn(query.mT @ key)  # (B, N, N): row i says where position i looks
        return self.gamma * (value @ weights.mT).view_as(x) + x
