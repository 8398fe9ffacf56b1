"""Parameter randomisation: does a map depend on what was learned? (Adebayo et al., https://arxiv.org/abs/1810.03292)

The weights of one part of the network after another are shuffled, from the head downwards. A map that stays the same
shows the picture, for example its edges, and not what the model learned.
"""

import copy
from collections.abc import Iterator

import torch
from torch import nn

from attention.models.network import ResNet


def parts(model: ResNet) -> dict[str, tuple[nn.Module, ...]]:
    """The parts of a network from the head downwards, each with its attention; parts without weights are left out."""
    found = {"head": (model.head_gate, model.pool, model.fc)}
    for number in range(len(model.stages), 0, -1):
        found[f"stage {number}"] = model.stages[number - 1], model.stage_attention[number - 1]
    found |= {"stem": (model.stem,), "input": (model.input,)}
    return {name: modules for name, modules in found.items() if any(list(m.parameters()) for m in modules)}


@torch.no_grad()
def shuffle(module: nn.Module, generator: torch.Generator) -> None:
    """Shuffle the values within each weight tensor: the numbers stay, and their order holds nothing that was learned.

    Fresh weights would not do here: every block starts as its shortcut (network.py), so half of a map would survive.
    Batch and layer norms stay as they are, or the features would leave the range that the layers above were trained
    for.
    """
    for child in module.modules():
        if isinstance(child, (nn.BatchNorm2d, nn.LayerNorm)):
            continue
        for parameter in child.parameters(recurse=False):
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))


def cascade(model: ResNet, seed: int = 0) -> Iterator[tuple[str, ResNet]]:
    """Yields (part, model) after shuffling one part more, from the head downwards; one copy, changed in place."""
    model, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    for name, modules in parts(model).items():
        for module in modules:
            shuffle(module, generator)
        yield name, model
