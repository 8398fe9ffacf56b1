"""Self-attention where the N x N matrix is never formed: the same values and gradients, and A on demand."""

import pytest
import torch
from test_mechanisms import awake, watched
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from attention.models.mechanisms import MECHANISMS, pairwise
from attention.models.mechanisms.pairwise import PairwiseAttention
from attention.models.mechanisms.pooling import TransformerAttentionPool
from attention.models.mechanisms.self_attention import MultiHeadSelfAttention, ReducedGridSelfAttention, SelfAttention
from attention.study import latency

PAIRWISE = [name for name, info in MECHANISMS.items() if issubclass(info.build, PairwiseAttention)]
BUILDS = {name: MECHANISMS[name].build for name in PAIRWISE} | {
    "grid-self-attention": lambda channels: ReducedGridSelfAttention(channels, factor=2),
    "attention-pool-transformer": TransformerAttentionPool,
}
each_pairwise = pytest.mark.parametrize("name", PAIRWISE)
each_build = pytest.mark.parametrize("name", BUILDS)


def outcome(module: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """The output, and the gradients of the input and of every parameter."""
    x = x.clone().requires_grad_()
    out = module(x)
    weighted = (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype, device=out.device).view_as(out)).sum()
    return [out, *torch.autograd.grad(weighted, [x, *module.parameters()])]


def test_the_family_takes_part():
    assert set(PAIRWISE) == {name for name, info in MECHANISMS.items() if info.family == "self-attention"}


@each_build
@pytest.mark.parametrize("channels", [3, 40, 48])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_without_the_matrix_values_and_gradients_are_the_same(name, channels, memory_format, monkeypatch, device):
    module = awake(BUILDS[name](channels)).double().to(device)
    x = torch.randn(3, channels, 10, 12, dtype=torch.double, device=device).to(memory_format=memory_format)
    formed = outcome(module, x)
    assert any(weights.shape[-2] == weights.shape[-1] for _, weights in watched(module, x))
    monkeypatch.setattr(pairwise, "FUSED_ABOVE", 10)
    assert not any(weights.shape[-2] == weights.shape[-1] for _, weights in watched(module, x))
    for ours, plain in zip(outcome(module, x), formed, strict=True):
        torch.testing.assert_close(ours, plain, atol=1e-9, rtol=1e-7)


@torch.no_grad()
@each_build
def test_single_precision_stays_within_rounding(name, monkeypatch, device):
    module, x = awake(BUILDS[name](48)).to(device), torch.randn(2, 48, 20, 20, device=device)
    formed = module(x)
    monkeypatch.setattr(pairwise, "FUSED_ABOVE", 10)
    torch.testing.assert_close(module(x), formed, atol=1e-5, rtol=1e-5)


class Largest(TorchDispatchMode):
    """The number of elements of the largest tensor that any operation gave."""

    elements = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        results = operation(*args, **(kwargs or {}))
        for result in results if isinstance(results, tuple | list) else [results]:
            if isinstance(result, torch.Tensor):
                self.elements = max(self.elements, result.numel())
        return results


@each_build
def test_large_maps_never_hold_the_matrix(name):
    side = 100 if name == "grid-self-attention" else 50
    module, x = awake(BUILDS[name](8)), torch.randn(1, 8, side, side)
    with Largest() as largest:
        outcome(module, x)
    assert largest.elements < 2500**2 / 4


@torch.no_grad()
def test_up_to_the_threshold_the_weights_are_watched_and_above_they_are_not():
    for side, seen in ((40, 1), (41, 0)):
        assert side**2 <= pairwise.FUSED_ABOVE or not seen
        assert len(watched(SelfAttention(8), torch.randn(1, 8, side, side))) == seen


@torch.no_grad()
@each_pairwise
def test_rows_are_those_of_the_matrix(name, monkeypatch, device):
    module, x = awake(BUILDS[name](40)).to(device), torch.randn(2, 40, 10, 14, device=device)
    ((_, matrix),) = watched(module, x)
    count = matrix.shape[-1]
    monkeypatch.setattr(pairwise, "FUSED_ABOVE", 1)  # on demand, whether or not the matrix is formed
    positions = [0, count // 2, count - 1]
    rows = module.rows(x, positions)
    torch.testing.assert_close(rows, matrix[..., positions, :], atol=1e-6, rtol=1e-5)
    assert torch.equal(module.rows(x, torch.tensor(positions, device=device)), rows)
    assert not rows.requires_grad


@torch.no_grad()
@each_pairwise
@pytest.mark.parametrize("block", [1, 32, 1000])
def test_received_is_the_mean_of_the_rows(name, block, device):
    module, x = awake(BUILDS[name](40)).to(device), torch.randn(2, 40, 10, 14, device=device)
    ((_, matrix),) = watched(module, x)
    received = module.received(x, block)
    torch.testing.assert_close(received, matrix.mean(-2), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(received.sum(-1), torch.ones(received.shape[:-1], device=device))


@each_pairwise
def test_a_position_outside_the_map_is_refused(name):
    with pytest.raises(IndexError):
        BUILDS[name](8).rows(torch.randn(1, 8, 4, 4), [64])


@pytest.mark.parametrize("pixels", [16, 40, 64])  # below, at and above the threshold
@pytest.mark.parametrize("build, heads, content, width", [(SelfAttention, 1, 8, 8), (MultiHeadSelfAttention, 4, 2, 2)])
def test_work_is_counted_by_the_formula_at_every_size(build, heads, content, width, pixels):
    """`content` and `width` are the sizes of a query and a value, of one head."""
    model = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), build(8))
    layers = sum(parameter.numel() for parameter in model.parameters() if parameter.ndim == 4)
    offsets = heads * content * 2 * pixels if build is MultiHeadSelfAttention else 0  # products of q with r_h and r_w
    positions = pixels**2
    expected = positions * (layers + offsets) + heads * positions**2 * (content + width)
    assert latency.multiply_adds(model, pixels) == expected
    assert not any(parameter.is_meta for parameter in model.parameters())
