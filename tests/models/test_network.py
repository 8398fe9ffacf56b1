"""Every variant of the table: shapes, gradients, the shared backbone, seeds and files."""

import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from attention.models.network import BLOCK_POSITIONS, WIDTHS, BasicBlock, ResNet, is_attention
from attention.models.variants import MECHANISMS, PLACEMENTS, REFERENCE, VARIANTS, UnknownVariant, build_model

each_variant = pytest.mark.parametrize("name", VARIANTS)
each_attention = pytest.mark.parametrize("name", [name for name in VARIANTS if VARIANTS[name].mechanism])


def awake(model: ResNet) -> ResNet:
    """Without the zeros that some weights start from (gamma, the last norm of a block), which hide all before them."""
    for parameter in model.parameters():
        if not parameter.any():
            nn.init.constant_(parameter, 0.5) if parameter.ndim == 1 else nn.init.normal_(parameter, std=0.1)
    return model


def images(pixels: int, device: torch.device | str = "cpu") -> torch.Tensor:
    return torch.randn(2, 3, pixels, pixels, device=device)


@torch.no_grad()
@each_variant
def test_logits_at_every_size(name, device):
    model = build_model(name).to(device).eval()
    for pixels in (96, 128, 160, 224):
        logits = model(images(pixels, device))
        assert logits.shape == (2, 10)
        assert logits.isfinite().all()


@torch.no_grad()
@each_variant
def test_features_and_head_make_the_model(name):
    model, x = awake(build_model(name)).eval(), images(160)
    features = model.forward_features(x)
    assert features.shape == (2, VARIANTS[name].widths[-1], 10, 10)
    assert torch.equal(model.forward_head(features), model(x))


@each_variant
def test_every_parameter_gets_a_gradient(name, device):
    model = awake(build_model(name)).to(device)
    nn.functional.cross_entropy(model(images(96, device)), torch.tensor([3, 7], device=device)).backward()
    grads = {key: parameter.grad for key, parameter in model.named_parameters()}
    assert [key for key, grad in grads.items() if grad is None or not grad.isfinite().all()] == []
    assert [key for key, grad in grads.items() if not grad.any()] == []


@each_attention
def test_a_slot_holds_the_mechanism_where_the_table_says(name):
    chosen, model = VARIANTS[name], build_model(name)
    build = MECHANISMS[chosen.mechanism].build
    found = {path for path, module in model.named_modules() if type(module) is build}
    blocks = {f"stages.{stage - 1}.{block}.attention" for stage in chosen.stages for block in range(2)}
    after = {f"stage_attention.{stage - 1}" for stage in chosen.stages}
    pool = "pool" if MECHANISMS[chosen.mechanism].is_pooling else "head_gate"
    expected = {"input": {"input"}, "block": blocks, "stage": after, "head": {pool}}
    expected["everywhere"] = {"input", pool} | blocks
    assert chosen.placement in PLACEMENTS
    assert {path for path in found if path in set().union(*expected.values())} == expected[chosen.placement]
    assert all(is_attention(path) for path in found)


@torch.no_grad()
@each_attention
def test_attention_changes_the_output(name):
    model, plain, x = awake(build_model(name)).eval(), awake(build_model(REFERENCE)).eval(), images(96)
    for key, parameter in model.named_parameters():
        if is_attention(key):
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    assert not torch.allclose(model(x), plain(x), atol=1e-4)


@pytest.mark.full_width
@torch.no_grad()
@pytest.mark.parametrize("name", [n for n, v in VARIANTS.items() if v.placement == "block" and v.position != "post"])
def test_every_block_begins_as_its_shortcut(name):
    x = images(96)
    assert torch.equal(build_model(name).eval()(x), build_model(REFERENCE).eval()(x))


@pytest.mark.full_width
@each_variant
@pytest.mark.parametrize("seed", [0, 3])
def test_one_seed_gives_one_backbone(name, seed):
    """Every convolution and norm of the backbone, and the classifier, start as the baseline's."""
    plain, model = build_model(REFERENCE, seed=seed).state_dict(), build_model(name, seed=seed).state_dict()
    if VARIANTS[name].position == "replace":  # attention stands where these convolutions stood
        plain = {key: value for key, value in plain.items() if not re.fullmatch(r"stages\.3\..\.conv2\.weight", key)}
    assert {key for key in model if not is_attention(key)} == set(plain)
    wider = VARIANTS[name].widths != WIDTHS
    assert all(
        torch.equal(plain[key], model[key]) for key in plain if not wider or plain[key].shape == model[key].shape
    )


@pytest.mark.full_width
def test_the_backbone_is_what_it_is_counted_as():
    kinds = [type(module) for module in build_model(REFERENCE).modules()]
    convolutions = 2 + 8 * 2 + 2  # stem, two in each block, two shortcuts that change the width
    assert kinds.count(nn.Conv2d) == kinds.count(nn.BatchNorm2d) == convolutions
    assert kinds.count(nn.Linear) == 1
    assert sum(p.numel() for p in build_model(REFERENCE).parameters()) == 2_902_498


@each_variant
def test_seeds_and_the_random_stream(name):
    before = torch.get_rng_state()
    first, again, other = (build_model(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    drawn = [key for key in first if first[key].ndim > 1 and first[key].unique().numel() > 1]  # no ones, no zeros
    assert [key for key in drawn if torch.equal(first[key], other[key])] == []


def test_seeding_a_model_leaves_the_gpus_random_stream_alone(monkeypatch):
    reseeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    build_model(REFERENCE)
    assert reseeded == []


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UnknownVariant, match="resnet-9000.*" + ".*".join(map(re.escape, VARIANTS))):
        build_model("resnet-9000")


@pytest.mark.parametrize("slot", [{"stages": (0,)}, {"stages": (3, 5)}, {"block_stages": (7,)}])
def test_a_stage_that_is_not_there_is_refused(slot):
    with pytest.raises(ValueError, match="between 1 and 4"):
        ResNet(**slot)


def test_a_position_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="standard, pre, post, replace, not 'within'"):
        ResNet(block_position="within")


@torch.no_grad()
@pytest.mark.parametrize("position", BLOCK_POSITIONS)
def test_a_block_attends_where_its_position_says(position):
    """With doubling in place of attention, which each position turns into another function of branch and shortcut."""

    class Double(nn.Module):
        def forward(self, x):
            return 2 * x

    plain = awake(BasicBlock(8, 8, 1)).eval()
    block = BasicBlock(8, 8, 1, lambda channels: Double(), position).eval()
    block.load_state_dict(plain.state_dict(), strict=position != "replace")
    x = torch.randn(2, 8, 6, 6)
    inner = plain.bn1(plain.conv1(2 * x if position == "pre" else x)).relu()
    branch = plain.bn2(2 * inner if position == "replace" else plain.conv2(inner))
    out = ((2 if position == "standard" else 1) * branch + x).relu() * (2 if position == "post" else 1)
    torch.testing.assert_close(block(x), out)


@torch.no_grad()
@each_variant
def test_half_precision_saved_and_loaded_to_the_bit(name, tmp_path):
    saved, loaded = awake(build_model(name, seed=1)).eval(), build_model(name, seed=2).eval()
    half = {key: value.half() if value.is_floating_point() else value for key, value in saved.state_dict().items()}
    save_file(half, tmp_path / "weights.safetensors")
    again = load_file(tmp_path / "weights.safetensors")
    assert again.keys() == half.keys()
    assert all(again[key].dtype == half[key].dtype and torch.equal(again[key], half[key]) for key in half)
    saved.load_state_dict(half)
    loaded.load_state_dict(again)
    x = images(96)
    assert torch.equal(saved(x), loaded(x))
