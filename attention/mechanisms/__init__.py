"""The attention mechanisms of the study, one nn.Module a published mechanism, and the table that names them.

Adding one is a class in this folder and a line in MECHANISMS; CONTRIBUTING.md walks through it.
"""

import inspect
from dataclasses import dataclass

from torch import nn

from attention.mechanisms.channel import ChannelSoftmaxAttention, SqueezeExcitation
from attention.mechanisms.combined import CBAM, SpatialChannelAttention
from attention.mechanisms.pooling import AttentionPool
from attention.mechanisms.self_attention import SelfAttention
from attention.mechanisms.spatial import QueryKeySpatialAttention


@dataclass(frozen=True)
class Mechanism:
    """A row of MECHANISMS. `family` is channel, spatial, combined, self-attention or pooling."""

    build: type[nn.Module]  # called with the number of channels
    family: str
    title: str
    paper: str

    @property
    def is_pooling(self) -> bool:
        """Whether it maps (B, C, H, W) to (B, C) in place of the average, rather than to the same shape."""
        return self.family == "pooling"

    @property
    def summary(self) -> str:
        """The first sentence of the class's docstring."""
        return " ".join(inspect.getdoc(self.build).split("\n\n")[0].split())


_ARTICLE = "the founding article, section "

MECHANISMS = {
    "qk-spatial": Mechanism(QueryKeySpatialAttention, "spatial", "Query-key spatial attention", _ARTICLE + "3.2.1"),
    "channel-softmax": Mechanism(ChannelSoftmaxAttention, "channel", "Channel softmax attention", _ARTICLE + "3.2.2"),
    "se": Mechanism(SqueezeExcitation, "channel", "Squeeze-and-Excitation", "https://arxiv.org/abs/1709.01507"),
    "spatial-channel": Mechanism(SpatialChannelAttention, "combined", "Spatial then channel", _ARTICLE + "3.2.3"),
    "cbam": Mechanism(CBAM, "combined", "CBAM", "https://arxiv.org/abs/1807.06521"),
    "self-attention": Mechanism(SelfAttention, "self-attention", "Self-attention", "https://arxiv.org/abs/1805.08318"),
    "attention-pool": Mechanism(AttentionPool, "pooling", "Attention pooling", _ARTICLE + "3.1"),
}

__all__ = ["MECHANISMS", "Mechanism"]
