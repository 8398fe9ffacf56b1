"""Pooling by attention: which positions make up the summary. (B, C, H, W) -> (B, C), in place of the average."""

import torch
from torch import Tensor, nn

from attention.models.mechanisms.channel import reduced
from attention.models.mechanisms.pairwise import attend
from attention.models.mechanisms.self_attention import most_heads


class _ScoredPool(nn.Module):
    """z = sum_i a_i x_i with a = softmax(e): (B, C, H, W) -> (B, C). `scores` is (B, C, H, W) -> (B, N)."""

    def __init__(self):
        super().__init__()
        self.attn = nn.Softmax(dim=-1)

    def scores(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        weights = self.attn(self.scores(x))  # (B, N)
        return (weights.unsqueeze(1) @ x.flatten(2).mT).squeeze(1)


class AttentionPool(_ScoredPool):
    """Sums the positions' feature vectors with weights from a softmax over a small scoring network.

    a = softmax(e) over the n positions, z = sum_i a_i x_i, e_i = w . tanh(V x_i): the fully connected scoring function.
    Uniform weights would give the average. Shapes: (B, C, H, W) -> (B, C).
    Source: the founding article, section 3.1; Ilse et al., https://arxiv.org/abs/1802.04712, for the scoring network.
    """

    formula = r"e_i = w \cdot \tanh(V x_i) \\ a = \mathrm{softmax}(e) \\ z = \sum_i a_i x_i"

    def __init__(self, channels: int, reduction: int = 2, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        # no last bias: it would shift all scores alike, which a softmax does not see
        self.score = nn.Sequential(nn.Linear(channels, hidden), nn.Tanh(), nn.Linear(hidden, 1, bias=False))

    def scores(self, x: Tensor) -> Tensor:
        return self.score(x.flatten(2).mT).squeeze(-1)


class ConvolutionalAttentionPool(_ScoredPool):
    """Sums the positions' feature vectors with weights that a convolution scores from each position's surroundings.

    As AttentionPool, with e = w . tanh(Conv3x3(X)): the convolutional scoring function. What is summed is X itself.
    Shapes: (B, C, H, W) -> (B, C). Source: the founding article, section 3.1.
    """

    formula = r"e = w \cdot \tanh(\mathrm{Conv}_{3 \times 3}(X)) \\ a = \mathrm{softmax}(e) \\ z = \sum_i a_i x_i"

    def __init__(self, channels: int, reduction: int = 2, reduced_at_least: int = 8, kernel_size: int = 3):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.score = nn.Sequential(
            nn.Conv2d(channels, hidden, kernel_size, padding=kernel_size // 2),
            nn.Tanh(),
            nn.Conv2d(hidden, 1, 1, bias=False),  # as above
        )

    def scores(self, x: Tensor) -> Tensor:
        return self.score(x).flatten(1)


class _TransformerLayer(nn.Module):
    """A pre-norm encoder layer, (B, N, D) -> (B, N, D): h += O MHA(LN h), then h += F2 gelu(F1 LN h).

    Written out, because torch's own layer fuses itself in evaluation: its weights cannot be watched, and its
    multiply-adds count 0. Biases without effect on a softmax over the positions are left out.
    """

    def __init__(self, width: int, heads: int, expansion: int):
        super().__init__()
        self.heads = most_heads(width, heads)
        self.scale = (width // self.heads) ** -0.5
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.attn = nn.Softmax(dim=-1)
        self.output = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, expansion * width),
            nn.GELU(),
            nn.Linear(expansion * width, width, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = self.query_key_value(self.norm(x)).mT.unflatten(1, (3, self.heads, -1))  # (B, 3, heads, d, N)
        query, key, value = parts.unbind(1)
        x = x + self.output(attend(self.attn, self.scale * query, key, value).flatten(1, 2).mT)
        return x + self.feed_forward(x)


class TransformerAttentionPool(_ScoredPool):
    """Sums the positions' feature vectors with weights scored by a transformer layer, which relates the positions.

    As AttentionPool, with e = w . T(V X), where T is one pre-norm encoder layer without dropout over max(8, C / 2)
    channels. Positions carry no encoding of their place, so that a shuffled map gives the same sum. What is summed is X
    itself. Shapes: (B, C, H, W) -> (B, C); the layer's own weights are (B, heads, HW, HW).
    Source: the founding article, section 3.1; Vaswani et al., https://arxiv.org/abs/1706.03762, for the layer.
    """

    formula = r"e = w \cdot T(V X) \\ a = \mathrm{softmax}(e) \\ z = \sum_i a_i x_i"

    def __init__(
        self, channels: int, heads: int = 4, expansion: int = 4, reduction: int = 2, reduced_at_least: int = 8
    ):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.score = nn.Sequential(
            nn.Linear(channels, hidden),
            _TransformerLayer(hidden, heads, expansion),
            nn.Linear(hidden, 1, bias=False),  # as above
        )

    def scores(self, x: Tensor) -> Tensor:
        return self.score(x.flatten(2).mT).squeeze(-1)


class MultiHeadAttentionPool(nn.Module):
    """Sums projected feature vectors once a head, each head with a learned query of its own, and projects the result.

    A head h: a = softmax(q_h . k_i / sqrt(d)) over the n positions, z_h = sum_i a_i v_i, with k = W_k x, v = W_v x and
    d = C / heads; output W_o [z_1 ... z_heads]. Heads: the largest number up to `heads` that divides C. Pooling by
    multi-head attention less its residual and feed-forward parts. Shapes: (B, C, H, W) -> (B, C); a is (B, heads, HW).
    Source: Lee et al., Set Transformer, https://arxiv.org/abs/1810.00825, on Vaswani et al.,
    https://arxiv.org/abs/1706.03762.
    """

    formula = (
        r"a^h = \mathrm{softmax}(q_h \cdot k_i / \sqrt d) \\ z_h = \sum_i a^h_i v_i \\ z = W_o\,[z_1; \ldots; z_n]"
    )

    def __init__(self, channels: int, heads: int = 4):
        super().__init__()
        self.heads = most_heads(channels, heads)
        self.scale = (channels // self.heads) ** -0.5
        self.query = nn.Parameter(torch.randn(self.heads, channels // self.heads))
        self.key = nn.Linear(channels, channels, bias=False)  # a bias would shift a head's scores alike: no effect
        self.value = nn.Linear(channels, channels, bias=False)  # the output's bias does the same: weights sum to 1
        self.attn = nn.Softmax(dim=-1)
        self.output = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        positions = x.flatten(2).mT  # (B, N, C)
        key, value = (layer(positions).unflatten(2, (self.heads, -1)) for layer in (self.key, self.value))
        weights = self.attn(torch.einsum("hd,bnhd->bhn", self.scale * self.query, key))  # (B, heads, N)
        return self.output(torch.einsum("bhn,bnhd->bhd", weights, value).flatten(1))
