"""The table of variants: which mechanism sits in which placement. Everything else derives from VARIANTS."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from attention.core.errors import BadInput
from attention.models.mechanisms import MECHANISMS, Mechanism
from attention.models.network import WIDTHS, ResNet

PLACEMENTS = {
    "none": "no attention",
    "input": "on the input image",
    "block": "inside every residual block",
    "stage": "after a stage",
    "head": "before the classifier",
    "everywhere": "on the input, inside every residual block and before the classifier",
}
WHERE = {  # the placement in titles, in blocks the position instead; Chinese in words/names.toml
    "input": "on the input",
    "standard": "in every block",
    "pre": "before the branch",
    "post": "after the addition",
    "replace": "in place of a convolution",
    "stage": "after stage {stages}",
    "head": "in the head",
    "everywhere": "everywhere",
    "some stages": ", stage {stages}",  # follows the position where only the blocks of these stages have it
    "another seed": "seed {seed}",  # the same model, trained once more
}
REFERENCE = "baseline"
WIDER = (56, 112, 224, 224)  # the plain network at about the CPU latency of CBAM in every block: docs/recipes.md


@dataclass(frozen=True)
class Variant:
    """One row of the study: a mechanism (None for a control) in a placement.

    `stages` (of 1 to 4) are those after which a "stage" mechanism sits, or in whose blocks a "block" mechanism sits;
    `position` is where in the block, one of network.BLOCK_POSITIONS. The weights of `offered` variants are committed,
    from the run with `seed`.
    """

    name: str
    mechanism: str | None
    placement: str
    stages: tuple[int, ...] = (1, 2, 3, 4)
    position: str = "standard"
    widths: tuple[int, ...] = WIDTHS
    offered: bool = False  # with weights in checkpoints/, for the page to run
    seed: int = 0
    replicate_of: str | None = None  # the row of the study of which this is another run

    @property
    def kind(self) -> str:
        """The mechanism's title, or a control's, without the placement."""
        if self.mechanism is None:
            return "Baseline" if self.widths == WIDTHS else "Wider baseline"
        return MECHANISMS[self.mechanism].title

    def place(self, words: dict[str, str] = WHERE) -> str:
        """The placement in a language's words; "" for a control and for a mechanism with only one placement.

        For a replicate it is the seed instead.
        """
        if self.replicate_of:
            return words["another seed"].format(seed=self.seed)
        same = [v for v in VARIANTS.values() if v.mechanism == self.mechanism and v.name != self.name]
        if self.is_control or not same:
            return ""
        in_block = self.placement == "block"
        said = words[self.position if in_block else self.placement]
        if in_block and len(self.stages) < len(self.widths):
            said += words["some stages"]
        return said.format(stages=", ".join(map(str, self.stages)))

    @property
    def title(self) -> str:
        """A short English title that no other variant has."""
        return ", ".join(part for part in (self.kind, self.place()) if part)

    @property
    def info(self) -> Mechanism | None:
        return MECHANISMS[self.mechanism] if self.mechanism else None

    @property
    def is_control(self) -> bool:
        return self.mechanism is None


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant(REFERENCE, None, "none", offered=True),
        Variant("qk-spatial-input", "qk-spatial", "input", offered=True),
        Variant("se-block", "se", "block", offered=True),
        Variant("channel-softmax-block", "channel-softmax", "block", offered=True),
        Variant("spatial-channel-block", "spatial-channel", "block", offered=True),
        Variant("cbam-block", "cbam", "block", offered=True),
        Variant("self-attention-stage", "self-attention", "stage", stages=(3,), offered=True),
        Variant("attention-pool-head", "attention-pool", "head", offered=True),
        # the variants above are trained with the most seeds; each of those below answers one question
        Variant("baseline-wide", None, "none", widths=WIDER, offered=True),
        Variant("spatial-channel-input", "spatial-channel", "input"),
        Variant("cbam-input", "cbam", "input"),
        Variant("grid-self-attention-input", "grid-self-attention", "input"),
        Variant("qk-spatial-block", "qk-spatial", "block"),
        Variant("eca-block", "eca", "block"),
        Variant("gc-block", "gc", "block"),
        Variant("simam-block", "simam", "block"),
        Variant("se-pre-block", "se", "block", position="pre"),
        Variant("se-post-block", "se", "block", position="post"),
        Variant("mhsa-block", "mhsa", "block", stages=(4,), position="replace", offered=True),
        Variant("bam-stage", "bam", "stage", stages=(1, 2, 3), offered=True),
        Variant("self-attention-stage1", "self-attention", "stage", stages=(1,)),
        Variant("self-attention-stage2", "self-attention", "stage", stages=(2,)),
        Variant("self-attention-stage4", "self-attention", "stage", stages=(4,)),
        Variant("sagan-stage", "sagan", "stage", stages=(3,)),
        Variant("non-local-stage", "non-local", "stage", stages=(3,)),
        Variant("attention-pool-conv-head", "attention-pool-conv", "head"),
        Variant("attention-pool-transformer-head", "attention-pool-transformer", "head"),
        Variant("multi-head-pool-head", "multi-head-pool", "head", offered=True),
        Variant("qk-spatial-head", "qk-spatial", "head"),
        Variant("se-head", "se", "head"),
        Variant("spatial-channel-everywhere", "spatial-channel", "everywhere"),
        Variant("cbam-everywhere", "cbam", "everywhere"),
    )
}


# The plain network trained once more. The two differ by chance alone, which is the measure for every other difference.
# It is not a row of the study (there, it is a seed like any other) but a model that the page offers.
REPLICATES = {
    replicate.name: replicate
    for replicate in (replace(VARIANTS[REFERENCE], name="baseline-seed1", replicate_of=REFERENCE, seed=1),)
}


def all_models() -> dict[str, Variant]:
    """The study's variants, then the replicates: every name that a checkpoint can have, in the order of the page."""
    return VARIANTS | REPLICATES


class UnknownVariant(BadInput, ValueError):
    """A name that is neither in VARIANTS nor in REPLICATES; the message lists those that are."""


def variant(name: str) -> Variant:
    """Look a variant or a replicate up; raises UnknownVariant with the known names."""
    known = all_models()
    if name not in known:
        raise UnknownVariant(f"There is no model {name!r}. Known: {', '.join(known)}.")
    return known[name]


def _slots(chosen: Variant) -> dict:
    """The keyword arguments of ResNet that put a variant's mechanism in its place."""
    if chosen.mechanism is None:
        return {}
    build = MECHANISMS[chosen.mechanism].build
    head = "head_pool" if MECHANISMS[chosen.mechanism].is_pooling else "head_gate"
    block = {"block": build, "block_position": chosen.position, "block_stages": chosen.stages}
    return {
        "input": {"input": build},
        "block": block,
        "stage": {"stage": build, "stages": chosen.stages},
        "head": {head: build},
        "everywhere": {"input": build, head: build} | block,
    }[chosen.placement]


def _seeded(seed: int, build) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed every GPU too
        return build()


def _constructor(name: str, num_classes: int) -> Callable[[], ResNet]:
    chosen = variant(name)
    return partial(ResNet, num_classes, chosen.widths, **_slots(chosen))


def empty_model(name: str, num_classes: int = 10) -> ResNet:
    """A variant without weights, for load_state_dict(..., assign=True): nothing is drawn or allocated first."""
    with torch.device("meta"):
        return _constructor(name, num_classes)()


def build_model(name: str, num_classes: int = 10, seed: int = 0) -> ResNet:
    """A freshly initialised variant, in training mode on the CPU. Raises UnknownVariant.

    All variants of one seed start from the same backbone weights. An extra module shifts the random numbers, so the
    weights are copied from the plain network wherever name and shape match; only the attention's own weights differ.
    """
    model = _seeded(seed, _constructor(name, num_classes))
    shared = _seeded(seed, partial(ResNet, num_classes)).state_dict()
    own = model.state_dict()
    own.update({key: value for key, value in shared.items() if key in own and own[key].shape == value.shape})
    model.load_state_dict(own)
    return model


def first_shown(names: Iterable[str]) -> list[str]:
    """Those of `names` that are shown first: the plain network, then one or two per placement."""
    names = list(names)
    on_input = next((name for name in ("qk-spatial-input", "grid-self-attention-input") if name in names), None)
    wanted = (REFERENCE, on_input, "se-block", "cbam-block", "self-attention-stage", "attention-pool-head")
    return [name for name in names if name in wanted]
