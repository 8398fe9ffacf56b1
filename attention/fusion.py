"""A model made ready for inference: batch norm folded into convolutions, convolutions packed for the processor.

`fold` leaves plain modules: it serves every device, and the export. `pack` is for CPUs: oneDNN wants a convolution's weights
in an order of its own, and torch reorders them in every call (2.9 million weights, about a third of the time at batch 1).
Packed once, and with ReLU and the addition of the shortcut done while a result is still in the cache, one image takes 0.65
of the time. docs/performance.md has the figures.
"""

import copy
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from attention.datasets import EVALUATION_PIXELS
from attention.network import BasicBlock, ResNet


def fold(model: ResNet) -> ResNet:
    """A copy in evaluation mode whose batch norms are part of the convolutions before them; the same function.

    A batch norm belongs to the convolution that is defined right before it, which holds all over this project; one that
    follows something else (an attention in place of the convolution) stays.
    """
    model = copy.deepcopy(model).eval()
    for parent in list(model.modules()):
        children = list(parent.named_children())
        for (name, child), (next_name, next_child) in zip(children, children[1:], strict=False):
            if isinstance(child, nn.Conv2d) and isinstance(next_child, nn.BatchNorm2d):
                setattr(parent, name, fuse_conv_bn_eval(child, next_child))
                setattr(parent, next_name, nn.Identity())
    return model.requires_grad_(False)


class PackedConv2d(nn.Module):
    """A Conv2d with its weights in oneDNN's own order, and perhaps a ReLU: (B, Cin, H, W) -> (B, Cout, H', W').

    The order depends on `input_size` [B, Cin, H, W]: inputs of another size are right too, but their weights are reordered
    in every call (twice the time). For evaluation on a CPU: it has no parameters and no gradient. The operators are those of
    torch's own compiler; they are private, so `can_pack` tries them first.
    """

    def __init__(self, conv: nn.Conv2d, input_size: list[int], relu: bool = False):
        super().__init__()
        self.geometry = [list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups]
        self.weight = torch.ops.mkldnn._reorder_convolution_weight(conv.weight.detach(), *self.geometry, input_size)
        self.bias = None if conv.bias is None else conv.bias.detach()
        self.after = "relu" if relu else "none"

    def forward(self, x: Tensor) -> Tensor:
        convolve = torch.ops.mkldnn._convolution_pointwise.default
        return convolve(x, self.weight, self.bias, *self.geometry, self.after, [], "")

    def add_and_relu(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """relu(conv(x) + shortcut), written over the shortcut."""
        convolve = torch.ops.mkldnn._convolution_pointwise_.binary
        return convolve(shortcut, x, self.weight, self.bias, *self.geometry, "add", 1.0, "relu", [], "")


@lru_cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this torch has the operators on this processor, and they compute what a convolution does."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        conv = nn.Conv2d(8, 8, 3, padding=1).to(dtype, memory_format=torch.channels_last)
        x = torch.rand(1, 8, 6, 6, dtype=dtype).contiguous(memory_format=torch.channels_last)
        expected = conv(x)
        try:
            packed = PackedConv2d(conv, list(x.shape), relu=True)
            found, added = packed(x), packed.add_and_relu(x, x.clone())
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            return False
        near = {"rtol": 0.02, "atol": 0.02}
        return torch.allclose(found, F.relu(expected), **near) and torch.allclose(added, F.relu(expected + x), **near)


class PackedBlock(nn.Module):
    """A folded BasicBlock with packed convolutions. Its input may be overwritten: nothing else reads it."""

    def __init__(self, block: BasicBlock, sizes: dict[nn.Module, list[int]]):
        super().__init__()
        self.position = block.position
        self.conv1 = PackedConv2d(block.conv1, sizes[block.conv1], relu=True)
        self.conv2, self.bn2 = block.conv2, block.bn2  # the norm is one only where an attention replaced conv2
        self.attention, self.shortcut = block.attention, block.shortcut
        self.ends_in_conv2 = isinstance(block.conv2, nn.Conv2d) and (
            isinstance(block.attention, nn.Identity) or block.position in ("pre", "post")
        )
        _pack_children(self, sizes)

    def _attend(self, x: Tensor, here: str) -> Tensor:
        return self.attention(x) if self.position == here else x

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)  # after self-attention it is not
        branch = self.conv1(self._attend(x, "pre"))
        shortcut = self.shortcut(x)
        if self.ends_in_conv2:
            return self._attend(self.conv2.add_and_relu(branch, shortcut), "post")
        branch = self.bn2(self._attend(self.conv2(branch), "replace"))
        return F.relu_(self._attend(branch, "standard").add_(shortcut))


def _input_sizes(model: ResNet, images: Tensor) -> dict[nn.Module, list[int]]:
    """The shape of what each convolution gets."""
    sizes: dict[nn.Module, list[int]] = {}
    handles = [
        module.register_forward_pre_hook(lambda conv, given: sizes.__setitem__(conv, list(given[0].shape)))
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad():
        model.forward_features(images)
    for handle in handles:
        handle.remove()
    return sizes


def _pack_children(module: nn.Module, sizes: dict[nn.Module, list[int]]) -> None:
    """Pack every convolution below; in an nn.Sequential a ReLU that follows one becomes part of it."""
    before = None  # the child before that is not an identity
    for name, child in module.named_children():
        if isinstance(child, BasicBlock):
            setattr(module, name, PackedBlock(child, sizes))
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, PackedConv2d(child, sizes[child]))
        elif isinstance(child, nn.ReLU) and isinstance(before, PackedConv2d) and isinstance(module, nn.Sequential):
            before.after = "relu"
            setattr(module, name, nn.Identity())
        else:
            _pack_children(child, sizes)
        now = getattr(module, name)
        before = before if isinstance(now, nn.Identity) else now


def pack(model: ResNet, pixels: int = EVALUATION_PIXELS) -> ResNet:
    """Pack the convolutions before the head, in place, for one image of so many pixels a side.

    The head stays, since class activation maps differentiate it. Does nothing where the processor or this torch cannot.
    """
    weight = next(model.stem.parameters())
    if weight.device.type == "cpu" and can_pack(weight.dtype):
        images = torch.zeros(1, 3, pixels, pixels, dtype=weight.dtype).contiguous(memory_format=torch.channels_last)
        sizes = _input_sizes(model, images)
        for body in model.body():
            _pack_children(body, sizes)
    return model
