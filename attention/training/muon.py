"""Muon for convolutions (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/).

A test compares it with timm.optim.Muon. That one is not used because its Newton-Schulz iteration always runs in
bfloat16, which is 7 times slower than float32 on processors that do not multiply in bfloat16 (192 x 1728 on an EPYC of
family 25: 12.7 ms against 1.8 ms). torch.optim.Muon takes only matrices.
"""

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrix: Tensor, steps: int = 3, dtype: torch.dtype | None = None) -> Tensor:
    """(..., m, n) -> (..., m, n) with singular values near 1: quintic Newton-Schulz on matrices scaled to norm <= 1."""
    x = matrix.to(dtype or matrix.dtype)
    transposed = x.shape[-2] > x.shape[-1]
    if transposed:
        x = x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return (x.mT if transposed else x).to(matrix.dtype)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with an orthogonalised direction; a weight (out, in, kh, kw) is an out x (in kh kw) matrix.

    An update's entries have a root mean square of about 0.2 `lr`, like AdamW's (https://arxiv.org/abs/2502.16982): its
    spectral norm is 0.2 lr sqrt(max(out, rest)). `weight_decay` is decoupled (times lr). `lr` may be a tensor of one
    element, which a CUDA graph reads anew in every replay. The iteration runs in bfloat16 on CUDA and in the weights'
    dtype elsewhere, over all weights of one shape at once.
    """

    def __init__(self, params, lr: float | Tensor, momentum: float = 0.9, weight_decay: float = 0.0, steps: int = 3):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps})

    @torch.no_grad()
    def step(self, closure=None) -> None:
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    by_shape.setdefault(weight.shape, []).append(weight)
            for weights in by_shape.values():
                self._step_alike(weights, group)

    def _step_alike(self, weights: list[Tensor], group: dict) -> None:
        """One update of weights that share a shape."""
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        gradients = [weight.grad for weight in weights]
        buffers = [self.state[weight]["momentum_buffer"] for weight in weights]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        nesterov = torch._foreach_lerp(gradients, buffers, group["momentum"])
        matrices = torch.stack(
            [direction.reshape(len(direction), -1) for direction in nesterov]
        )  # (weights, out, rest)
        updates = orthogonalise(matrices, group["steps"], torch.bfloat16 if matrices.is_cuda else None)
        updates = updates * (-group["lr"] * 0.2 * max(matrices.shape[1:]) ** 0.5)
        torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(weights, [u.reshape(w.shape) for u, w in zip(updates, weights, strict=True)])
