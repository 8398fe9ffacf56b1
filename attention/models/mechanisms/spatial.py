"""Spatial attention: which positions matter. (B, C, H, W) -> (B, C, H, W), one weight a position."""

from torch import Tensor, nn

from attention.models.mechanisms.channel import reduced, start_near_uniform


class QueryKeySpatialAttention(nn.Module):
    """Scores each position by the dot product of its own query and key, and lets the positions compete in a softmax.

    Q = Conv(X), K = Conv(X), e_ij = Q_ij . K_ij, A = softmax(e) over all H W positions, output H W * A * X, the same
    weight for every channel. The article's literal form (`rescale=False`) has weights that sum to 1, which divides the
    activations by H W on average; the default makes their mean 1 instead.
    Shapes: (B, C, H, W) -> (B, C, H, W). Source: the founding article, section 3.2.1.
    """

    formula = (
        r"Q = \mathrm{Conv}(X), \quad K = \mathrm{Conv}(X) \\ e_{ij} = Q_{ij} \cdot K_{ij} \\ "
        r"A = \mathrm{softmax}(e) \\ Y = HW\,A \odot X"
    )

    def __init__(
        self, channels: int, reduction: int = 8, reduced_at_least: int = 8, kernel_size: int = 3, rescale: bool = True
    ):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.query = nn.Conv2d(channels, hidden, kernel_size, padding=kernel_size // 2)
        self.key = nn.Conv2d(channels, hidden, kernel_size, padding=kernel_size // 2)
        start_near_uniform(self.key)
        self.attn = nn.Softmax(dim=-1)
        self.rescale = rescale

    def forward(self, x: Tensor) -> Tensor:
        _, _, height, width = x.shape  # any other rank is an error here, not a wrong result
        scores = (self.query(x) * self.key(x)).sum(dim=1)  # (B, H, W)
        weights = self.attn(scores.flatten(1)).view(-1, 1, height, width)  # (B, 1, H, W), sum 1
        return x * (weights * (height * width if self.rescale else 1))
