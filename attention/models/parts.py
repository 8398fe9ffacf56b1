"""The network's parts and slots in the order an image passes them, and which variants fill a slot."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from attention.models.network import BasicBlock, GlobalAveragePool, ResNet, is_attention
from attention.models.variants import REFERENCE, VARIANTS, empty_model

Shape = tuple[int, ...]
SLOT_PLACEMENTS = {  # the placement of a slot, by its name in network.py
    "input": "input",
    "attention": "block",
    "stage_attention": "stage",
    "head_gate": "head",
    "pool": "head",
}


@dataclass(frozen=True)
class Station:
    """A part of the network that an image passes: "stem", "block", "pool", "fc", or a slot, which has a `placement`."""

    path: str
    kind: str
    shape: Shape
    placement: str | None = None


def _is_slot(path: str, model: nn.Module) -> bool:
    """Whether it is the outermost module of a placement; network.py holds those after the stages in a list."""
    parent = path.rpartition(".")[0]
    in_list = isinstance(model.get_submodule(path), nn.ModuleList)
    return is_attention(path) and not in_list and (not is_attention(parent) or parent == "stage_attention")


def _kind(path: str, module: nn.Module) -> str:
    return "block" if isinstance(module, BasicBlock) else path.split(".")[0]


@lru_cache
def stations(pixels: int) -> tuple[Station, ...]:
    """The plain network's parts and slots in the order in which they begin, each with its output shape."""
    model, found, order = empty_model(REFERENCE).eval(), {}, []

    def left(path: str, module: nn.Module, out: Tensor) -> None:
        name = next((part for part in reversed(path.split(".")) if part in SLOT_PLACEMENTS), None)
        placement = SLOT_PLACEMENTS[name] if _is_slot(path, model) else None
        found[path] = Station(path, name if placement else _kind(path, module), tuple(out.shape[1:]), placement)

    for path, module in model.named_modules():
        if path in ("stem", "fc") or isinstance(module, BasicBlock) or _is_slot(path, model):
            module.register_forward_pre_hook(lambda *_, path=path: order.append(path))
            module.register_forward_hook(lambda m, _, out, path=path: left(path, m, out))
    with torch.no_grad():
        model(torch.empty(1, 3, pixels, pixels, device="meta"))  # shapes alone: nothing is computed
    return tuple(found[path] for path in order)


@lru_cache
def occupants() -> dict[str, tuple[str, ...]]:
    """{slot: the variants with a mechanism there}, from the networks as they are built."""
    slots = [station.path for station in stations(160) if station.placement]
    built = {name: empty_model(name) for name in VARIANTS}
    return {slot: tuple(name for name, model in built.items() if _is_taken(model, slot)) for slot in slots}


def _is_taken(model: ResNet, slot: str) -> bool:
    return not isinstance(model.get_submodule(slot), (nn.Identity, GlobalAveragePool))
