"""What runs is what is drawn: traced steps against plain hooks, for every mechanism and every variant."""

import pytest
import torch
from torch import nn

from attention.maps import steps as anatomy
from attention.models.mechanisms import MECHANISMS
from attention.models.variants import VARIANTS, build_model
from attention.study.mechanism_latency import places

CHANNELS, SIDE, PIXELS = 48, 12, 96
WITH_ATTENTION = [name for name, variant in VARIANTS.items() if not variant.is_control]


def hooks(module: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in module.modules())


@pytest.fixture(params=MECHANISMS)
def mechanism(request) -> nn.Module:
    return MECHANISMS[request.param].build(CHANNELS).eval()


@pytest.fixture
def x():
    return torch.rand(1, CHANNELS, SIDE, SIDE)


def test_every_module_that_ran_is_a_step_with_its_real_shapes(mechanism, x):
    seen, handles = [], []
    for path, module in mechanism.named_modules():
        if path and not any(module.children()):
            note = lambda m, i, out, path=path: seen.append((path, tuple(i[0].shape[1:]), tuple(out.shape[1:])))  # noqa: E731
            handles.append(module.register_forward_hook(note))
    out = mechanism(x)
    for handle in handles:
        handle.remove()
    steps = anatomy.trace(mechanism, x)
    assert [(s.path, s.sources[0][1], s.shape) for s in steps if s.name[0].isupper()] == seen
    assert steps[0] == anatomy.Step("input", "", (CHANNELS, SIDE, SIDE))
    assert torch.Size(steps[-1].shape).numel() == out.numel()
    assert hooks(mechanism) == 0


def test_steps_read_what_came_before_and_all_lead_to_the_end(mechanism, x):
    steps = anatomy.trace(mechanism, x)
    read = {source for step in steps for source, _ in step.sources}
    assert read == set(range(len(steps) - 1)), "every step is read, but the last"
    for index, step in enumerate(steps):
        assert all(source < index for source, _ in step.sources)
        assert bool(step.sources) == (step.name not in ("input", "parameter"))
        for source, shape in step.sources:  # as it was read: the same numbers or a part of them, maybe in another form
            spread = steps[source].name in ("parameter", "interpolate")  # a table of offsets, looked up for all pairs
            assert shape and (spread or _numel(steps[source].shape) % _numel(shape) == 0)
    assert any(step.is_visible for step in steps)
    assert {s.path for s in steps if s.name == "parameter"} == _used_directly(mechanism)


def _numel(shape) -> int:
    return torch.Size(shape).numel()


def _used_directly(module: nn.Module) -> set[str]:
    """Parameters that no module without children owns."""
    leaves = {path for path, m in module.named_modules() if path and not any(m.children())}
    return {name for name, _ in module.named_parameters() if name.rpartition(".")[0] not in leaves}


def test_tracing_changes_no_result(mechanism, x):
    before = mechanism(x)
    anatomy.trace(mechanism, x)
    assert torch.equal(mechanism(x), before)


def test_squeeze_and_excitation_step_by_step():
    steps = anatomy.trace(MECHANISMS["se"].build(192).eval(), torch.rand(1, 192, 10, 10))
    assert [(s.name, s.path, s.shape) for s in steps] == [
        ("input", "", (192, 10, 10)),
        ("mean", "", (192, 1, 1)),
        ("Conv2d", "reduce", (12, 1, 1)),
        ("ReLU", "relu", (12, 1, 1)),
        ("Conv2d", "expand", (192, 1, 1)),
        ("Sigmoid", "gate", (192, 1, 1)),
        ("mul", "", (192, 10, 10)),
    ]
    assert steps[-1].sources == ((0, (192, 10, 10)), (5, (192, 1, 1)))
    assert (steps[1].detail, steps[2].detail, steps[2].parameters) == ("2 3", "1×1", 12 * 192 + 12)


def test_a_failed_forward_leaves_no_hook_either():
    module = MECHANISMS["cbam"].build(16).eval()
    with pytest.raises(RuntimeError):
        anatomy.trace(module, torch.rand(1, 17, 4, 4))
    with pytest.raises(RuntimeError):
        anatomy.dissect(nn.Sequential(module), type(module), torch.rand(1, 17, 4, 4))
    assert hooks(module) == 0


@pytest.mark.parametrize("name", WITH_ATTENTION)
def test_every_variant_shows_every_module_of_its_mechanism_at_its_real_shape(name):
    model = build_model(name).eval()
    upright = anatomy.dissect(model, VARIANTS[name].info.build, torch.rand(1, 3, 144, 96))
    assert all(
        m.values.ndim == 1 or m.values.shape[0] * 2 == m.values.shape[1] * 3 for p in upright.places for m in p.maps
    )
    found = anatomy.dissect(model, VARIANTS[name].info.build, torch.rand(1, 3, PIXELS, PIXELS))
    real = places(name, PIXELS)
    assert [place.entered for place in found.places] == [tuple(x.shape[1:]) for _, x in real]
    assert [place.parameters for place in found.places] == [sum(p.numel() for p in m.parameters()) for m, _ in real]
    assert found.steps[0].shape == found.places[-1].entered
    assert all(place.maps for place in found.places) and hooks(model) == 0
    assert [place.gamma for place in found.places] == [
        (m.gamma.item() if hasattr(m, "gamma") else None) for m, _ in real
    ]


def test_a_model_without_the_mechanism_says_so():
    with pytest.raises(ValueError, match="no SqueezeExcitation"):
        anatomy.dissect(build_model("baseline").eval(), MECHANISMS["se"].build, torch.rand(1, 3, PIXELS, PIXELS))


@pytest.mark.full_width
def test_a_mechanism_in_no_variant_runs_on_the_last_features():
    found = anatomy.dissect_alone(MECHANISMS["se"].build, build_model("baseline").eval(), torch.rand(1, 3, 160, 160))
    assert [place.entered for place in found.places] == [(192, 10, 10)]


def test_the_source_of_a_mechanism_holds_what_it_is_built_from():
    assert anatomy.source(MECHANISMS["se"].build).startswith("class SqueezeExcitation(nn.Module):")
    code = anatomy.source(MECHANISMS["attention-pool-transformer"].build)
    assert "class _TransformerLayer" in code and "class _ScoredPool" in code and "class Linear" not in code


def test_the_formula_of_every_mechanism_is_its_own():
    formulas = [mechanism.formula for mechanism in MECHANISMS.values()]
    assert all("formula" in vars(mechanism.build) for mechanism in MECHANISMS.values()), "not that of a parent class"
    assert len(set(formulas)) == len(formulas) and all(f.count("{") == f.count("}") for f in formulas)
