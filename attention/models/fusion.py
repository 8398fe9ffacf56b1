"""Prepares a model for inference: batch norm is folded into convolutions, convolutions are packed for the CPU.

`fold` leaves plain modules, so it serves every device and the export. `pack` is for CPUs: oneDNN needs a convolution's
weights in a memory layout of its own, and torch reorders them in every call (2.9 million weights, about a third of the
time at batch 1). With weights packed once, and ReLU and the shortcut's addition done while a result is still in the
cache, one image takes 0.65 of the time. The rules look at modules and their inputs and know no mechanism.
docs/performance.md has the figures.
"""

import copy
from collections import defaultdict
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from attention.models.network import BasicBlock, ResNet
from attention.pictures.preprocessing import STUDY

Read = dict[nn.Module, list[Tensor]]  # the inputs of each convolution, one tensor per call


def fold(model: ResNet) -> ResNet:
    """A copy in evaluation mode with batch norms folded into the convolutions before them; it is the same function.

    A batch norm belongs to the convolution that is defined right before it, which holds all over this project. A batch
    norm after another module (an attention in place of the convolution) stays.
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
    """A Conv2d with its weights in oneDNN's own layout, and perhaps a ReLU: (B, Cin, H, W) -> (B, Cout, H', W').

    The layout depends on `input_size` [B, Cin, H, W]. Inputs of another size give right results too, but then the
    weights are reordered in every call (twice the time). For evaluation on a CPU: it has no parameters and no gradient.
    It uses private operators of torch's own compiler, so `can_pack` tries them first.
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
    """Whether torch has these operators on this CPU, and they compute what a convolution computes."""
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


class PackedLinear(nn.Module):
    """A 1x1 Conv2d as a matrix product, and perhaps a ReLU: (B, Cin, H, W) -> (B, Cout, H, W), channels last.

    For a single position, as in channel gates: a oneDNN call takes 20 us before it multiplies anything, this module 4
    us in all. With many positions it is no faster.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.weight = conv.weight.detach().flatten(1).contiguous()  # (Cout, Cin)
        self.bias = None if conv.bias is None else conv.bias.detach()
        self.after = "none"

    def forward(self, x: Tensor) -> Tensor:
        out = F.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)
        return F.relu_(out) if self.after == "relu" else out


class PackedTogether:
    """Runs several convolutions of the same geometry as one when they read the same tensor, as queries and keys do.

    Each is a `Part`; the first that is called computes all. A tensor and its results are held until every part was
    called.
    """

    def __init__(self, convs: list[nn.Conv2d], input_size: list[int]):
        first, widths = convs[0], [conv.out_channels for conv in convs]
        whole = nn.Conv2d(
            first.in_channels, sum(widths), first.kernel_size, first.stride, first.padding, first.dilation,
            bias=any(conv.bias is not None for conv in convs), device="meta",
        )  # fmt: skip
        whole.weight = nn.Parameter(torch.cat([conv.weight for conv in convs]), requires_grad=False)
        if whole.bias is not None:
            biases = [conv.weight.new_zeros(conv.out_channels) if conv.bias is None else conv.bias for conv in convs]
            whole.bias = nn.Parameter(torch.cat(biases), requires_grad=False)
        self.convolve, self.widths = _packed(whole, input_size), widths
        self._read: tuple[Tensor, int] | None = None  # the tensor, and its version: it may be overwritten
        self._parts: list[Tensor | None] = []

    def part(self, x: Tensor, number: int) -> Tensor:
        version = 0 if x.is_inference() else x._version
        if self._read is None or self._read[0] is not x or self._read[1] != version or self._parts[number] is None:
            self._read, self._parts = (x, version), list(self.convolve(x).split(self.widths, dim=1))
        found, self._parts[number] = self._parts[number], None
        if all(part is None for part in self._parts):
            self._read = None
        return found


class Part(nn.Module):
    """One of the convolutions of a PackedTogether: (B, Cin, H, W) -> (B, Cout, H', W')."""

    def __init__(self, together: PackedTogether, number: int):
        super().__init__()
        self.together, self.number = together, number

    def forward(self, x: Tensor) -> Tensor:
        return self.together.part(x, self.number)


class PackedMaxPool2d(nn.Module):
    """nn.MaxPool2d(3, stride=2, padding=1) after a ReLU: (B, C, H, W) -> (B, C, H/2, W/2), channels last.

    It takes the maximum of two whole rows at a time, then of two columns. Floats that are not negative sort as their
    bits do, and torch compares integers faster. Odd heights and widths, and other dtypes, use torch's own pooling.
    """

    BITS = {torch.float32: torch.int32, torch.bfloat16: torch.int16}

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype not in self.BITS or x.shape[2] % 2 or x.shape[3] % 2:
            return F.max_pool2d(x, 3, stride=2, padding=1)
        bits = x.permute(0, 2, 3, 1).view(self.BITS[x.dtype])  # (B, H, W, C)
        rows = torch.maximum(bits[:, 0::2], bits[:, 1::2])
        torch.maximum(rows[:, 1:], bits[:, 1:-1:2], out=rows[:, 1:])
        found = torch.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
        torch.maximum(found[:, :, 1:], rows[:, :, 1:-1:2], out=found[:, :, 1:])
        return found.view(x.dtype).permute(0, 3, 1, 2)


def largest(x: Tensor, dim: int | tuple[int, int], keepdim: bool = True) -> Tensor:
    """torch.amax over channels or over positions of (B, C, H, W), the same to the bit, for inference on a CPU.

    With few channels or in half precision amax goes number by number: 200 us for 48 x 40 x 40, against 15 by pooling.
    """
    if dim == (2, 3) and keepdim:
        return F.adaptive_max_pool2d(x, 1)
    return x.float().amax(dim, keepdim).to(x.dtype)


class PackedBlock(nn.Module):
    """A folded BasicBlock with packed convolutions. Its input may be overwritten: nothing else reads it."""

    def __init__(self, block: BasicBlock, read: Read):
        super().__init__()
        self.position = block.position
        self.conv1 = PackedConv2d(block.conv1, list(read[block.conv1][0].shape), relu=True)
        self.conv2, self.bn2 = block.conv2, block.bn2  # bn2 is a norm only where attention replaced conv2
        self.attention, self.shortcut = block.attention, block.shortcut
        self.ends_in_conv2 = isinstance(block.conv2, nn.Conv2d) and (
            isinstance(block.attention, nn.Identity) or block.position in ("pre", "post")
        )
        _pack_children(self, read)

    def _attend(self, x: Tensor, here: str) -> Tensor:
        return self.attention(x) if self.position == here else x

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)  # it is not after self-attention
        branch = self.conv1(self._attend(x, "pre"))
        shortcut = self.shortcut(x)
        if self.ends_in_conv2:
            return self._attend(self.conv2.add_and_relu(branch, shortcut), "post")
        branch = self._attend(self.conv2(branch), "replace").contiguous(memory_format=torch.channels_last)
        return F.relu_(self._attend(self.bn2(branch), "standard").add_(shortcut))


def _read(model: ResNet, images: Tensor) -> Read:
    read: Read = defaultdict(list)
    handles = [
        module.register_forward_pre_hook(lambda conv, given: read[conv].append(given[0]))
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad():
        model.forward_features(images)
    for handle in handles:
        handle.remove()
    return read


def _packed(conv: nn.Conv2d, input_size: list[int]) -> PackedConv2d | PackedLinear:
    is_pointwise = conv.kernel_size == conv.stride == (1, 1) and conv.padding == (0, 0) and conv.groups == 1
    return PackedLinear(conv) if is_pointwise and input_size[2:] == [1, 1] else PackedConv2d(conv, input_size)


def _pack_together(module: nn.Module, read: Read) -> None:
    """Pack the convolutions of a module that share a geometry and read the same tensor into one."""
    groups = defaultdict(list)
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and len(read[child]) == 1 and child.groups == 1:
            geometry = child.kernel_size, child.stride, child.padding, child.dilation
            groups[id(read[child][0]), geometry].append(name)
    for names in groups.values():
        if len(names) > 1:
            convs = [module.get_submodule(name) for name in names]
            together = PackedTogether(convs, list(read[convs[0]][0].shape))
            for number, name in enumerate(names):
                setattr(module, name, Part(together, number))


def _pack_children(module: nn.Module, read: Read) -> None:
    """Pack every convolution in a module; in an nn.Sequential, a ReLU after a convolution becomes part of it."""
    _pack_together(module, read)
    if hasattr(module, "largest"):
        module.largest = largest
    before = None  # the last child so far that is not an identity
    for name, child in module.named_children():
        follows = isinstance(module, nn.Sequential) and isinstance(before, PackedConv2d | PackedLinear)
        if isinstance(child, BasicBlock):
            setattr(module, name, PackedBlock(child, read))
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, _packed(child, list(read[child][0].shape)))
        elif isinstance(child, nn.ReLU) and follows:
            before.after = "relu"
            setattr(module, name, nn.Identity())
        elif follows and before.after == "relu" and _halves(child):
            setattr(module, name, PackedMaxPool2d())
        else:
            _pack_children(child, read)
        now = getattr(module, name)
        before = before if isinstance(now, nn.Identity) else now


def _halves(module: nn.Module) -> bool:
    """Whether it is the max pooling that PackedMaxPool2d replaces."""
    if not isinstance(module, nn.MaxPool2d) or module.ceil_mode or module.return_indices:
        return False
    return (module.kernel_size, module.stride, module.padding, module.dilation) == (3, 2, 1, 1)


def pack(model: ResNet, pixels: int = STUDY.test_pixels) -> ResNet:
    """Pack the convolutions before the head, in place, for one image of `pixels` a side.

    The head stays, because class activation maps differentiate it. Does nothing where the CPU or torch lacks the
    operators.
    """
    weight = next(model.stem.parameters())
    if weight.device.type == "cpu" and can_pack(weight.dtype):
        images = torch.zeros(1, 3, pixels, pixels, dtype=weight.dtype).contiguous(memory_format=torch.channels_last)
        read = _read(model, images)
        for body in model.body():
            _pack_children(body, read)
    return model
