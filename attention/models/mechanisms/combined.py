"""Attention over positions and over channels in one module. (B, C, H, W) -> (B, C, H, W)."""

import torch
from torch import Tensor, nn

from attention.models.mechanisms.channel import ChannelSoftmaxAttention, reduced
from attention.models.mechanisms.spatial import QueryKeySpatialAttention


class SpatialChannelAttention(nn.Module):
    """Weighs positions first, then weighs channels computed from the result.

    Z = A * X with A of QueryKeySpatialAttention, c of ChannelSoftmaxAttention computed from Z, output c * Z. `rescale`
    as there, for both. Shapes: (B, C, H, W) -> (B, C, H, W). Source: the founding article, section 3.2.3.
    """

    formula = r"Z = HW\,A \odot X \\ c = \mathrm{softmax}(W_2\,\mathrm{relu}(W_1\,\bar Z)) \\ Y = C\,c \odot Z"

    def __init__(self, channels: int, rescale: bool = True):
        super().__init__()
        self.spatial = QueryKeySpatialAttention(channels, rescale=rescale)
        self.channel = ChannelSoftmaxAttention(channels, rescale=rescale)

    def forward(self, x: Tensor) -> Tensor:
        return self.channel(self.spatial(x))


class _CBAMChannelGate(nn.Module):
    """sigmoid(MLP(mean(X)) + MLP(max(X))), one shared MLP: (B, C, H, W) -> (B, C, 1, 1)."""

    largest = staticmethod(torch.amax)  # the fast path puts its own here (fusion.py)

    def __init__(self, channels: int, reduction: int, reduced_at_least: int):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, hidden, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        mean, peak = x.mean(dim=(2, 3), keepdim=True), self.largest(x, dim=(2, 3), keepdim=True)
        return self.gate(self.mlp(mean) + self.mlp(peak))


class _CBAMSpatialGate(nn.Module):
    """sigmoid(BN(Conv7x7([mean over channels, max over channels]))): (B, C, H, W) -> (B, 1, H, W)."""

    largest = staticmethod(torch.amax)

    def __init__(self, kernel_size: int):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.mean(dim=1, keepdim=True), self.largest(x, dim=1, keepdim=True)], dim=1)  # (B, 2, H, W)
        return self.gate(self.bn(self.conv(summary)))


class CBAM(nn.Module):
    """Gates channels from their mean and maximum, then gates positions from theirs.

    Weights between 0 and 1, one a channel and one a position. Shapes: (B, C, H, W) -> (B, C, H, W).
    Source: Woo et al., Convolutional Block Attention Module, https://arxiv.org/abs/1807.06521.
    """

    formula = (
        r"c = \sigma(\mathrm{MLP}(\mathrm{mean}\,X) + \mathrm{MLP}(\max X)) \\ Z = c \odot X \\ "
        r"A = \sigma(\mathrm{BN}(\mathrm{Conv}_{7 \times 7}[\mathrm{mean}\,Z;\,\max Z])) \\ Y = A \odot Z"
    )

    def __init__(self, channels: int, reduction: int = 16, reduced_at_least: int = 8, kernel_size: int = 7):
        super().__init__()
        self.channel = _CBAMChannelGate(channels, reduction, reduced_at_least)
        self.spatial = _CBAMSpatialGate(kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.channel(x)
        return x * self.spatial(x)


def _normalised(in_channels: int, out_channels: int, kernel_size: int = 1, dilation: int = 1) -> nn.Sequential:
    """'Same' convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2 * dilation, dilation=dilation, bias=False
        ),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class BAM(nn.Module):
    """Scores channels and positions side by side, and gates each channel at each position with the sum of both scores.

    M = sigmoid(m_c(X) + m_s(X)), output (1 + M) * X: factors of 1 to 2. m_c: mean over the positions, then two layers;
    m_s: to max(8, C / 16) channels, two 3x3 convolutions of dilation 4, to one channel. The sum is the paper's; a batch
    norm before each ReLU is the authors' code's. In training m_c's norm needs a batch of 2 or more.
    Shapes: (B, C, H, W) -> (B, C, H, W); M is (B, C, H, W).
    Source: Park et al., Bottleneck Attention Module, https://arxiv.org/abs/1807.06514.
    """

    formula = r"M = \sigma(m_c(X) + m_s(X)) \\ Y = (1 + M) \odot X"

    neutral_gate = 0.0  # the factor is 1 + M

    def __init__(self, channels: int, reduction: int = 16, reduced_at_least: int = 8, dilation: int = 4):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), _normalised(channels, hidden), nn.Conv2d(hidden, channels, 1)
        )
        self.spatial = nn.Sequential(
            _normalised(channels, hidden),
            _normalised(hidden, hidden, 3, dilation),
            _normalised(hidden, hidden, 3, dilation),
            nn.Conv2d(hidden, 1, 1, bias=False),  # the channel branch has a bias
        )
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        weights = self.gate(self.channel(x) + self.spatial(x))  # (B, C, 1, 1) + (B, 1, H, W)
        return x * (1 + weights)


class SimAM(nn.Module):
    """Gates each channel at each position by how far it lies from its channel's mean, without any parameter.

    E = (X - m)^2 / (4 (v + rest)) + 1/2, with mean m and variance v (over n - 1) of a channel over its n positions, output
    sigmoid(E) * X: gates of 0.62 to 1. Shapes: (B, C, H, W) -> (B, C, H, W); the gates are (B, C, H, W).
    Source: Yang et al., SimAM, https://proceedings.mlr.press/v139/yang21o.html.
    """

    formula = r"E = \frac{(X - \bar X)^2}{4\,(\mathrm{var}\,X + \lambda)} + \frac{1}{2} \\ Y = \sigma(E) \odot X"

    def __init__(self, channels: int, rest: float = 1e-4):
        super().__init__()
        self.channels, self.rest = channels, rest  # rest: the paper's lambda
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        _, channels, height, width = x.shape  # any other rank is an error here, not a wrong result
        if channels != self.channels:
            raise ValueError(f"SimAM was built for {self.channels} channels and got {channels}.")
        apart = (x - x.mean(dim=(2, 3), keepdim=True)).square()
        variance = apart.sum(dim=(2, 3), keepdim=True) / max(1, height * width - 1)  # (B, C, 1, 1)
        return x * self.gate(apart / (4 * (variance + self.rest)) + 0.5)


class GlobalContext(nn.Module):
    """Sums the positions with one set of softmax weights, transforms that vector, and adds it to every position.

    a = softmax(w . x_i) over the n positions, z = sum_i a_i x_i, output X + W2 relu(LN(W1 z)): a non-local block whose
    positions share one row of attention, so that the cost grows with n and not with n^2. W2 starts at 0, so that the
    module begins as the identity. Shapes: (B, C, H, W) -> (B, C, H, W); a is (B, HW).
    Source: Cao et al., GCNet, https://arxiv.org/abs/1904.11492.
    """

    formula = (
        r"a = \mathrm{softmax}(w \cdot x_i) \\ z = \sum_i a_i x_i \\ Y = X + W_2\,\mathrm{relu}(\mathrm{LN}(W_1 z))"
    )

    def __init__(self, channels: int, reduction: int = 16, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.score = nn.Conv2d(channels, 1, 1, bias=False)  # a bias would shift all scores alike: no effect
        self.attn = nn.Softmax(dim=-1)
        self.transform = nn.Sequential(
            nn.Conv2d(channels, hidden, 1),
            nn.LayerNorm([hidden, 1, 1]),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, channels, 1),
        )
        nn.init.zeros_(self.transform[-1].weight)
        nn.init.zeros_(self.transform[-1].bias)

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        weights = self.attn(self.score(x).flatten(1))  # (B, N)
        context = x.flatten(2) @ weights.unsqueeze(2)  # (B, C, 1)
        return x + self.transform(context.unsqueeze(3))
