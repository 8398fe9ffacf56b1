"""Every mechanism of the table: shapes, gradients, visible weights, files; then each against its formula in NumPy."""

import inspect
import math

import numpy as np
import pytest
import timm.layers.cbam
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

from attention.mechanisms import MECHANISMS
from attention.mechanisms.channel import ChannelSoftmaxAttention, SqueezeExcitation
from attention.mechanisms.combined import CBAM, SpatialChannelAttention
from attention.mechanisms.pooling import AttentionPool
from attention.mechanisms.self_attention import SelfAttention
from attention.mechanisms.spatial import QueryKeySpatialAttention

CHANNELS = (3, 8, 40, 48, 160)
SIZES = ((5, 5), (10, 10), (7, 12))  # positions, for any number of channels and a batch of 2
LARGE = ((64, 64), (160, 160), (224, 224), (224, 96))  # an image: 3 channels, a batch of 1
SHAPES = [(2, c, h, w) for c in CHANNELS for h, w in SIZES] + [(1, 3, h, w) for h, w in LARGE]
MOST_POSITIONS = {"self-attention": 64 * 64}  # of a family that forms N x N weights: 10 GB at 224 px

each_mechanism = pytest.mark.parametrize("name", MECHANISMS)


def awake(module: nn.Module) -> nn.Module:
    """Weights far from uniform, and a residual strength that is not its initial 0."""
    for name, parameter in module.named_parameters():
        nn.init.normal_(parameter, std=0.15)
        if name.split(".")[-1] == "gamma":
            nn.init.constant_(parameter, 0.5)
    for module_ in module.modules():
        if isinstance(module_, nn.BatchNorm2d):
            nn.init.normal_(module_.running_mean)
            nn.init.uniform_(module_.running_var, 0.5, 2)
    return module


def watched(module: nn.Module, x: torch.Tensor) -> list[tuple[nn.Module, torch.Tensor]]:
    """The output of every submodule named `gate` or `attn` in one forward pass."""
    seen = []
    for path, part in module.named_modules():
        if path.split(".")[-1] in ("gate", "attn"):
            part.register_forward_hook(lambda part, _, output: seen.append((part, output)))
    module(x)
    return seen


@torch.no_grad()
@each_mechanism
@pytest.mark.parametrize("channels", CHANNELS)
def test_shape_and_finiteness(name, channels, device):
    info = MECHANISMS[name]
    module = awake(info.build(channels)).to(device)
    for shape in (s for s in SHAPES if s[1] == channels and s[2] * s[3] <= MOST_POSITIONS.get(info.family, math.inf)):
        out = module(torch.randn(shape, device=device))
        assert out.shape == (shape[:2] if info.is_pooling else shape)
        assert out.isfinite().all()


@each_mechanism
def test_every_parameter_gets_a_gradient(name, device):
    module = awake(MECHANISMS[name].build(40)).double().to(device)
    out = module(torch.randn(2, 40, 6, 7, dtype=torch.double, device=device))
    (out * torch.randn_like(out)).sum().backward()
    grads = {key: parameter.grad for key, parameter in module.named_parameters()}
    assert [key for key, grad in grads.items() if grad is None or grad.abs().max() < 1e-9] == []


@each_mechanism
def test_visible_weights_are_in_range(name, device):
    seen = watched(awake(MECHANISMS[name].build(40)).to(device), 3 * torch.randn(2, 40, 6, 7, device=device))
    assert seen, "nothing to look at: no submodule named gate or attn"
    for part, weights in seen:
        assert weights.min() >= 0 and weights.max() <= 1
        assert weights.std() > 1e-4, "uniform weights show nothing"
        if isinstance(part, nn.Softmax):
            torch.testing.assert_close(weights.sum(part.dim), torch.ones_like(weights.sum(part.dim)))
        else:
            assert isinstance(part, nn.Sigmoid)


@each_mechanism
def test_saved_and_loaded_to_the_bit(name, tmp_path):
    build, x = MECHANISMS[name].build, torch.randn(2, 40, 6, 7)
    saved, loaded = awake(build(40)).eval(), build(40).eval()
    save_file(saved.state_dict(), tmp_path / "weights.safetensors")
    loaded.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert all(torch.equal(saved.state_dict()[key], value) for key, value in loaded.state_dict().items())
    assert torch.equal(saved(x), loaded(x))


WRONG = {
    "channels": (2, 41, 8, 8),
    "one channel": (2, 1, 8, 8),
    "vectors": (2, 40),
    "no batch": (40, 8, 8),
    "no batch, square": (40, 40, 40),
    "volume": (2, 40, 8, 8, 8),
}


@each_mechanism
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_is_refused(name, wrong):
    shape = WRONG[wrong]
    module = MECHANISMS[name].build(40)
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        module(torch.randn(shape))


@each_mechanism
def test_documented_and_uniform(name):
    build = MECHANISMS[name].build
    text = inspect.getdoc(build)
    assert MECHANISMS[name].summary.endswith(".") and len(MECHANISMS[name].summary) > 30
    assert "Shapes" in text and "Source" in text and "(B, C, H, W) ->" in text
    assert next(iter(inspect.signature(build).parameters)) == "channels"


# --- the formulas of the article, once more, in NumPy with float64 ----------------------------------------------------


def convolution(x, weights, prefix):
    """'Same' convolution with zero padding, one kernel offset at a time."""
    kernel, bias = weights[prefix + ".weight"], weights.get(prefix + ".bias", np.zeros(1))
    pad, (height, width) = kernel.shape[-1] // 2, x.shape[-2:]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((len(x), len(kernel), height, width)) + bias[None, :, None, None]
    for i in range(kernel.shape[-2]):
        for j in range(kernel.shape[-1]):
            out += np.einsum("oc,bchw->bohw", kernel[:, :, i, j], padded[:, :, i : i + height, j : j + width])
    return out


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def perceptron(x, weights, first, last):
    """Two fully connected layers, given as 1x1 convolutions, on (B, C) vectors."""
    hidden = np.maximum(convolution(x[:, :, None, None], weights, first), 0)
    return convolution(hidden, weights, last)[:, :, 0, 0]


def spatial(x, weights, rescale, prefix=""):
    scores = (convolution(x, weights, prefix + "query") * convolution(x, weights, prefix + "key")).sum(1)
    a = np.stack([softmax(image) for image in scores])  # (B, H, W)
    return x * a[:, None] * (a[0].size if rescale else 1)


def channel(x, weights, rescale, prefix=""):
    scores = perceptron(x.mean((2, 3)), weights, prefix + "reduce", prefix + "expand")
    c = np.stack([softmax(image) for image in scores])  # (B, C)
    return x * c[:, :, None, None] * (c.shape[1] if rescale else 1)


def spatial_channel(x, weights, rescale):
    return channel(spatial(x, weights, rescale, "spatial."), weights, rescale, "channel.")


def squeeze_excitation(x, weights):
    return x * sigmoid(perceptron(x.mean((2, 3)), weights, "reduce", "expand"))[:, :, None, None]


def cbam(x, weights):
    layers = (weights, "channel.mlp.0", "channel.mlp.2")
    x = x * sigmoid(perceptron(x.mean((2, 3)), *layers) + perceptron(x.max((2, 3)), *layers))[:, :, None, None]
    scores = convolution(np.stack([x.mean(1), x.max(1)], axis=1), weights, "spatial.conv")
    bn = {key.rsplit(".", 1)[1]: value for key, value in weights.items() if key.startswith("spatial.bn")}
    scores = (scores - bn["running_mean"]) / np.sqrt(bn["running_var"] + 1e-5) * bn["weight"] + bn["bias"]
    return x * sigmoid(scores)


def self_attention(x, weights):
    query, key = convolution(x, weights, "query"), convolution(x, weights, "key")
    out = x.copy()
    for b, i, j in np.ndindex(len(x), *x.shape[2:]):
        a = softmax(np.einsum("c,chw->hw", query[b, :, i, j], key[b]))  # where position (i, j) looks
        out[b, :, i, j] += weights["gamma"][0] * np.einsum("hw,chw->c", a, x[b])
    return out


def attention_pool(x, weights):
    out = np.zeros(x.shape[:2])
    for b, image in enumerate(x):
        positions = [image[:, i, j] for i, j in np.ndindex(x.shape[2:])]
        hidden = [np.tanh(weights["score.0.weight"] @ p + weights["score.0.bias"]) for p in positions]
        a = softmax(np.array([(weights["score.2.weight"] @ h + weights.get("score.2.bias", 0))[0] for h in hidden]))
        out[b] = sum(share * position for share, position in zip(a, positions, strict=True))
    return out


GOLDENS = {  # mechanism -> (class, keyword arguments, formula, arguments of the formula)
    "qk-spatial": (QueryKeySpatialAttention, {}, spatial, (True,)),
    "qk-spatial literal": (QueryKeySpatialAttention, {"rescale": False}, spatial, (False,)),
    "channel-softmax": (ChannelSoftmaxAttention, {}, channel, (True,)),
    "channel-softmax literal": (ChannelSoftmaxAttention, {"rescale": False}, channel, (False,)),
    "spatial-channel": (SpatialChannelAttention, {}, spatial_channel, (True,)),
    "spatial-channel literal": (SpatialChannelAttention, {"rescale": False}, spatial_channel, (False,)),
    "se": (SqueezeExcitation, {}, squeeze_excitation, ()),
    "cbam": (CBAM, {}, cbam, ()),
    "self-attention": (SelfAttention, {}, self_attention, ()),
    "attention-pool": (AttentionPool, {}, attention_pool, ()),
}


def test_every_mechanism_has_a_golden():
    assert {MECHANISMS[name].build for name in MECHANISMS} == {row[0] for row in GOLDENS.values()}


@torch.no_grad()
@pytest.mark.parametrize("channels", [3, 24, 160])
@pytest.mark.parametrize("golden", GOLDENS)
def test_agrees_with_its_formula(golden, channels):
    build, options, formula, arguments = GOLDENS[golden]
    module = awake(build(channels, **options)).double().eval()
    x = torch.randn(2, channels, 5, 7, dtype=torch.double)
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    expected = torch.from_numpy(formula(x.numpy(), weights, *arguments))
    torch.testing.assert_close(module(x), expected, atol=1e-9, rtol=1e-9)


PEERS = {  # (ours, theirs); parameters are copied in order, and the orders agree
    "se, torchvision": (SqueezeExcitation, lambda c, r: torchvision.ops.SqueezeExcitation(c, r)),
    "se, timm": (SqueezeExcitation, lambda c, r: timm.layers.SEModule(c, rd_channels=r)),
    "cbam, timm": (CBAM, lambda c, r: timm.layers.cbam.CbamModule(c, rd_channels=r)),
}


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("channels", [8, 160])
@pytest.mark.parametrize("peer", PEERS)
def test_agrees_with_published_code(peer, channels, training):
    build, build_peer = PEERS[peer]
    ours = awake(build(channels)).train(training)
    theirs = build_peer(channels, max(8, channels // 16)).train(training)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    x = torch.randn(2, channels, 9, 11)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_self_attention_begins_as_the_identity():
    x = torch.randn(2, 24, 5, 7)
    module = SelfAttention(24)
    assert torch.equal(module(x), x)
    assert not torch.equal(awake(module)(x), x)


@torch.no_grad()
def test_attention_pool_with_equal_scores_is_the_average():
    x, module = torch.randn(2, 24, 5, 7), awake(AttentionPool(24))
    assert not torch.allclose(module(x), x.mean((2, 3)), atol=1e-2)
    for parameter in module.score.parameters():
        nn.init.zeros_(parameter)
    torch.testing.assert_close(module(x), x.mean((2, 3)))


@torch.no_grad()
@pytest.mark.parametrize("build, shrinks_by", [(QueryKeySpatialAttention, 35), (ChannelSoftmaxAttention, 24)])
def test_rescaled_weights_average_to_one(build, shrinks_by):
    x = torch.ones(2, 24, 5, 7)  # the output is then the weights themselves
    for rescale, mean in ((True, 1.0), (False, 1 / shrinks_by)):
        assert awake(build(24, rescale=rescale))(x).mean().item() == pytest.approx(mean, rel=1e-5)
