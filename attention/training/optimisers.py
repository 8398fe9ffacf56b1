"""The optimisers of a recipe, its one-cycle learning rate and the average of the weights."""

import torch
from torch import Tensor, nn

from attention.models.network import is_attention
from attention.training.muon import Muon
from attention.training.recipes import Recipe


def one_cycle(step: int, steps: int, warmup_fraction: float) -> float:
    """The factor on every learning rate at `step` of `steps`: linear from 0 to 1, then linear back to 0."""
    peak = max(1, round(steps * warmup_fraction))
    return min((step + 1) / peak, (steps - step) / max(1, steps - peak))


class Optimisers:
    """Muon for the backbone's convolutions and SGD for its norms and classifier, in every variant; AdamW for attention.

    AdamW limits a parameter's step whatever its gradient, which a softmax rescaled by the number of positions needs. On
    CUDA the learning rates are tensors, so that a step in a CUDA graph reads their current values.
    """

    def __init__(self, model: nn.Module, recipe: Recipe):
        groups: dict[str, list[nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            role = "attention" if is_attention(name) else "convolution" if parameter.ndim == 4 else "backbone"
            groups.setdefault(f"{role} {'vectors' if parameter.ndim <= 1 else 'matrices'}", []).append(parameter)
        device = next(model.parameters()).device
        on_cuda = device.type == "cuda"

        def rate(value: float) -> float | Tensor:
            return torch.tensor(value, device=device) if on_cuda else value

        def group(key: str, lr: float, decay: float = 0.0) -> list[dict]:
            return [{"params": groups[key], "lr": rate(lr), "peak": lr, "weight_decay": decay}] if key in groups else []

        sgd_lr, vector_lr = recipe.sgd_lr, recipe.attention_vector_lr
        muon = group("convolution matrices", recipe.muon_lr, recipe.muon_weight_decay)
        sgd = group("backbone matrices", sgd_lr, recipe.sgd_weight_decay) + group("backbone vectors", sgd_lr)
        adamw = group("attention matrices", recipe.attention_lr, recipe.attention_weight_decay)
        adamw += group("attention vectors", vector_lr)
        # fused: the only form of SGD whose rate may be a tensor without a copy to the host
        self.optimizers: list[torch.optim.Optimizer] = [
            Muon(muon, recipe.muon_lr, recipe.muon_momentum),
            torch.optim.SGD(sgd, momentum=recipe.sgd_momentum, nesterov=True, fused=on_cuda),
        ]
        if adamw:
            self.optimizers.append(torch.optim.AdamW(adamw, capturable=on_cuda))

    def set_rates(self, factor: float) -> None:
        """Set every learning rate to `factor` times its peak."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(group["peak"] * factor)
                else:
                    group["lr"] = group["peak"] * factor

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> list[dict]:
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def load_state_dict(self, states: list[dict]) -> None:
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)

    def tensors(self) -> list[Tensor]:
        """The optimisers' state: all tensors that a step changes besides the weights."""
        return [
            value
            for optimizer in self.optimizers
            for state in optimizer.state.values()
            for value in state.values()
            if isinstance(value, Tensor)
        ]


class Average:
    """An exponential average of a model's weights and batch norm statistics, kept in a second model."""

    def __init__(self, averaged: nn.Module, model: nn.Module, decay: float):
        pairs = list(zip(averaged.state_dict().values(), model.state_dict().values(), strict=True))
        self.decay = decay
        self.means, self.values = zip(*[pair for pair in pairs if pair[0].is_floating_point()], strict=True)
        self.counts, self.counters = zip(*[pair for pair in pairs if not pair[0].is_floating_point()], strict=True)

    @torch.no_grad()
    def update(self) -> None:
        torch._foreach_lerp_(self.means, self.values, 1 - self.decay)
        torch._foreach_copy_(self.counts, self.counters)  # batch norm's counters
