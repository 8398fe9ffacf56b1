"""Switches attention off: a copy of a model with uniform attention, to see what the attention changed."""

import copy

import torch
from torch import Tensor, nn

from attention.models.visible import visible


class Neutral(nn.Module):
    """Takes the place of a `gate` or `attn`: scores of any shape -> the same shape, filled with one uniform weight.

    A softmax along `dim` becomes uniform, 1 / n each; a gate (`dim` None) becomes `gate` everywhere.
    """

    def __init__(self, gate: float = 1.0, dim: int | None = None):
        super().__init__()
        self.gate, self.dim = gate, dim

    def forward(self, scores: Tensor) -> Tensor:
        return torch.full_like(scores, self.gate if self.dim is None else 1 / scores.shape[self.dim])


def without_attention(model: nn.Module) -> nn.Module:
    """A copy of a model with neutral attention weights in place of the learned ones; the model itself is not changed.

    Each softmax becomes uniform, each gate 1 (or its mechanism's `neutral_gate`), and each learned strength `gamma` 0.
    So gates, self-attention with a gamma and rescaled softmaxes become the identity, and attention pooling becomes the
    average. Mechanisms without such an off switch (a non-local block, global context, multi-head self-attention) get
    the plain mean of all positions.
    """
    model = copy.deepcopy(model)
    for path, module in visible(model).items():
        parent_path, _, name = path.rpartition(".")
        parent = model.get_submodule(parent_path)
        neutral = Neutral(getattr(parent, "neutral_gate", 1.0)) if name == "gate" else Neutral(dim=module.dim)
        setattr(parent, name, neutral.train(module.training))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.rpartition(".")[2] == "gamma":
                parameter.zero_()
    return model
