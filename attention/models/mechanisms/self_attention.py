"""Self-attention: every position looks at every other. (B, C, H, W) -> (B, C, H, W).

Up to pairwise.FUSED_ABOVE positions the matrix A passes through `attn`; above, `rows` and `received` compute what is
shown.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention.models.mechanisms.channel import reduced
from attention.models.mechanisms.pairwise import PairwiseAttention, attend, is_formed


def most_heads(channels: int, at_most: int) -> int:
    """The largest number of heads that divides the channels."""
    return next(heads for heads in range(at_most, 0, -1) if channels % heads == 0)


class SelfAttention(PairwiseAttention):
    """Replaces each position by a weighted mean of all positions, mixed in with a learned strength that starts at 0.

    With 1x1 convolutions to queries and keys of max(8, C / 8) channels: A = softmax(Q^T K) over the keys, without a
    1 / sqrt(d) scale; the values are X itself; output gamma * (A X) + X. SAGAN's layer less its value and output
    convolutions. Shapes: (B, C, H, W) -> (B, C, H, W); A is (B, HW, HW), rows are queries.
    Source: the founding article, section 4; Zhang et al., https://arxiv.org/abs/1805.08318.
    """

    formula = r"A = \mathrm{softmax}(Q^\top K) \\ Y = \gamma\,(A X) + X"

    def __init__(self, channels: int, reduction: int = 8, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.query = nn.Conv2d(channels, hidden, 1)
        self.key = nn.Conv2d(channels, hidden, 1, bias=False)  # a bias would shift a query's scores alike: no effect
        self.attn = nn.Softmax(dim=-1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.query(x).flatten(2), self.key(x).flatten(2)

    def update(self, x: Tensor) -> Tensor:
        """gamma * (A X), what is added to X."""
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        return self.gamma * attend(self.attn, *self.queries_and_keys(x), x.flatten(2)).view_as(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.update(x) + x


class ReducedGridSelfAttention(SelfAttention):
    """Self-attention between the cells of a coarse grid, whose update is spread over the full map: cheap on an image.

    X is averaged to G of H / 8 x W / 8 cells, rounded up, and SelfAttention's update of G is added to X: output
    X + upsample(gamma * (A G)), bilinear. A 160 px image has 400 cells instead of 25,600 positions; no detail of X is
    lost, and the module begins as the identity.
    Shapes: (B, C, H, W) -> (B, C, H, W); A is (B, cells, cells), rows are queries.
    Source: SelfAttention's, on averaged positions as in Wang et al., https://arxiv.org/abs/2102.12122.
    """

    formula = (
        r"G = \mathrm{mean}_{\mathrm{cells}}(X) \\ A = \mathrm{softmax}(Q(G)^\top K(G)) \\ "
        r"Y = X + \mathrm{upsample}(\gamma\,A G)"
    )

    def __init__(self, channels: int, factor: int = 8, reduction: int = 8, reduced_at_least: int = 8):
        super().__init__(channels, reduction, reduced_at_least)
        self.factor = factor

    def grid(self, x: Tensor) -> Tensor:
        """G, the means of cells of about factor x factor positions."""
        _, _, height, width = x.shape  # any other rank is an error here, not a wrong result
        return F.adaptive_avg_pool2d(x, (-(-height // self.factor), -(-width // self.factor)))

    def rows(self, x: Tensor, positions: Tensor | list[int]) -> Tensor:
        return super().rows(self.grid(x), positions)

    def received(self, x: Tensor, block: int = 256) -> Tensor:
        return super().received(self.grid(x), block)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.update(self.grid(x)), x.shape[2:], mode="bilinear", align_corners=False) + x


class SAGANAttention(PairwiseAttention):
    """Adds to each position a projected weighted mean of all positions, with a learned strength that starts at 0.

    With 1x1 convolutions f, g and h to max(8, C / 8) channels and v back to C: A = softmax(g(X)^T f(X)) over f's
    positions, output gamma * v(A h(X)) + X; here g is `query`, f `key`, h `value` and v `output`.
    Shapes: (B, C, H, W) -> (B, C, H, W); A is (B, HW, HW), rows are queries.
    Source: Zhang et al., Self-Attention Generative Adversarial Networks, https://arxiv.org/abs/1805.08318.
    """

    formula = r"A = \mathrm{softmax}(g(X)^\top f(X)) \\ Y = \gamma\,v(A\,h(X)) + X"

    def __init__(self, channels: int, reduction: int = 8, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.query = nn.Conv2d(channels, hidden, 1, bias=False)
        self.key = nn.Conv2d(channels, hidden, 1, bias=False)
        self.value = nn.Conv2d(channels, hidden, 1, bias=False)
        self.output = nn.Conv2d(hidden, channels, 1, bias=False)
        self.attn = nn.Softmax(dim=-1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.query(x).flatten(2), self.key(x).flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        query, key = self.queries_and_keys(x)
        value = self.value(x)
        mean = attend(self.attn, query, key, value.flatten(2)).view_as(value)  # (B, C', H, W)
        return self.gamma * self.output(mean) + x


class NonLocalBlock(PairwiseAttention):
    """Adds to each position a projected and normalised weighted mean of all positions; it begins as the identity.

    The embedded Gaussian form, with 1x1 convolutions theta, phi and g to max(8, C / 2) channels:
    A = softmax(theta(X)^T phi(X)) over the keys, output BN(W (A g(X))) + X, where the batch norm's weight starts at 0.
    All without biases, as in the paper. Shapes: (B, C, H, W) -> (B, C, H, W); A is (B, HW, HW), rows are queries.
    Source: Wang et al., Non-local Neural Networks, https://arxiv.org/abs/1711.07971.
    """

    formula = r"A = \mathrm{softmax}(\theta(X)^\top \phi(X)) \\ Y = \mathrm{BN}(W(A\,g(X))) + X"

    def __init__(self, channels: int, reduction: int = 2, reduced_at_least: int = 8):
        super().__init__()
        hidden = reduced(channels, reduction, reduced_at_least)
        self.theta = nn.Conv2d(channels, hidden, 1, bias=False)
        self.phi = nn.Conv2d(channels, hidden, 1, bias=False)
        self.g = nn.Conv2d(channels, hidden, 1, bias=False)
        self.output = nn.Conv2d(hidden, channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.bn.weight)
        self.attn = nn.Softmax(dim=-1)

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.theta(x).flatten(2), self.phi(x).flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        query, key = self.queries_and_keys(x)
        value = self.g(x)
        mean = attend(self.attn, query, key, value.flatten(2)).view_as(value)  # (B, C', H, W)
        return self.bn(self.output(mean)) + x


def by_offset(table: Tensor, side: int) -> Tensor:
    """A table with one row per offset, (2 base - 1, d), looked up for all pairs: (side, d, side).

    [i, :, j] is the row of offset j - i. For a side other than `base`, the table is stretched to 2 side - 1 offsets by
    linear interpolation.
    """
    offsets = 2 * side - 1
    if len(table) != offsets:
        table = F.interpolate(table.T[None], offsets, mode="linear", align_corners=True)[0].T
    return table.unfold(0, side, 1).flip(0)  # position i's window starts at offset -i, so the last one comes first


class MultiHeadSelfAttention(PairwiseAttention):
    """Replaces each position by weighted means of all positions, one a head, scored by content and by relative place.

    With 1x1 convolutions q, k and v: A = softmax(q_i . (k_j + r_h + r_w) / sqrt(d)) over the keys j, with learned
    vectors r_h and r_w for the vertical and horizontal offset from i to j, which the heads share; output: their A v,
    side by side. As in BoTNet, without output convolution and residual: it takes the place of a 3x3 convolution. r_h
    and r_w are those of a `base` x `base` grid, interpolated for others. Heads: the largest number up to `heads` that
    divides C; d = C / heads. Shapes: (B, C, H, W) -> (B, C, H, W); A is (B, heads, HW, HW), rows are queries.
    Source: Srinivas et al., BoTNet, https://arxiv.org/abs/2101.11605; Vaswani et al., https://arxiv.org/abs/1706.03762.
    """

    formula = r"A = \mathrm{softmax}(q_i \cdot (k_j + r_h + r_w) / \sqrt d) \\ Y = [A^1 v^1; \ldots; A^n v^n]"

    def __init__(self, channels: int, heads: int = 4, base: int = 10):
        super().__init__()
        self.heads = most_heads(channels, heads)
        width = channels // self.heads
        self.scale = width**-0.5
        self.query = nn.Conv2d(channels, channels, 1, bias=False)
        self.key = nn.Conv2d(channels, channels, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.vertical = nn.Parameter(self.scale * torch.randn(2 * base - 1, width))
        self.horizontal = nn.Parameter(self.scale * torch.randn(2 * base - 1, width))
        self.attn = nn.Softmax(dim=-1)

    def queries_and_keys(self, x: Tensor) -> tuple[Tensor, Tensor]:
        query, key = self.scale * self._by_head(self.query, x), self._by_head(self.key, x)
        return _folded(query, key, *self._places(query))

    def forward(self, x: Tensor) -> Tensor:
        _, _, _, _ = x.shape  # any other rank is an error here, not a wrong result
        query, key, value = (self._by_head(layer, x) for layer in (self.query, self.key, self.value))
        query = self.scale * query
        rows, columns = self._places(query)
        if not is_formed(key.flatten(3)):
            return attend(self.attn, *_folded(query, key, rows, columns), value.flatten(3)).reshape(x.shape)
        places = (rows.unsqueeze(5) + columns.unsqueeze(4)).flatten(4).flatten(2, 3)  # (B, heads, N, N)
        weights = self.attn(query.flatten(3).mT @ key.flatten(3) + places)
        return (value.flatten(3) @ weights.mT).reshape(x.shape)

    def _by_head(self, layer: nn.Conv2d, x: Tensor) -> Tensor:
        return layer(x).unflatten(1, (self.heads, -1))  # (B, heads, d, H, W)

    def _places(self, query: Tensor) -> tuple[Tensor, Tensor]:
        """q_i . r_h for each row and q_i . r_w for each column: (B, heads, H, W, H) and (B, heads, H, W, W)."""
        height, width = query.shape[3:]
        rows = torch.einsum("bnchw,hck->bnhwk", query, by_offset(self.vertical, height))
        columns = torch.einsum("bnchw,wck->bnhwk", query, by_offset(self.horizontal, width))
        return rows, columns


def _folded(query: Tensor, key: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Content and place in one product: Q = [q, rows, columns], K = [k, 1 at the row of j, 1 at its column].

    It is exact and needs no (N, N) sum of places. Shapes as in MultiHeadSelfAttention -> twice (B, heads, d + H + W,
    N).
    """
    height, width = query.shape[3:]
    in_row = torch.eye(height, dtype=key.dtype, device=key.device).repeat_interleave(width, dim=1)  # (H, N)
    in_column = torch.eye(width, dtype=key.dtype, device=key.device).repeat(1, height)  # (W, N)
    place = torch.cat([in_row, in_column]).expand(*key.shape[:2], -1, -1)
    query = torch.cat([query.flatten(3), rows.flatten(2, 3).mT, columns.flatten(2, 3).mT], dim=2)
    return query, torch.cat([key.flatten(3), place], dim=2)
