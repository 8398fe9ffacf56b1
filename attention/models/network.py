"""The backbone: a small ResNet with one named slot for each placement of attention.

    input   before the first convolution: attention adjusts the image itself
    block   in residual blocks: at the end of the branch, before the addition (Squeeze-and-Excitation's standard place),
            before the branch, after the addition, or in place of the second convolution
    stage   after chosen stages
    head    before the fully connected layer: a gate before the pooling, or a pooling in place of the average

A slot that is not used holds nn.Identity, so every variant shares the parameter names of the plain network and can
start from the same backbone weights (see variants.build_model).
"""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

AttentionFactory = Callable[[int], nn.Module]  # channels -> module

WIDTHS = (48, 96, 192, 192)
STRIDES = (1, 2, 2, 1)  # the last stage keeps its grid: a 160 px image ends as 10 x 10 positions, enough for a heatmap
BLOCK_POSITIONS = ("standard", "pre", "post", "replace")  # the first three as in section 6.2 of arXiv 1709.01507


def _slot(factory: AttentionFactory | None, channels: int) -> nn.Module:
    return nn.Identity() if factory is None else factory(channels)


def _conv3x3(in_channels: int, out_channels: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut: (B, Cin, H, W) -> (B, Cout, H/stride, W/stride).

    A shortcut that shrinks averages before its 1x1 convolution (ResNet-D, https://arxiv.org/abs/1812.01187), so that it
    drops no position. `position`, one of BLOCK_POSITIONS, says where the attention sits: at the end of the residual
    branch, before the branch, after the addition, or in place of the second convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        attention: AttentionFactory | None = None,
        position: str = "standard",
    ):
        super().__init__()
        self.position = position
        self.conv1 = _conv3x3(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        replaced = attention is not None and position == "replace"
        self.conv2 = nn.Identity() if replaced else _conv3x3(out_channels, out_channels)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.attention = _slot(attention, in_channels if position == "pre" else out_channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride) if stride > 1 else nn.Identity(),
                nn.Conv2d(in_channels, out_channels, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def _attend(self, x: Tensor, here: str) -> Tensor:
        return self.attention(x) if self.position == here else x

    def forward(self, x: Tensor) -> Tensor:
        branch = F.relu(self.bn1(self.conv1(self._attend(x, "pre"))), inplace=True)
        branch = self.bn2(self._attend(self.conv2(branch), "replace"))
        branch = self._attend(branch, "standard")
        return self._attend(F.relu(branch + self.shortcut(x), inplace=True), "post")


class GlobalAveragePool(nn.Module):
    """The pooling of the plain network: (B, C, H, W) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


class ResNet(nn.Module):
    """(B, 3, H, W) normalised images -> (B, num_classes) logits; H and W are multiples of 16, 96 to 224 px.

    Each of `input`, `block`, `stage`, `head_gate` and `head_pool` is a factory `channels -> nn.Module`, or None.
    `block_position` is one of BLOCK_POSITIONS. `block_stages` are the stages (of 1 to 4) with attention in their
    blocks, `stages` those with attention after them. Raises ValueError for a position or stage that does not exist.
    """

    def __init__(
        self,
        num_classes: int = 10,
        widths: tuple[int, ...] = WIDTHS,
        strides: tuple[int, ...] = STRIDES,
        *,
        input: AttentionFactory | None = None,
        block: AttentionFactory | None = None,
        block_position: str = "standard",
        block_stages: tuple[int, ...] = (1, 2, 3, 4),
        stage: AttentionFactory | None = None,
        stages: tuple[int, ...] = (3,),
        head_gate: AttentionFactory | None = None,
        head_pool: AttentionFactory | None = None,
    ):
        super().__init__()
        if block_position not in BLOCK_POSITIONS:
            raise ValueError(f"block_position must be one of {', '.join(BLOCK_POSITIONS)}, not {block_position!r}")
        if not {*block_stages, *stages} <= {*range(1, len(widths) + 1)}:
            raise ValueError(f"stages lie between 1 and {len(widths)}, not {block_stages} and {stages}")
        self.input = _slot(input, 3)
        stem_width = max(8, widths[0] // 16 * 8)  # about half of the first stage, in multiples of 8
        self.stem = nn.Sequential(
            _conv3x3(3, stem_width, stride=2),
            nn.BatchNorm2d(stem_width),
            nn.ReLU(inplace=True),
            _conv3x3(stem_width, widths[0]),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        built, after, channels = [], [], widths[0]
        for index, (width, stride) in enumerate(zip(widths, strides, strict=True), start=1):
            slot = (block if index in block_stages else None), block_position
            built.append(nn.Sequential(BasicBlock(channels, width, stride, *slot), BasicBlock(width, width, 1, *slot)))
            after.append(_slot(stage if index in stages else None, width))
            channels = width
        self.stages = nn.ModuleList(built)
        self.stage_attention = nn.ModuleList(after)
        self.head_gate = _slot(head_gate, channels)
        self.pool = GlobalAveragePool() if head_pool is None else head_pool(channels)
        self.fc = nn.Linear(channels, num_classes)
        self._initialise_backbone()

    def _initialise_backbone(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not is_attention(name):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, BasicBlock):
                # Every block begins as its shortcut (https://arxiv.org/abs/1706.02677). Short runs learn much faster,
                # and softmax gates on positions begin uniform; otherwise they collapsed onto one position for good.
                nn.init.zeros_(module.bn2.weight)

    def body(self) -> tuple[nn.Module, ...]:
        """The parts that forward_features runs; what remains is the head."""
        return self.input, self.stem, self.stages, self.stage_attention

    def forward_features(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, H/16, W/16), the last feature map before the head."""
        x = self.stem(self.input(x))
        for stage, attention in zip(self.stages, self.stage_attention, strict=True):
            x = attention(stage(x))
        return x

    def forward_head(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, num_classes): all that a class activation map has to differentiate."""
        return self.fc(self.pool(self.head_gate(features)))

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))


_SLOTS = {"input", "attention", "stage_attention", "head_gate", "pool"}


def is_attention(parameter_or_module_name: str) -> bool:
    """Whether a name of `named_parameters` or `named_modules` lies in one of the placement slots."""
    return not _SLOTS.isdisjoint(parameter_or_module_name.split("."))
