"""Watching weights leaves nothing behind; class activation maps agree with independent implementations."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam, LayerGradientXActivation
from torch import nn

from attention.maps.activation import activation_maps, class_activation_map
from attention.maps.attention import describe
from attention.models.variants import VARIANTS, build_model
from attention.models.visible import watch


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) for module in model.modules())


def alive(name: str) -> nn.Module:
    """A model whose blocks and gates all do something: zero-initialised scales are raised."""
    torch.manual_seed(1)
    model = build_model(name).eval()
    for key, parameter in model.named_parameters():
        if key.endswith(("bn2.weight", "gamma")):
            nn.init.uniform_(parameter, 0.3, 0.6)
    return model


@pytest.mark.parametrize("name", VARIANTS)
def test_watch_sees_every_visible_weight_and_leaves_no_hook(name):
    model, image = alive(name), torch.randn(1, 3, 96, 96)
    expected = [p for p, _ in model.named_modules() if p.rpartition(".")[2] in ("gate", "attn")]
    with torch.no_grad(), watch(model) as seen:
        model(image)
    assert sorted(seen) == sorted(expected) and hooks(model) == 0
    assert bool(seen) == (VARIANTS[name].mechanism is not None)


def test_watch_leaves_no_hook_after_an_exception():
    model = build_model("cbam-block")
    with pytest.raises(RuntimeError), watch(model):
        model(torch.zeros(1, 4, 96, 96))
    assert hooks(model) == 0


@pytest.mark.parametrize("size", [(160, 160), (96, 144), (144, 80)])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_map_is_finite_and_in_its_range(name, size):
    model = alive(name)
    with torch.no_grad(), watch(model) as seen:
        model(torch.randn(1, 3, *size))
    for path, weights in seen.items():
        shown = describe(path, weights, size)
        if shown.over == "positions":
            assert shown.values.shape[0] * size[1] == shown.values.shape[1] * size[0]
        assert np.isfinite(shown.values).all() and shown.values.min() >= 0
        if shown.kind == "gate":
            assert shown.values.max() <= 1
        else:
            assert shown.values.mean() == pytest.approx(1, abs=1e-3)  # multiples of uniform
        assert shown.values.ndim == (2 if shown.over == "positions" else 1)
        if shown.by_head:
            assert shown.values == pytest.approx(np.mean([head.values for head in shown.by_head], axis=0), abs=1e-4)
        if shown.pairs is not None:
            height, width = shown.values.shape
            seen_from = shown.seen_from(height - 1, 1)
            assert seen_from.ravel() == pytest.approx(shown.pairs[(height - 1) * width + 1] * len(shown.pairs))
            assert shown.pairs.sum(1) == pytest.approx(np.ones(len(shown.pairs)), abs=1e-3)


def test_positions_keep_their_place():
    weights = torch.zeros(1, 100)
    weights[0, 2 * 10 + 7] = 1
    assert np.unravel_index(describe("pool.attn", weights).values.argmax(), (10, 10)) == (2, 7)
    upright = torch.zeros(1, 54)
    upright[0, 7 * 6 + 1] = 1
    assert np.unravel_index(describe("pool.attn", upright, (144, 96)).values.argmax(), (9, 6)) == (7, 1)
    with pytest.raises(ValueError, match="no grid of 144 to 96"):
        describe("pool.attn", torch.ones(1, 53) / 53, (144, 96))


def test_a_gate_on_channels_and_positions_shows_its_mean_over_channels():
    weights = torch.rand(1, 8, 10, 12)
    shown = describe("stage_attention.gate", weights)
    assert (shown.kind, shown.over) == ("gate", "positions") and shown.pairs is None
    assert shown.values == pytest.approx(weights[0].mean(0).numpy())


def test_heads_are_averaged():
    weights = torch.rand(1, 4, 100).softmax(-1)
    shown = describe("pool.attn", weights)
    assert (shown.kind, shown.over) == ("softmax", "positions") and shown.pairs is None
    assert shown.values == pytest.approx(100 * weights[0].mean(0).view(10, 10).numpy())
    one = describe("pool.attn", weights[:, :1])
    assert one.values == pytest.approx(describe("pool.attn", weights[:, 0]).values)


def test_pairs_of_several_heads_become_the_mean_heads_pairs():
    weights = torch.rand(1, 4, 100, 100).softmax(-1)
    shown, mean = describe("stage_attention.attn", weights), describe("stage_attention.attn", weights.mean(1))
    assert shown.pairs.shape == (100, 100) and shown.values.shape == (10, 10)
    assert shown.pairs == pytest.approx(mean.pairs) and shown.values == pytest.approx(mean.values)


def test_a_grid_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match="no grid of 1 to 1"):
        describe("input.attn", torch.full((1, 6), 1 / 6))


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("target", [0, 7])
def test_activation_map_equals_captums_gradcam(name, target):
    model, image = alive(name), torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        features = model.forward_features(image)
    # captum wants a module whose output is the last feature map; head_gate takes it as input
    reference = LayerGradCam(model, model.head_gate).attribute(image, target, attribute_to_layer_input=True)
    expected = reference.clamp(min=0)[0, 0].detach().numpy()
    ours = class_activation_map(model, features, target)
    assert ours.shape == (10, 10) and ours == pytest.approx(expected, abs=1e-4)


def test_activation_map_of_the_baseline_is_its_closed_form():
    model, image = alive("baseline"), torch.randn(1, 3, 160, 160)
    with torch.no_grad():
        features = model.forward_features(image)
        closed = torch.einsum("c,chw->hw", model.fc.weight[3], features[0]).clamp(min=0) / 100
    assert class_activation_map(model, features, 3) == pytest.approx(closed.numpy(), abs=1e-5)


@pytest.mark.parametrize("name", ["baseline", "self-attention-stage", "attention-pool-head", "se-block"])
def test_maps_at_every_depth_equal_captums(name, device):
    model, image = alive(name).to(device), torch.randn(1, 3, 96, 96, device=device)
    logits, maps = activation_maps(model, image, 3)
    assert [tuple(values.shape) for values in maps.values()] == [(1, 24, 24), (1, 12, 12), (1, 6, 6), (1, 6, 6)]
    expected = LayerGradCam(model, model.stage_attention[3]).attribute(image, target=3, relu_attributions=True)
    assert torch.allclose(maps[4], expected[:, 0], atol=1e-5)
    for stage in (1, 2):  # these end in a ReLU, so that a positive product is a positive gradient
        product = LayerGradientXActivation(model, model.stages[stage - 1]).attribute(image, target=3)
        assert torch.allclose(maps[stage], product.clamp(min=0).sum(1), atol=1e-5)
    with torch.no_grad():
        assert torch.allclose(logits, model(image), atol=1e-5)
    assert hooks(model) == 0


def test_maps_at_every_depth_are_of_the_likeliest_class_by_default_and_leave_no_hook_after_an_exception():
    model, images = alive("cbam-block"), torch.randn(2, 3, 96, 96)
    logits, maps = activation_maps(model, images)
    for number, chosen in enumerate(logits.argmax(1).tolist()):
        _, of_class = activation_maps(model, images, chosen)
        assert torch.allclose(maps[2][number], of_class[2][number], atol=1e-5)
    with pytest.raises(RuntimeError):
        activation_maps(model, torch.zeros(1, 4, 96, 96))
    assert hooks(model) == 0
