"""Parameter randomisation: does a map depend on what was learned? (Adebayo et al., https://arxiv.org/abs/1810.03292)

From the head downwards, one part of the network after another has its weights shuffled. A map that stays the same shows the
picture, its edges say, and not what the model learned.
"""

import copy
from collections.abc import Iterator

import torch
from torch import nn

from attention.models.network import ResNet


def parts(model: ResNet) -> dict[str, tuple[nn.Module, ...]]:
    """The parts of a network from the head downwards, each with the attention that sits in it; parts without weights left out."""
    found = {"head": (model.head_gate, model.pool, model.fc)}
    for number in range(len(model.stages), 0, -1):
        found[f"stage {number}"] = model.stages[number - 1], model.stage_attention[number - 1]
    found |= {"stem": (model.stem,), "input": (model.input,)}
    return {name: modules for name, modules in found.items() if any(list(m.parameters()) for m in modules)}


@torch.no_grad()
def shuffle(module: nn.Module, generator: torch.Generator) -> None:
    """Shuffle the values within each weight tensor: the same numbers, nothing learned left in their order.

    Fresh weights would not do here: every block starts as its shortcut (network.py), so half of a map would survive. Batch norms
    stay as they are, or the features would leave the range that the layers above were trained for.
    """
    for child in module.modules():
        if isinstance(child, (nn.BatchNorm2d, nn.LayerNorm)):
            continue
        for parameter in child.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))


def cascade(model: ResNet, seed: int = 0) -> Iterator[tuple[str, ResNet]]:
    """(part, model) after each part's weights were shuffled too, from the head downwards; a copy, changed in place."""
    model, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for name, modules in parts(model).items():
        for module in modules:
            shuffle(module, generator)
        yield name, model
