"""The attention mechanisms of the study, one nn.Module per published mechanism, and the table that names them.

To add one, write a class in this folder and a line in MECHANISMS; CONTRIBUTING.md walks through it.
"""

import inspect
from dataclasses import dataclass

from torch import nn

from attention.models.mechanisms.channel import ChannelSoftmaxAttention, EfficientChannelAttention, SqueezeExcitation
from attention.models.mechanisms.combined import BAM, CBAM, GlobalContext, SimAM, SpatialChannelAttention
from attention.models.mechanisms.pooling import (
    AttentionPool,
    ConvolutionalAttentionPool,
    MultiHeadAttentionPool,
    TransformerAttentionPool,
)
from attention.models.mechanisms.self_attention import (
    MultiHeadSelfAttention,
    NonLocalBlock,
    ReducedGridSelfAttention,
    SAGANAttention,
    SelfAttention,
)
from attention.models.mechanisms.spatial import QueryKeySpatialAttention


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

    @property
    def formula(self) -> str:
        """The class's own `formula`: LaTeX, with two backslashes between lines."""
        return self.build.formula


_ARTICLE = "the founding article, section "
_ARXIV = "https://arxiv.org/abs/"

MECHANISMS = {
    "qk-spatial": Mechanism(QueryKeySpatialAttention, "spatial", "Query-key spatial attention", _ARTICLE + "3.2.1"),
    "channel-softmax": Mechanism(ChannelSoftmaxAttention, "channel", "Channel softmax attention", _ARTICLE + "3.2.2"),
    "se": Mechanism(SqueezeExcitation, "channel", "Squeeze-and-Excitation", _ARXIV + "1709.01507"),
    "eca": Mechanism(EfficientChannelAttention, "channel", "Efficient Channel Attention", _ARXIV + "1910.03151"),
    "spatial-channel": Mechanism(SpatialChannelAttention, "combined", "Spatial then channel", _ARTICLE + "3.2.3"),
    "cbam": Mechanism(CBAM, "combined", "CBAM", _ARXIV + "1807.06521"),
    "bam": Mechanism(BAM, "combined", "BAM", _ARXIV + "1807.06514"),
    "simam": Mechanism(SimAM, "combined", "SimAM", "https://proceedings.mlr.press/v139/yang21o.html"),
    "gc": Mechanism(GlobalContext, "combined", "Global context", _ARXIV + "1904.11492"),
    "self-attention": Mechanism(SelfAttention, "self-attention", "Self-attention", _ARXIV + "1805.08318"),
    "grid-self-attention": Mechanism(
        ReducedGridSelfAttention, "self-attention", "Self-attention on a coarse grid", _ARXIV + "1805.08318"
    ),
    "sagan": Mechanism(SAGANAttention, "self-attention", "SAGAN self-attention", _ARXIV + "1805.08318"),
    "non-local": Mechanism(NonLocalBlock, "self-attention", "Non-local block", _ARXIV + "1711.07971"),
    "mhsa": Mechanism(MultiHeadSelfAttention, "self-attention", "Multi-head self-attention", _ARXIV + "2101.11605"),
    "attention-pool": Mechanism(AttentionPool, "pooling", "Attention pooling", _ARTICLE + "3.1"),
    "attention-pool-conv": Mechanism(
        ConvolutionalAttentionPool, "pooling", "Attention pooling, convolutional", _ARTICLE + "3.1"
    ),
    "attention-pool-transformer": Mechanism(
        TransformerAttentionPool, "pooling", "Attention pooling, transformer", _ARTICLE + "3.1"
    ),
    "multi-head-pool": Mechanism(
        MultiHeadAttentionPool, "pooling", "Multi-head attention pooling", _ARXIV + "1810.00825"
    ),
}

__all__ = ["MECHANISMS", "Mechanism"]
