"""Channel attention: which feature maps matter. (B, C, H, W) -> (B, C, H, W), one weight a channel."""

import math

import torch
from torch import Tensor, nn


def reduced(channels: int, reduction: int, at_least: int) -> int:
    """The width of a bottleneck: channels / reduction, but never under `at_least`."""
    return max(at_least, channels // reduction)


def start_near_uniform(scoring: nn.Conv2d | nn.Linear) -> None:
    """Shrink the last layer before a rescaled softmax, so that the module begins close to the identity.

    With the usual initialisation some weights begin at 20 times the uniform one; several such modules in a row multiply
    that, and training diverged (loss 1e18 within an epoch with spatial-channel in every block).
    """
    with torch.no_grad():
        scoring.weight.mul_(0.1)
        scoring.bias.zero_()


class SqueezeExcitation(nn.Module):
    """Averages each channel over all positions and gates it with a small two-layer network.

    c = sigmoid(W2 relu(W1 mean(X))), output c * X; weights between 0 and 1, one a channel.
    Shapes: (B, C, H, W) -> (B, C, H, W). Source: Hu et al., https://arxiv.org/abs/1709.01507.
    """

    formula = r"c = \sigma(W_2\,\mathrm{relu}(W_1\,\bar X)) \\ Y = c \odot X"

    def __init__(self, channels: int, reduction: int = 16, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        weights = self.gate(self.expand(self.relu(self.reduce(x.mean((2, 3), keepdim=True)))))  # (B, C, 1, 1)
        return x * weights


class ChannelSoftmaxAttention(nn.Module):
    """Averages each channel over all positions, scores it, and lets the channels compete through a softmax.

    c = softmax(W2 relu(W1 mean(X))) over the C channels, output C * c * X. The article's literal form (`rescale=False`)
    has weights that sum to 1, which divides the activations by C on average; the default makes their mean 1 instead.
    Shapes: (B, C, H, W) -> (B, C, H, W). Source: the founding article, section 3.2.2.
    """

    formula = r"c = \mathrm{softmax}(W_2\,\mathrm{relu}(W_1\,\bar X)) \\ Y = C\,c \odot X"

    def __init__(self, channels: int, reduction: int = 16, reduced_at_least: int = 8, rescale: bool = True):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.reduce = nn.Conv2d(channels, hidden, 1)
        self.relu = nn.ReLU(inplace=True)
        self.expand = nn.Conv2d(hidden, channels, 1)
        start_near_uniform(self.expand)
        self.attn = nn.Softmax(dim=1)
        self.scale = channels if rescale else 1

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        weights = self.attn(self.expand(self.relu(self.reduce(x.mean((2, 3), keepdim=True)))))  # (B, C, 1, 1)
        return x * (self.scale * weights)


class EfficientChannelAttention(nn.Module):
    """Averages each channel over all positions and gates it by a short convolution along the channels.

    c = sigmoid(Conv1d_k(mean(X))), output c * X; no bottleneck, and k weights in all, where k is (log2 C + b) / gamma
    made odd, and at least 3. Raises ValueError for another number of channels than it was built for,
    which the convolution itself would take.
    Shapes: (B, C, H, W) -> (B, C, H, W). Source: Wang et al., ECA-Net, https://arxiv.org/abs/1910.03151.
    """

    formula = r"c = \sigma(\mathrm{Conv1d}_k(\bar X)) \\ Y = c \odot X"

    def __init__(self, channels: int, gamma: float = 2, b: float = 1):
        super().__init__()
        self.channels = channels
        size = max(3, int((math.log2(channels) + b) / gamma))
        size += 1 - size % 2  # an even one goes up
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        _, channels, _, _ = x.shape  # any other rank is an error here, not a wrong result
        if channels != self.channels:
            raise ValueError(f"This module was built for {self.channels} channels and got {channels}.")
        scores = self.conv(x.mean((2, 3)).unsqueeze(1))  # (B, 1, C)
        return x * self.gate(scores.view(-1, channels, 1, 1))  # (B, C, 1, 1)
