"""Attention over positions and over channels in one module. (B, C, H, W) -> (B, C, H, W)."""

import torch
from torch import Tensor, nn

from attention.mechanisms.channel import ChannelSoftmaxAttention, reduced
from attention.mechanisms.spatial import QueryKeySpatialAttention


class SpatialChannelAttention(nn.Module):
    """Weighs positions first, then weighs channels computed from the result.

    Z = A * X with A of QueryKeySpatialAttention, c of ChannelSoftmaxAttention computed from Z, output c * Z. `rescale`
    as there, for both. Shapes: (B, C, H, W) -> (B, C, H, W). Source: the founding article, section 3.2.3.
    """

    def __init__(self, channels: int, rescale: bool = True):
        super().__init__()
        self.spatial = QueryKeySpatialAttention(channels, rescale=rescale)
        self.channel = ChannelSoftmaxAttention(channels, rescale=rescale)

    def forward(self, x: Tensor) -> Tensor:
        return self.channel(self.spatial(x))


class _CBAMChannelGate(nn.Module):
    """sigmoid(MLP(mean(X)) + MLP(max(X))), one shared MLP: (B, C, H, W) -> (B, C, 1, 1)."""

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
        mean, peak = x.mean(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
        return self.gate(self.mlp(mean) + self.mlp(peak))


class _CBAMSpatialGate(nn.Module):
    """sigmoid(BN(Conv7x7([mean over channels, max over channels]))): (B, C, H, W) -> (B, 1, H, W)."""

    def __init__(self, kernel_size: int):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.bn = nn.BatchNorm2d(1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)  # (B, 2, H, W)
        return self.gate(self.bn(self.conv(summary)))


class CBAM(nn.Module):
    """Gates channels from their mean and maximum, then gates positions from theirs.

    Weights between 0 and 1, one a channel and one a position. Shapes: (B, C, H, W) -> (B, C, H, W).
    Source: Woo et al., Convolutional Block Attention Module, https://arxiv.org/abs/1807.06521.
    """

    def __init__(self, channels: int, reduction: int = 16, reduced_at_least: int = 8, kernel_size: int = 7):
        super().__init__()
        self.channel = _CBAMChannelGate(channels, reduction, reduced_at_least)
        self.spatial = _CBAMSpatialGate(kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.channel(x)
        return x * self.spatial(x)
