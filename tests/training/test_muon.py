"""Muon against timm's, and against what it promises."""

from functools import partial

import pytest
import timm.optim.muon
import torch
from torch import nn

from attention.training.muon import Muon, orthogonalise

SHAPES = [(16, 16), (40, 360), (96, 27), (160, 80)]
JORDAN = [(3.4445, -4.7750, 2.0315)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("steps, low, high", [(5, 0.5, 1.3), (3, 0.05, 1.3)])
def test_singular_values_come_near_one(shape, steps, low, high):
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = u @ torch.diag(torch.linspace(0.2, 5, min(shape))) @ v
    values = torch.linalg.svdvals(orthogonalise(matrix, steps))
    assert low < values.min() and values.max() < high


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("steps", [1, 3, 5])
def test_iteration_agrees_with_timm(shape, steps):
    matrix = torch.randn(shape)
    theirs = timm.optim.muon.zeropower_via_newtonschulz(matrix, steps, JORDAN, dtype=torch.float32)
    torch.testing.assert_close(orthogonalise(matrix, steps), theirs, atol=1e-5, rtol=1e-4)


def test_iteration_keeps_zeros_and_the_callers_type():
    assert torch.equal(orthogonalise(torch.zeros(4, 6)), torch.zeros(4, 6))
    in_bf16 = orthogonalise(torch.randn(8, 12), dtype=torch.bfloat16)
    assert in_bf16.dtype == torch.float32 and in_bf16.isfinite().all()


@pytest.mark.parametrize("shape", [(40, 24, 3, 3), (160, 8, 3, 3), (80, 40, 1, 1)], ids=str)
def test_steps_agree_with_timm(shape, monkeypatch):
    """timm iterates in bfloat16; in float32 its steps are ours, for convolutions wider and taller than square."""
    iterate = partial(timm.optim.muon.zeropower_via_newtonschulz, dtype=torch.float32)
    monkeypatch.setattr(timm.optim.muon, "zeropower_via_newtonschulz", iterate)
    ours = nn.Parameter(torch.randn(shape))
    theirs = nn.Parameter(ours.detach().clone())
    given = {"lr": 0.03, "momentum": 0.9, "weight_decay": 0.05}
    peer = timm.optim.muon.Muon(
        [theirs], **given, nesterov=True, ns_steps=3, ns_coefficients="original", adjust_lr_fn="match_rms_adamw"
    )
    optimizer = Muon([ours], **given, steps=3)
    for _ in range(3):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        optimizer.step()
        peer.step()
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_an_update_is_a_fifth_of_the_rate_in_root_mean_square(memory_format, device):
    weight = nn.Parameter(torch.randn(16, 8, 3, 3, device=device).to(memory_format=memory_format))
    before = weight.detach().clone()
    weight.grad = torch.randn_like(weight)
    Muon([weight], lr=0.1, steps=5).step()
    update = (weight.detach() - before).reshape(16, -1)
    values = torch.linalg.svdvals(update) / (0.1 * 0.2 * 72**0.5)
    assert values.min() > 0.5
    assert values.max() < 1.3
    assert update.square().mean().sqrt() == pytest.approx(0.1 * 0.2, rel=0.35)


def test_weight_decay_is_decoupled():
    """It shrinks the weights by lr x decay and does not enter the momentum; no gradient, no change."""
    steps = {}
    for decay in (0.0, 0.5):
        weight, frozen = nn.Parameter(torch.ones(4, 6)), nn.Parameter(torch.ones(4, 6))
        weight.grad = torch.arange(24.0).view(4, 6).cos()
        optimizer = Muon([weight, frozen], lr=0.1, weight_decay=decay)
        optimizer.step()
        assert torch.equal(frozen, torch.ones(4, 6))
        steps[decay] = weight.detach(), optimizer.state[weight]["momentum_buffer"]
    torch.testing.assert_close(steps[0.0][0] - steps[0.5][0], torch.full((4, 6), 0.1 * 0.5))
    assert torch.equal(steps[0.0][1], steps[0.5][1])
