"""Makes a model return all that is shown: logits, last features, class activation map, attention weights.

Hooks do not fire in CUDA graphs, compiled or exported code, and cost a few microseconds each to set and remove. So here
the forward pass itself notes the weights and returns them, and a recorded or traced pass returns them too.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from attention.maps.activation import read_head
from attention.models.fusion import fold, pack
from attention.models.network import ResNet
from attention.models.visible import visible
from attention.pictures.preprocessing import STUDY


class Explanation(NamedTuple):
    """A model's outputs for a batch, on the model's device. Logits, features and activation are float32."""

    logits: Tensor  # (B, classes)
    features: Tensor  # (B, C, h, w), what the head reads
    activation: Tensor  # (B, h, w), class activation map of the most probable class, or of one that was asked for
    weights: dict[str, Tensor]  # what visible.watch sees, by path, in the order of the network


class _Noted(nn.Module):
    """Stands in for a `gate` or `attn` module, and notes what that module returns in `notes`, by path."""

    def __init__(self, weighing: nn.Module, path: str, notes: dict[str, Tensor]):
        super().__init__()
        self.weighing, self.path, self.notes = weighing, path, notes

    def forward(self, scores: Tensor) -> Tensor:
        weights = self.weighing(scores)
        self.notes[self.path] = weights.detach()
        return weights


class Explicit(nn.Module):
    """(B, 3, H, W) normalised float32 images -> Explanation, in one forward pass and without a gradient of the body.

    The body may be in half precision. The head stays in float32, because that costs nothing and the map is made from
    its gradient. It takes over `model` and replaces every `gate` and `attn` in it by a module that also notes the
    weights. Not thread-safe: callers that share it hold a lock.
    """

    def __init__(self, model: ResNet, dtype: torch.dtype = torch.float32):
        super().__init__()
        self.model, self.dtype = model, dtype
        self.noted: dict[str, Tensor] = {}  # attention weights by path, in the order of the network
        for path, module in visible(model).items():
            model.set_submodule(path, _Noted(module, path, self.noted))

    @torch.no_grad()  # not inference_mode: the map may differentiate the head
    def forward(self, images: Tensor) -> Explanation:
        self.noted.clear()
        features = self.model.forward_features(images.to(self.dtype)).float()
        logits, activation = read_head(self.model, features)
        weights = dict(self.noted)
        self.noted.clear()  # nothing of a call is kept
        return Explanation(logits, features, activation, weights)

    @torch.no_grad()
    def explaining(self, found: Explanation, class_index: int) -> Explanation:
        """The Explanation `found`, with the class activation maps of class `class_index` instead, for every image.

        Only the head runs again, on the features in `found`, so this also works after a recorded forward pass.
        """
        classes = torch.full((len(found.features),), class_index, device=found.features.device)
        return found._replace(activation=read_head(self.model, found.features, classes)[1])


def fast(model: ResNet, dtype: torch.dtype = torch.float32, pixels: int = STUDY.test_pixels) -> Explicit:
    """A copy of a model for inference on its device: batch norm folded, channels last, packed for images of `pixels`
    a side, its body in `dtype`."""
    model = fold(model)
    for body in model.body():
        body.to(dtype)
    return Explicit(pack(model.to(memory_format=torch.channels_last), pixels), dtype)


def to_host(explanation: Explanation) -> Explanation:
    """The same on the CPU in float32, by a single transfer: the only time that anything waits for the device."""
    logits, features, activation, weights = explanation
    if logits.device.type == "cpu":  # nothing to transfer
        return Explanation(logits, features, activation, {path: seen.float() for path, seen in weights.items()})
    tensors = [logits, features, activation, *weights.values()]
    flat = torch.cat([tensor.flatten().float() for tensor in tensors]).cpu()
    parts = flat.split([tensor.numel() for tensor in tensors])
    logits, features, activation, *seen = (part.view(t.shape) for part, t in zip(parts, tensors, strict=True))
    return Explanation(logits, features, activation, dict(zip(weights, seen, strict=True)))
