"""Every mechanism of the table: shapes, gradients, visible weights, files; then each against its formula in NumPy."""

import inspect
import math

import numpy as np
import pytest
import timm.layers.bottleneck_attn
import timm.layers.cbam
import timm.layers.non_local_attn
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch import nn

from attention.models.mechanisms import MECHANISMS
from attention.models.mechanisms.channel import (
    ChannelSoftmaxAttention,
    EfficientChannelAttention,
    SqueezeExcitation,
    start_near_uniform,
)
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
    by_offset,
)
from attention.models.mechanisms.spatial import QueryKeySpatialAttention

CHANNELS = (3, 8, 40, 48, 160)
SIZES = ((5, 5), (10, 10), (7, 12))  # positions, for any number of channels and a batch of 2
LARGE = ((64, 64), (160, 160), (224, 224), (224, 96))  # an image: 3 channels, a batch of 1
SHAPES = [(2, c, h, w) for c in CHANNELS for h, w in SIZES] + [(1, 3, h, w) for h, w in LARGE]
MOST_POSITIONS = {  # by id or family, where all pairs of positions are scored: minutes at 224 px
    "self-attention": 64 * 64,
    "grid-self-attention": math.inf,
    "attention-pool-transformer": 64 * 64,
}

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
    module = awake(info.build(channels)).to(device).eval()  # BAM trains with 2 images or more
    most_positions = MOST_POSITIONS.get(name, MOST_POSITIONS.get(info.family, math.inf))
    for shape in (s for s in SHAPES if s[1] == channels and s[2] * s[3] <= most_positions):
        out = module(torch.randn(shape, device=device))
        assert out.shape == (shape[:2] if info.is_pooling else shape)
        assert out.isfinite().all()


@each_mechanism
def test_every_parameter_gets_a_gradient(name, device):
    module = awake(MECHANISMS[name].build(40)).double().to(device)
    x = torch.randn(2, 40, 12, 14, dtype=torch.double, device=device, requires_grad=True)
    out = module(x)
    (out * torch.randn_like(out)).sum().backward()
    grads = {"x": x.grad} | {key: parameter.grad for key, parameter in module.named_parameters()}
    assert [key for key, grad in grads.items() if grad is None or grad.abs().max() < 1e-9] == []


@each_mechanism
def test_visible_weights_are_in_range(name, device):
    seen = watched(awake(MECHANISMS[name].build(40)).to(device), 3 * torch.randn(2, 40, 12, 14, device=device))
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


def convolution(x, weights, prefix, dilation=1):
    """'Same' convolution with zero padding, one kernel offset at a time."""
    kernel, bias = weights[prefix + ".weight"], weights.get(prefix + ".bias", np.zeros(1))
    pad, (height, width) = kernel.shape[-1] // 2 * dilation, x.shape[-2:]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((len(x), len(kernel), height, width)) + bias[None, :, None, None]
    for i in range(kernel.shape[-2]):
        for j in range(kernel.shape[-1]):
            y, z = i * dilation, j * dilation
            out += np.einsum("oc,bchw->bohw", kernel[:, :, i, j], padded[:, :, y : y + height, z : z + width])
    return out


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def batch_norm(x, weights, prefix):
    mean, var, scale, shift = (
        weights[f"{prefix}.{key}"].reshape(1, -1, 1, 1) for key in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / np.sqrt(var + 1e-5) * scale + shift


def layer_norm(x, weights, prefix):
    """Of one vector."""
    scale, shift = weights[prefix + ".weight"].ravel(), weights[prefix + ".bias"].ravel()
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * scale + shift


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


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
    return x * sigmoid(batch_norm(scores, weights, "spatial.bn"))


def efficient_channel(x, weights, size):
    kernel = weights["conv.weight"].ravel()
    assert len(kernel) == size[x.shape[1]]
    means = np.pad(x.mean((2, 3)), ((0, 0), (len(kernel) // 2,) * 2))
    c = sigmoid(sum(w * means[:, i : i + x.shape[1]] for i, w in enumerate(kernel)))
    return x * c[:, :, None, None]


def bam(x, weights):
    def hidden(x, prefix, dilation=1):
        return np.maximum(batch_norm(convolution(x, weights, prefix + ".0", dilation), weights, prefix + ".1"), 0)

    channel = convolution(hidden(x.mean((2, 3), keepdims=True), "channel.1"), weights, "channel.2")
    spatial = hidden(hidden(hidden(x, "spatial.0"), "spatial.1", 4), "spatial.2", 4)
    m = sigmoid(channel + convolution(spatial, weights, "spatial.3"))
    return x + x * m


def simam(x, weights):
    variance = x.var((2, 3), keepdims=True, ddof=1)
    return x * sigmoid((x - x.mean((2, 3), keepdims=True)) ** 2 / (4 * (variance + 1e-4)) + 0.5)


def global_context(x, weights):
    out = x.copy()
    for b, image in enumerate(x):
        a = softmax(np.einsum("c,chw->hw", weights["score.weight"][0, :, 0, 0], image))
        z = np.einsum("hw,chw->c", a, image)
        hidden = weights["transform.0.weight"][:, :, 0, 0] @ z + weights["transform.0.bias"]
        hidden = np.maximum(layer_norm(hidden, weights, "transform.1"), 0)
        out[b] += (weights["transform.3.weight"][:, :, 0, 0] @ hidden + weights["transform.3.bias"])[:, None, None]
    return out


def self_attention(x, weights):
    query, key = convolution(x, weights, "query"), convolution(x, weights, "key")
    out = x.copy()
    for b, i, j in np.ndindex(len(x), *x.shape[2:]):
        a = softmax(np.einsum("c,chw->hw", query[b, :, i, j], key[b]))  # where position (i, j) looks
        out[b, :, i, j] += weights["gamma"][0] * np.einsum("hw,chw->c", a, x[b])
    return out


def pairwise(query, key, value):
    """Each position's softmax-weighted mean of the values, scored by its query with every key."""
    out = np.zeros((len(value), value.shape[1], *query.shape[2:]))
    for b, i, j in np.ndindex(len(query), *query.shape[2:]):
        a = softmax(np.einsum("c,chw->hw", query[b, :, i, j], key[b]))
        out[b, :, i, j] = np.einsum("hw,chw->c", a, value[b])
    return out


def grid_self_attention(x, weights, factor):
    (height, width), (rows, columns) = x.shape[2:], (math.ceil(side / factor) for side in x.shape[2:])
    grid = np.zeros((*x.shape[:2], rows, columns))
    for i, j in np.ndindex(rows, columns):
        top, bottom = i * height // rows, math.ceil((i + 1) * height / rows)
        left, right = j * width // columns, math.ceil((j + 1) * width / columns)
        grid[:, :, i, j] = x[:, :, top:bottom, left:right].mean((2, 3))
    update = self_attention(grid, weights) - grid
    for axis, side in ((2, height), (3, width)):
        cells = update.shape[axis]
        at = (np.arange(side) + 0.5) * cells / side - 0.5  # where a pixel's centre lies among the centres of the cells
        update = np.apply_along_axis(lambda line, at=at: np.interp(at, np.arange(len(line)), line), axis, update)
    return x + update


def sagan(x, weights):
    query, key, value = (convolution(x, weights, name) for name in ("query", "key", "value"))
    return x + weights["gamma"][0] * convolution(pairwise(query, key, value), weights, "output")


def non_local(x, weights):
    query, key, value = (convolution(x, weights, name) for name in ("theta", "phi", "g"))
    return x + batch_norm(convolution(pairwise(query, key, value), weights, "output"), weights, "bn")


def multi_head(x, weights, heads):
    """The tables are read at fractional offsets; each head and each query on its own."""
    heads, (height, width) = heads[x.shape[1]], x.shape[2:]
    query, key, value = (convolution(x, weights, name) for name in ("query", "key", "value"))
    depth, base = x.shape[1] // heads, (len(weights["vertical"]) + 1) // 2

    def by_place(table, i, side):  # (side, d): the row for each j, which is at offset j - i
        at = (np.arange(side) - i) * (base - 1) / (side - 1) + base - 1
        return np.stack([np.interp(at, np.arange(len(table)), column) for column in table.T], axis=1)

    out = np.zeros_like(x)
    for b, n, i, j in np.ndindex(len(x), heads, height, width):
        part = slice(n * depth, (n + 1) * depth)
        vertical, horizontal = by_place(weights["vertical"], i, height), by_place(weights["horizontal"], j, width)
        beside = key[b, part] + vertical.T[:, :, None] + horizontal.T[:, None, :]
        a = softmax(np.einsum("c,chw->hw", query[b, part, i, j], beside) / math.sqrt(depth))
        out[b, part, i, j] = np.einsum("hw,chw->c", a, value[b, part])
    return out


def attention_pool(x, weights):
    out = np.zeros(x.shape[:2])
    for b, image in enumerate(x):
        positions = [image[:, i, j] for i, j in np.ndindex(x.shape[2:])]
        hidden = [np.tanh(weights["score.0.weight"] @ p + weights["score.0.bias"]) for p in positions]
        a = softmax(np.array([(weights["score.2.weight"] @ h + weights.get("score.2.bias", 0))[0] for h in hidden]))
        out[b] = sum(share * position for share, position in zip(a, positions, strict=True))
    return out


def attention_pool_conv(x, weights):
    scores = convolution(np.tanh(convolution(x, weights, "score.0")), weights, "score.2")
    return np.stack([np.einsum("hw,chw->c", softmax(e[0]), image) for e, image in zip(scores, x, strict=True)])


def attention_pool_transformer(x, weights, heads):
    weights = {key.removeprefix("score."): value for key, value in weights.items()}
    out = np.zeros(x.shape[:2])
    for b, image in enumerate(x):
        positions = image.reshape(len(image), -1).T
        h = positions @ weights["0.weight"].T + weights["0.bias"]  # (N, D)
        normal = np.stack([layer_norm(row, weights, "1.norm") for row in h])
        query, key, value = np.split(normal @ weights["1.query_key_value.weight"].T, 3, axis=1)
        depth = h.shape[1] // heads
        mixed = np.zeros_like(h)
        for n, i in np.ndindex(heads, len(h)):
            part = slice(n * depth, (n + 1) * depth)
            mixed[i, part] = softmax(key[:, part] @ query[i, part] / math.sqrt(depth)) @ value[:, part]
        h = h + mixed @ weights["1.output.weight"].T + weights["1.output.bias"]
        normal = np.stack([layer_norm(row, weights, "1.feed_forward.0") for row in h])
        wide = gelu(normal @ weights["1.feed_forward.1.weight"].T + weights["1.feed_forward.1.bias"])
        h = h + wide @ weights["1.feed_forward.3.weight"].T
        out[b] = softmax(h @ weights["2.weight"][0]) @ positions
    return out


def multi_head_pool(x, weights, heads):
    heads, out = heads[x.shape[1]], np.zeros(x.shape[:2])
    for b, image in enumerate(x):
        positions = image.reshape(len(image), -1).T
        key, value = positions @ weights["key.weight"].T, positions @ weights["value.weight"].T
        depth = x.shape[1] // heads
        parts = [slice(n * depth, (n + 1) * depth) for n in range(heads)]
        scores = [key[:, part] @ query / math.sqrt(depth) for query, part in zip(weights["query"], parts, strict=True)]
        pooled = [softmax(e) @ value[:, part] for e, part in zip(scores, parts, strict=True)]
        out[b] = weights["output.weight"] @ np.concatenate(pooled) + weights["output.bias"]
    return out


HEADS = {3: 3, 24: 4, 160: 4}  # of so many channels

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
    "eca": (EfficientChannelAttention, {}, efficient_channel, ({3: 3, 24: 3, 160: 5},)),
    "bam": (BAM, {}, bam, ()),
    "simam": (SimAM, {}, simam, ()),
    "gc": (GlobalContext, {}, global_context, ()),
    "grid-self-attention": (ReducedGridSelfAttention, {"factor": 2}, grid_self_attention, (2,)),
    "sagan": (SAGANAttention, {}, sagan, ()),
    "non-local": (NonLocalBlock, {}, non_local, ()),
    "mhsa": (MultiHeadSelfAttention, {}, multi_head, (HEADS,)),
    "mhsa at its base height": (MultiHeadSelfAttention, {"base": 5}, multi_head, (HEADS,)),
    "attention-pool": (AttentionPool, {}, attention_pool, ()),
    "attention-pool-conv": (ConvolutionalAttentionPool, {}, attention_pool_conv, ()),
    "attention-pool-transformer": (TransformerAttentionPool, {}, attention_pool_transformer, (4,)),
    "multi-head-pool": (MultiHeadAttentionPool, {}, multi_head_pool, (HEADS,)),
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
    "eca, timm": (EfficientChannelAttention, lambda c, r: timm.layers.EcaModule(c)),
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


def _timm_global_context(ours):
    hidden, channels = ours.transform[0].weight.shape[:2]
    theirs = timm.layers.GlobalContext(channels, fuse_add=True, fuse_scale=False, rd_channels=hidden)
    theirs.mlp_add.norm.eps = ours.transform[1].eps
    return theirs, {
        "conv_attn.weight": ours.score.weight,
        "mlp_add.fc1.weight": ours.transform[0].weight,
        "mlp_add.fc1.bias": ours.transform[0].bias,
        "mlp_add.norm.weight": ours.transform[1].weight.flatten(),
        "mlp_add.norm.bias": ours.transform[1].bias.flatten(),
        "mlp_add.fc2.weight": ours.transform[3].weight,
        "mlp_add.fc2.bias": ours.transform[3].bias,
    }


def _timm_non_local(ours):
    hidden, channels = ours.g.weight.shape[:2]
    theirs = timm.layers.non_local_attn.NonLocalAttn(channels, use_scale=False, rd_channels=hidden)
    layers = {"t": ours.theta, "p": ours.phi, "g": ours.g, "z": ours.output}
    state = {name + ".weight": layer.weight for name, layer in layers.items()}
    return theirs, state | {"norm." + key: value for key, value in ours.bn.state_dict().items()}


def _timm_bottleneck(ours):
    channels = ours.query.in_channels
    theirs = timm.layers.bottleneck_attn.BottleneckAttn(channels, feat_size=(10, 10), scale_pos_embed=True)
    return theirs, {
        "qkv.weight": torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]),
        "pos_embed.height_rel": ours.vertical,
        "pos_embed.width_rel": ours.horizontal,
    }


ADAPTED = {  # (ours, ours -> (theirs, its state)); what the state lacks are biases that are 0 for us
    "gc, timm": (GlobalContext, _timm_global_context),
    "non-local, timm": (NonLocalBlock, _timm_non_local),
    "mhsa, timm": (MultiHeadSelfAttention, _timm_bottleneck),
}


@torch.no_grad()
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("channels", [8, 160])
@pytest.mark.parametrize("peer", ADAPTED)
def test_agrees_with_published_code_of_another_form(peer, channels, training):
    build, adapt = ADAPTED[peer]
    ours = awake(build(channels)).double().train(training)
    theirs, state = adapt(ours)
    missing, unexpected = theirs.load_state_dict(state, strict=False)
    assert not unexpected and all(key.endswith(".bias") for key in missing)
    for key in missing:
        nn.init.zeros_(theirs.get_parameter(key))
    x = torch.randn(2, channels, 10, 10, dtype=torch.double)
    torch.testing.assert_close(ours(x), theirs.double().train(training)(x), atol=1e-9, rtol=1e-9)


@torch.no_grad()
def test_the_scoring_transformer_is_torchs_own():
    ours = awake(TransformerAttentionPool(48)).double().score[1]
    theirs = nn.TransformerEncoderLayer(24, 4, 96, 0, "gelu", batch_first=True, norm_first=True).double()
    values = {
        "self_attn.in_proj_weight": ours.query_key_value.weight,
        "self_attn.in_proj_bias": torch.zeros(72),
        "self_attn.out_proj.weight": ours.output.weight,
        "self_attn.out_proj.bias": ours.output.bias,
        "linear1.weight": ours.feed_forward[1].weight,
        "linear1.bias": ours.feed_forward[1].bias,
        "linear2.weight": ours.feed_forward[3].weight,
        "linear2.bias": torch.zeros(24),
        "norm1.weight": ours.norm.weight,
        "norm1.bias": ours.norm.bias,
        "norm2.weight": ours.feed_forward[0].weight,
        "norm2.bias": ours.feed_forward[0].bias,
    }
    theirs.load_state_dict(values)
    x = torch.randn(2, 35, 24, dtype=torch.double)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-9, rtol=1e-9)


@torch.no_grad()
@pytest.mark.parametrize(
    "build", [SelfAttention, ReducedGridSelfAttention, SAGANAttention, NonLocalBlock, GlobalContext]
)
def test_begins_as_the_identity(build):
    x = torch.randn(2, 24, 10, 18)
    module = build(24)
    assert torch.equal(module(x), x)
    assert not torch.allclose(awake(module)(x), x, atol=1e-3)


@torch.no_grad()
def test_a_table_of_offsets_is_exact_at_its_base_and_linear_between():
    table = torch.randn(19, 6, dtype=torch.double)
    exact = by_offset(table, 10)
    assert all(torch.equal(exact[i, :, j], table[9 + j - i]) for i in range(10) for j in range(10))
    offsets = torch.arange(-9.0, 10, dtype=torch.double)[:, None]  # a table whose rows are their own offsets
    for side in (5, 10, 16, 64):
        places = torch.linspace(0, 9, side, dtype=torch.double)
        torch.testing.assert_close(by_offset(offsets, side)[:, 0], places - places[:, None])


@torch.no_grad()
def test_pools_that_see_no_place_and_one_that_does():
    x = torch.randn(2, 24, 5, 7)
    shuffled = x.flatten(2)[:, :, torch.randperm(35)].view_as(x)
    for build in (AttentionPool, TransformerAttentionPool, MultiHeadAttentionPool):
        module = awake(build(24))
        torch.testing.assert_close(module(x), module(shuffled))
    module = awake(ConvolutionalAttentionPool(24))
    assert not torch.allclose(module(x), module(shuffled), atol=1e-2)


@torch.no_grad()
@pytest.mark.parametrize("channels, heads", [(3, 3), (5, 1), (7, 1), (8, 4), (14, 2), (21, 3), (40, 4), (192, 4)])
def test_heads_divide_any_number_of_channels(channels, heads):
    ((_, weights),) = watched(MultiHeadSelfAttention(channels), torch.randn(2, channels, 5, 7))
    assert weights.shape == (2, heads, 35, 35)
    ((_, weights),) = watched(MultiHeadAttentionPool(channels), torch.randn(2, channels, 5, 7))
    assert weights.shape == (2, heads, 35)


@torch.no_grad()
@pytest.mark.parametrize("build", [AttentionPool, ConvolutionalAttentionPool, TransformerAttentionPool])
def test_attention_pool_with_equal_scores_is_the_average(build):
    x, module = torch.randn(2, 24, 5, 7), awake(build(24))
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


# What mutants of channel.py showed to be held by no test


def test_scoring_starts_ten_times_smaller_and_without_a_bias():
    scoring = torch.nn.Conv2d(6, 4, 1)
    before = scoring.weight.detach().clone()
    start_near_uniform(scoring)
    assert torch.equal(scoring.weight, before * 0.1) and not scoring.bias.any()


@pytest.mark.parametrize("build", [SqueezeExcitation, ChannelSoftmaxAttention])
def test_a_bottleneck_is_a_sixteenth_and_at_least_eight(build):
    assert [build(channels).reduce.out_channels for channels in (48, 128, 192)] == [8, 8, 12]


def test_ecas_kernel_follows_its_papers_formula():
    modules = [EfficientChannelAttention(channels) for channels in (48, 64, 128, 512, 2048)]
    assert [module.conv.kernel_size[0] for module in modules] == [3, 3, 5, 5, 7]
    with pytest.raises(ValueError, match="built for 48 channels and got 64"):
        modules[0](torch.zeros(1, 64, 2, 2))
