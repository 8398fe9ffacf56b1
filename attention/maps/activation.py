"""Class activation maps, which every model has: at the head, and at every depth."""

from contextlib import ExitStack

import numpy as np
import torch
from torch import Tensor, nn

from attention.models.network import GlobalAveragePool, ResNet


def read_head(model: ResNet, features: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Logits (B, classes) and class activation maps (B, h, w), not negative, from the last feature map (B, C, h, w).

    Grad-CAM (Selvaraju et al., https://arxiv.org/abs/1610.02391) of `classes` (B,), by default the most probable ones.
    Only the head is run and differentiated, with no backward pass through the network. For average pooling with a
    linear layer the gradient is a row of that layer's weights, and nothing is differentiated. Features must not come
    from torch.inference_mode, because autograd refuses them. Nothing waits for the device.
    """
    is_linear = isinstance(model.head_gate, nn.Identity) and isinstance(model.pool, GlobalAveragePool)
    with torch.set_grad_enabled(not is_linear):
        features = features.detach().requires_grad_(not is_linear)
        logits = model.forward_head(features)
        classes = logits.argmax(1) if classes is None else classes
        if is_linear:
            importance = model.fc.weight.index_select(0, classes) / (features.shape[2] * features.shape[3])  # (B, C)
        else:
            chosen = logits.gather(1, classes.unsqueeze(1)).sum()
            importance = torch.autograd.grad(chosen, features)[0].mean(dim=(2, 3))
    features = features.detach()
    activation = importance.detach().unsqueeze(1) @ features.flatten(2)  # (B, 1, N)
    return logits.detach(), activation.clamp_(min=0).view(-1, *features.shape[2:])


def class_activation_map(model: ResNet, features: Tensor, class_index: int) -> np.ndarray:
    """The class activation map (h, w) of one class for a single image's features (1, C, h, w): see read_head."""
    classes = torch.tensor([class_index], device=features.device)
    return read_head(model, features, classes)[1][0].float().cpu().numpy()


def activation_maps(model: ResNet, images: Tensor, class_index: int | None = None) -> tuple[Tensor, dict[int, Tensor]]:
    """Logits (B, classes) and {stage, from 1: class activation maps (B, h, w), not negative} at every depth.

    The maps are of class `class_index`, or of the most probable class of each image. The last stage has Grad-CAM, as in
    read_head. The stages before have LayerCAM (Jiang et al., https://ieeexplore.ieee.org/document/9462463), which
    weighs each position by its own positive gradient, because a channel's mean gradient says little there. Takes one
    backward pass through the network.
    """
    outputs: list[Tensor] = []
    with ExitStack() as hooks, torch.enable_grad():
        for after in model.stage_attention:
            hooks.enter_context(after.register_forward_hook(lambda _m, _in, out: outputs.append(out)))
        logits = model(images.detach().requires_grad_())
        explained = logits.amax(1) if class_index is None else logits[:, class_index]
        gradients = torch.autograd.grad(explained.sum(), outputs)
    maps = {}
    for stage, (output, gradient) in enumerate(zip(outputs, gradients, strict=True), start=1):
        is_last = stage == len(outputs)
        weights = gradient.mean((2, 3), keepdim=True) if is_last else gradient.clamp(min=0)
        maps[stage] = (weights * output.detach()).sum(1).clamp(min=0)
    return logits.detach(), maps
