"""The fast path says what the plain model says: folded, packed, in half precision, traced, and against captum."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from attention import fusion
from attention.explicit import Explicit, fast, to_host
from attention.fusion import PackedConv2d, can_pack, fold
from attention.heatmaps import visible, watch
from attention.mechanisms import MECHANISMS
from attention.network import ResNet
from attention.variants import VARIANTS, build_model

each_variant = pytest.mark.parametrize("name", VARIANTS)


def trained(name: str) -> ResNet:
    """Like a trained model: no scale is 0, and every batch norm has statistics of its own, which folding has to move."""
    torch.manual_seed(1)
    model = build_model(name).eval()
    for key, parameter in model.named_parameters():
        if key.endswith(("bn2.weight", "gamma")):
            nn.init.uniform_(parameter, 0.3, 0.6)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, std=0.2)
    return model


def plain(model: ResNet, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    with torch.no_grad(), watch(model) as weights:
        features = model.forward_features(images)
        return model.forward_head(features), features, weights


def assert_near(found: torch.Tensor, expected: torch.Tensor, share: float) -> None:
    """Within a share of the largest value: what rounding may change."""
    assert found.shape == expected.shape and found.isfinite().all()
    assert (found.float() - expected.float()).abs().max() <= share * expected.abs().max()


@each_variant
def test_the_fast_path_equals_the_hooked_one(name, device):
    model, images = trained(name).to(device), torch.randn(2, 3, 160, 160, device=device)
    logits, features, weights = plain(model, images)
    found = fast(model)(images)
    assert list(found.weights) == list(weights)
    pairs = [(found.logits, logits), (found.features, features), *((found.weights[p], weights[p]) for p in weights)]
    for ours, expected in pairs:
        assert_near(ours, expected, 1e-2 if device.type == "cuda" else 1e-5)  # TensorFloat-32 there


@each_variant
def test_its_activation_map_is_captums(name):
    model, image = trained(name), torch.randn(1, 3, 160, 160)
    found = fast(model)(image)
    target = int(found.logits.argmax())
    reference = LayerGradCam(model, model.head_gate).attribute(image, target, attribute_to_layer_input=True)
    expected = reference.clamp(min=0)[0, 0].detach().numpy()
    assert found.activation[0].numpy() == pytest.approx(expected, abs=1e-4)


@each_variant
def test_its_map_of_another_class_is_captums_and_the_rest_stays(name):
    model, image = trained(name), torch.randn(1, 3, 160, 160)
    explicit = fast(model)
    found = explicit(image)
    target = int(found.logits.argsort(descending=True)[0, 3])
    other = explicit.explaining(found, target)
    reference = LayerGradCam(model, model.head_gate).attribute(image, target, attribute_to_layer_input=True)
    assert other.activation[0].numpy() == pytest.approx(reference.clamp(min=0)[0, 0].detach().numpy(), abs=1e-4)
    assert other.logits is found.logits and other.features is found.features and other.weights is found.weights
    assert torch.equal(explicit.explaining(found, int(found.logits.argmax())).activation, found.activation)


@each_variant
def test_half_precision_stays_near(name, device):
    model, images = trained(name).to(device), torch.randn(1, 3, 160, 160, device=device)
    logits, features, weights = plain(model, images)
    found = fast(model, torch.float16 if device.type == "cuda" else torch.bfloat16)(images)
    assert found.logits.dtype == found.features.dtype == found.activation.dtype == torch.float32
    assert_near(found.logits, logits, 0.03)
    assert_near(found.features, features, 0.05)
    for path in weights:
        assert_near(found.weights[path], weights[path], 0.05)


@pytest.mark.parametrize("name", ["baseline", "cbam-everywhere", "mhsa-block", "bam-stage"])
def test_without_the_packing_it_is_the_same(name, monkeypatch):
    model, images = trained(name), torch.randn(1, 3, 96, 96)
    packed = fast(model)(images)
    monkeypatch.setattr(fusion, "can_pack", lambda dtype: False)
    unpacked = fast(model)
    assert not any(isinstance(module, PackedConv2d) for module in unpacked.modules())
    assert_near(unpacked(images).logits, packed.logits, 1e-5)


@each_variant
def test_folding_leaves_no_norm_behind_a_convolution_and_the_original_alone(name):
    model, images = trained(name), torch.randn(2, 3, 96, 96)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded = fold(model)
    replaced = sum(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    in_place_of_conv2 = VARIANTS[name].position == "replace"
    assert replaced == (2 * len(VARIANTS[name].stages) if in_place_of_conv2 else 0)
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    with torch.no_grad():
        assert_near(folded(images), model(images), 1e-5)


@pytest.mark.skipif(not can_pack(torch.float32), reason="this torch cannot pack convolutions here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("size", "options"),
    [(3, {"stride": 2, "padding": 1}), (3, {"padding": 4, "dilation": 4}), (7, {"padding": 3}), (1, {"bias": False})],
)
def test_a_packed_convolution_is_that_convolution(dtype, size, options):
    if not can_pack(dtype):
        pytest.skip("not in this precision")
    conv = nn.Conv2d(6, 10, size, **options).to(dtype, memory_format=torch.channels_last)
    x = torch.randn(2, 6, 20, 20, dtype=dtype).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = conv(x)
        packed = PackedConv2d(conv, [1, 6, 20, 20], relu=True)
        shortcut = torch.randn_like(expected)
        share = 1e-5 if dtype == torch.float32 else 1e-2
        assert_near(packed(x), expected.relu(), share)
        assert_near(packed.add_and_relu(x, shortcut.clone()), (expected + shortcut).relu(), share)


def test_it_leaves_no_hook_and_the_images_alone():
    model, images = fast(trained("cbam-everywhere")), torch.randn(1, 3, 96, 96)
    before = images.clone()
    first, second = model(images).logits, model(images).logits
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(images, before) and torch.equal(first, second)


@pytest.mark.parametrize("mechanism", [*MECHANISMS, None])
def test_it_can_be_traced_whole(mechanism):
    """Hooks would stay behind in traced code; what they saw comes out of it all the same."""
    name = next(name for name, v in VARIANTS.items() if v.mechanism == mechanism)
    model, images = Explicit(fold(trained(name))), torch.randn(2, 3, 96, 96)
    with torch.no_grad():
        traced = torch.fx.experimental.proxy_tensor.make_fx(lambda x: tuple(flat(model(x))))(images)
        other = torch.randn(2, 3, 96, 96)
        for found, expected in zip(traced(other), flat(model(other)), strict=True):
            assert_near(found, expected, 1e-5)


def flat(explanation) -> list[torch.Tensor]:
    return [explanation.logits, explanation.features, explanation.activation, *explanation.weights.values()]


@pytest.mark.parametrize("name", ["baseline", "cbam-block", "mhsa-block", "multi-head-pool-head"])
def test_to_host_keeps_every_value_at_its_place(name, device):
    explanation = fast(trained(name).to(device))(torch.randn(1, 3, 96, 96, device=device))
    host = to_host(explanation)
    assert list(host.weights) == list(explanation.weights) == list(visible(trained(name)))
    for found, expected in zip(flat(host), flat(explanation), strict=True):
        assert found.device.type == "cpu" and found.dtype == torch.float32
        assert np.array_equal(found.numpy(), expected.float().cpu().numpy())
