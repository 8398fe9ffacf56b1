"""The table of variants: which mechanism sits in which placement. Everything else derives from VARIANTS."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from attention.mechanisms import MECHANISMS, Mechanism
from attention.network import WIDTHS, ResNet

PLACEMENTS = {
    "none": "no attention",
    "input": "on the input image",
    "block": "inside every residual block",
    "stage": "after a stage",
    "head": "before the classifier",
}
REFERENCE = "baseline"


@dataclass(frozen=True)
class Variant:
    """One row of the study. `stage` (1 to 4) matters for the placement "stage" alone."""

    name: str
    mechanism: str | None
    placement: str
    stage: int = 3
    widths: tuple[int, ...] = WIDTHS

    @property
    def title(self) -> str:
        return MECHANISMS[self.mechanism].title if self.mechanism else "Baseline"

    @property
    def info(self) -> Mechanism | None:
        return MECHANISMS[self.mechanism] if self.mechanism else None

    @property
    def is_control(self) -> bool:
        return self.mechanism is None


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(REFERENCE, None, "none"),
        Variant("qk-spatial-input", "qk-spatial", "input"),
        Variant("se-block", "se", "block"),
        Variant("channel-softmax-block", "channel-softmax", "block"),
        Variant("spatial-channel-block", "spatial-channel", "block"),
        Variant("cbam-block", "cbam", "block"),
        Variant("self-attention-stage", "self-attention", "stage"),
        Variant("attention-pool-head", "attention-pool", "head"),
    )
}


class UnknownVariant(ValueError):
    """A name that is not in VARIANTS; the message lists those that are."""


def variant(name: str) -> Variant:
    """Look a variant up; raises UnknownVariant with the known names."""
    if name not in VARIANTS:
        raise UnknownVariant(f"There is no model {name!r}. Known: {', '.join(VARIANTS)}.")
    return VARIANTS[name]


def _slots(chosen: Variant) -> dict:
    if chosen.mechanism is None:
        return {}
    mechanism = MECHANISMS[chosen.mechanism]
    if chosen.placement == "stage":
        return {"stage": mechanism.build, "stage_index": chosen.stage}
    if chosen.placement == "head":
        return {"head_pool" if mechanism.is_pooling else "head_gate": mechanism.build}
    return {chosen.placement: mechanism.build}


def _seeded(seed: int, build) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed every GPU too
        return build()


def build_model(name: str, num_classes: int = 10, seed: int = 0) -> ResNet:
    """A freshly initialised variant, in training mode on the CPU. Raises UnknownVariant.

    Every variant of one seed starts from the same backbone weights: a module more shifts the random stream, so they are
    copied from the plain network wherever name and shape match, and only the attention's own weights differ.
    """
    chosen = variant(name)
    build = partial(ResNet, num_classes, chosen.widths, **_slots(chosen))
    model = _seeded(seed, build)
    shared = _seeded(seed, partial(ResNet, num_classes)).state_dict()
    own = model.state_dict()
    own.update({key: value for key, value in shared.items() if key in own and own[key].shape == value.shape})
    model.load_state_dict(own)
    return model
