"""Attention off: what has an off switch is gone, what has none weighs everything alike, and the model is left as it was."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from attention.maps.attention import describe
from attention.models.ablation import Neutral, without_attention
from attention.models.mechanisms import MECHANISMS
from attention.models.network import GlobalAveragePool
from attention.models.variants import VARIANTS, build_model
from attention.models.visible import watch

HAVE_NO_OFF_SWITCH = {"gc", "non-local", "mhsa", "multi-head-pool"}  # their values are projected too


def awake(module: nn.Module) -> nn.Module:
    """Learned strengths that begin at 0 are raised, so that switching off has something to do."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        if not parameter.any():
            nn.init.uniform_(parameter, 0.3, 0.6)
    return module.eval()


@pytest.mark.parametrize("name", [name for name in MECHANISMS if name not in HAVE_NO_OFF_SWITCH])
def test_a_mechanism_switched_off_is_the_identity_or_the_average(name):
    module, x = awake(MECHANISMS[name].build(16)), torch.randn(2, 16, 24, 24)
    expected = GlobalAveragePool()(x) if MECHANISMS[name].is_pooling else x
    with torch.no_grad():
        assert torch.allclose(without_attention(module)(x), expected, atol=1e-5)
        assert not torch.allclose(module(x), expected, atol=1e-3), "it was on before"


@pytest.mark.parametrize("name", ["self-attention-stage", "sagan-stage"])
def test_gamma_0_equals_the_layer_removed(name, device):
    model = awake(build_model(name)).to(device)
    removed = copy.deepcopy(model)
    removed.stage_attention = nn.ModuleList(nn.Identity() for _ in removed.stage_attention)
    image = torch.randn(1, 3, 96, 96, device=device)
    with torch.no_grad():
        assert torch.equal(without_attention(model)(image), removed(image))
        assert not torch.allclose(model(image), removed(image))


@pytest.mark.parametrize("name", VARIANTS)
def test_every_weight_is_neutral_and_the_model_untouched(name):
    model = awake(build_model(name))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    modules = [type(module) for module in model.modules()]
    image = torch.randn(1, 3, 160, 160)
    model_off = without_attention(model)
    with torch.no_grad(), watch(model_off) as seen:
        model_off(image)
    for path, weights in seen.items():
        values = describe(path, weights).values
        neutral = (
            0 if name.startswith("bam") else 1
        )  # a gate of 1, or once the uniform weight; BAM multiplies by 1 + gate
        assert values == pytest.approx(np.full_like(values, neutral), abs=1e-5), path
    assert [type(module) for module in model.modules()] == modules
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in [*model.modules(), *model_off.modules()])


def test_neutral_weights_have_the_shape_of_the_scores():
    scores = torch.randn(2, 3, 4, 5)
    assert torch.equal(Neutral()(scores), torch.ones(2, 3, 4, 5))
    assert Neutral(dim=1)(scores).sum(1) == pytest.approx(torch.ones(2, 4, 5))
