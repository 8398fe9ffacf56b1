"""The fast path says what the plain model says: folded, packed, in half precision, traced, and against captum."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from attention.inference.fast_path import Explicit, fast, to_host
from attention.models import fusion
from attention.models.fusion import PackedConv2d, PackedLinear, PackedMaxPool2d, Part, can_pack, fold, largest
from attention.models.mechanisms import MECHANISMS
from attention.models.network import ResNet
from attention.models.variants import VARIANTS, build_model
from attention.models.visible import visible, watch

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@each_variant
def test_without_the_packing_it_is_the_same(name, dtype, monkeypatch):
    model, images = trained(name), torch.randn(1, 3, 96, 96)
    packed = fast(model, dtype, pixels=96)(images)
    monkeypatch.setattr(fusion, "can_pack", lambda dtype: False)
    unpacked = fast(model, dtype)
    new = PackedConv2d, PackedLinear, PackedMaxPool2d, Part
    assert not any(isinstance(module, new) or vars(module).get("largest") for module in unpacked.modules())
    expected = unpacked(images)
    share = 1e-5 if dtype == torch.float32 else 0.03
    assert_near(packed.logits, expected.logits, share)
    assert_near(packed.features, expected.features, share)
    for path, weights in expected.weights.items():
        assert_near(packed.weights[path], weights, share)


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


packs = pytest.mark.skipif(not can_pack(torch.float32), reason="this torch cannot pack convolutions here")
both_dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])


def channels_last(*size: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(*size, dtype=dtype).contiguous(memory_format=torch.channels_last)


@both_dtypes
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(2, 24, 1, 1), (1, 24, 5, 3)])
def test_a_packed_linear_is_its_1x1_convolution(dtype, bias, size):
    conv, x = nn.Conv2d(24, 40, 1, bias=bias).to(dtype), channels_last(*size, dtype=dtype)
    with torch.no_grad():
        linear, expected = PackedLinear(conv), conv(x)
        assert_near(linear(x), expected, 1e-5 if dtype == torch.float32 else 1e-2)
        linear.after = "relu"
        assert_near(linear(x), expected.relu(), 1e-5 if dtype == torch.float32 else 1e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("size", [(1, 48, 8, 12), (2, 5, 2, 2), (1, 3, 7, 8), (1, 3, 8, 9)])
def test_a_packed_pooling_is_torchs_to_the_bit(dtype, size):
    x = channels_last(*size, dtype=dtype).relu()
    before = x.clone()
    assert torch.equal(PackedMaxPool2d()(x), nn.MaxPool2d(3, stride=2, padding=1)(x)) and torch.equal(x, before)


@both_dtypes
@pytest.mark.parametrize("dim", [(2, 3), 1])
def test_the_largest_are_amaxs_to_the_bit(dtype, dim):
    x = channels_last(2, 48, 10, 6, dtype=dtype)
    found, expected = largest(x, dim=dim, keepdim=True), torch.amax(x, dim=dim, keepdim=True)
    assert found.dtype == expected.dtype and torch.equal(found, expected)


class _Pair(nn.Module):
    """Three convolutions that read one tensor, two of them alike but for the bias, and one that reads another."""

    def __init__(self):
        super().__init__()
        self.query, self.key = nn.Conv2d(6, 8, 3, padding=1), nn.Conv2d(6, 4, 3, padding=1, bias=False)
        self.narrow, self.later = nn.Conv2d(6, 8, 1), nn.Conv2d(6, 8, 3, padding=1)

    def forward(self, x):
        return torch.cat([self.key(x), self.query(x), self.narrow(x), self.later(2 * x)], dim=1)


def packed_pair(dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    pair = _Pair().to(dtype, memory_format=torch.channels_last).requires_grad_(False)
    model = trained("baseline").to(dtype)
    model.input = nn.Sequential(nn.Conv2d(3, 6, 1).to(dtype), pair, nn.Conv2d(28, 3, 1).to(dtype))
    return pair, fusion.pack(fold(model), 32).input[1]


@packs
@both_dtypes
def test_convolutions_that_read_one_tensor_are_one_and_each_gives_its_own(dtype):
    if not can_pack(dtype):
        pytest.skip("not in this precision")
    pair, packed = packed_pair(dtype)
    assert isinstance(packed.query, Part) and packed.query.together is packed.key.together
    assert isinstance(packed.narrow, PackedConv2d) and isinstance(packed.later, PackedConv2d)
    share = 1e-5 if dtype == torch.float32 else 1e-2
    x = channels_last(1, 6, 32, 32, dtype=dtype)
    with torch.no_grad():
        assert_near(packed(x), pair(x), share)
        assert packed.query.together._read is None, "nothing of a call is kept"
        for _ in range(2):  # asked for one part alone, twice
            assert_near(packed.query(x), pair.query(x), share)
        x.mul_(3)  # the same tensor, other numbers
        assert_near(packed.key(x), pair.key(x), share)
        other = channels_last(2, 6, 20, 20, dtype=dtype)
        assert_near(packed.query(other), pair.query(other), share)
        assert_near(packed.key(x), pair.key(x), share)
    with torch.inference_mode():
        assert_near(packed(x + 1), pair(x + 1), share)


@packs
@pytest.mark.parametrize(
    "name", ["se-block", "cbam-block", "spatial-channel-block", "self-attention-stage", "mhsa-block"]
)
def test_the_rules_find_their_modules(name):
    model = fast(trained(name)).model
    kinds = [type(module) for module in model.modules()]
    assert isinstance(model.stem[-1], PackedMaxPool2d) and nn.Conv2d not in kinds
    assert (PackedLinear in kinds) == (name in ("se-block", "cbam-block", "spatial-channel-block"))
    assert (Part in kinds) == (name not in ("se-block", "cbam-block"))
    assert sum(vars(m).get("largest") is largest for m in model.modules()) == (16 if name == "cbam-block" else 0)


def test_it_leaves_no_hook_and_the_images_alone_and_keeps_nothing():
    model, images = fast(trained("cbam-everywhere")), torch.randn(1, 3, 96, 96)
    before = images.clone()
    first, second = model(images).logits, model(images).logits
    assert not any(module._forward_hooks for module in model.modules()) and not model.noted
    assert torch.equal(images, before) and torch.equal(first, second)


def test_a_call_that_failed_leaves_nothing_in_the_next():
    model, images = fast(trained("cbam-block")), torch.randn(1, 3, 96, 96)
    expected = model(images)
    with pytest.raises(RuntimeError):
        model(torch.randn(1, 4, 96, 96))
    found = model(images)
    assert list(found.weights) == list(expected.weights) and torch.equal(found.logits, expected.logits)


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
