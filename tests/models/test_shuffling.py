"""Parameter randomisation: each step shuffles one part more, keeps its numbers, and leaves the trained model alone."""

import pytest
import torch

from attention.models.shuffling import cascade, parts, shuffle
from attention.models.variants import VARIANTS, build_model


@pytest.mark.parametrize("name", VARIANTS)
def test_the_cascade_goes_down_one_part_a_step_and_reaches_every_weight(name):
    model = build_model(name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    shuffled: set[str] = set()
    names = []
    for part, changed in cascade(model):
        names.append(part)
        state = changed.state_dict()
        now = {key for key in before if not torch.equal(before[key], state[key])}
        assert shuffled < now, "something more has changed"
        shuffled = now
        assert all(torch.equal(before[key].flatten().sort()[0], state[key].flatten().sort()[0]) for key in now)
    assert names[:2] == ["head", "stage 4"] and names[-1] == ("input" if model.input.state_dict() else "stem")
    assert {key.rpartition(".")[0] for key in shuffled} >= {
        path for path, module in model.named_modules() if isinstance(module, torch.nn.Conv2d) and module.weight.numel() > 1
        and module.weight.unique().numel() > 1
    }  # fmt: skip
    assert not any(".bn" in key for key in shuffled)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_the_same_seed_shuffles_alike(device):
    model = build_model("se-block").to(device)
    first, second, other = ([m for _, m in cascade(model, seed)][-1].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["fc.weight"], other["fc.weight"])


def test_parts_are_named_from_the_head_down():
    assert list(parts(build_model("baseline"))) == ["head", "stage 4", "stage 3", "stage 2", "stage 1", "stem"]
    assert list(parts(build_model("qk-spatial-input")))[-1] == "input"


def test_shuffling_keeps_norms_and_moves_weights():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    torch.nn.init.uniform_(module[1].weight)
    before = [parameter.clone() for parameter in module.parameters()]
    with torch.no_grad():
        shuffle(module, torch.Generator().manual_seed(0))
    moved = [not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True)]
    assert moved == [True, True, False, False]
