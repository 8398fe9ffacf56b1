"""Pooling by attention: which positions make up the summary. (B, C, H, W) -> (B, C), in place of the average."""

from torch import Tensor, nn

from attention.mechanisms.channel import reduced


class AttentionPool(nn.Module):
    """Sums the positions' feature vectors with weights from a softmax over a small scoring network.

    a = softmax(e) over the n positions, z = sum_i a_i x_i, e_i = w . tanh(V x_i): the fully connected scoring function.
    Uniform weights would give the average. Shapes: (B, C, H, W) -> (B, C).
    Source: the founding article, section 3.1; Ilse et al., https://arxiv.org/abs/1802.04712, for the scoring network.
    """

    def __init__(self, channels: int, reduction: int = 2, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        # no last bias: it would shift all scores alike, which a softmax does not see
        self.score = nn.Sequential(nn.Linear(channels, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))
        self.attn = nn.Softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        positions = x.flatten(2).mT  # (B, N, C)
        weights = self.attn(self.score(positions).squeeze(-1))  # (B, N)
        return (weights.unsqueeze(1) @ positions).squeeze(1)
