"""(d) Each mechanism that timm also has against timm's: same reduction, same normalisation, same weights.

    python -m benchmarks.mechanisms [--short]

A call is forward and backward in float32, gradients of input and parameters included, on maps of our network's stages at
160 px. Outputs are compared before anything is timed. timm's biases that ours leave out, because nothing can see them,
are there and 0.
"""

import argparse
from statistics import median

import timm.layers.cbam
import timm.layers.non_local_attn
import torch
from torch import nn

from attention.models.mechanisms.channel import EfficientChannelAttention, SqueezeExcitation
from attention.models.mechanisms.combined import CBAM, GlobalContext
from attention.models.mechanisms.self_attention import NonLocalBlock
from benchmarks.sides import in_turn, machine, print_table, ratio, rounds_within

SHAPES = ((48, 40), (96, 20), (192, 10))  # (channels, side) of stages 1, 2 and 3
BATCHES = (1, 8, 32)
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
COLUMNS = ["mechanism", "batch", "maps", "layout", "rounds", "ours us", "timm us", "timm / ours"]
LARGEST = 1e8  # bytes of the N x N matrices of a batch: timm forms them too, and a row would take minutes
SLOWER = 1 / 1.05  # the ratio under which ours is more than 5 % slower


def _global_context(channels: int, hidden: int) -> nn.Module:
    theirs = timm.layers.GlobalContext(channels, fuse_add=True, fuse_scale=False, rd_channels=hidden)
    theirs.mlp_add.norm.eps = 1e-5  # LayerNorm's in torch, and so ours
    return theirs


PEERS = {  # ours, (channels, width of the bottleneck) -> timm's, and timm's names for our parameters in order
    "se": (SqueezeExcitation, lambda c, r: timm.layers.SEModule(c, rd_channels=r), None),
    "eca": (EfficientChannelAttention, lambda c, r: timm.layers.EcaModule(c), None),
    "cbam": (CBAM, lambda c, r: timm.layers.cbam.CbamModule(c, rd_channels=r), None),
    "gc": (
        GlobalContext,
        _global_context,
        ["conv_attn.weight"]
        + [f"mlp_add.{layer}.{kind}" for layer in ("fc1", "norm", "fc2") for kind in ("weight", "bias")],
    ),
    "non-local": (
        NonLocalBlock,
        lambda c, r: timm.layers.non_local_attn.NonLocalAttn(c, use_scale=False, rd_channels=r),
        ["t.weight", "p.weight", "g.weight", "z.weight", "norm.weight", "norm.bias"],
    ),
}
REDUCTIONS = {"non-local": 2}
REDUCTION = 16


def pair(name: str, channels: int) -> tuple[nn.Module, nn.Module]:
    """Ours and timm's with the same weights, in training mode."""
    build, build_theirs, names = PEERS[name]
    ours = build(channels)
    theirs = build_theirs(channels, max(8, channels // REDUCTIONS.get(name, REDUCTION)))
    for parameter in (*ours.parameters(), *theirs.parameters()):
        nn.init.normal_(parameter, std=0.1) if parameter.ndim > 1 else nn.init.zeros_(parameter)
    mine = dict(ours.named_parameters())
    target = dict(theirs.named_parameters())
    with torch.no_grad():
        for value, key in zip(mine.values(), names or target, strict=True):
            if value.ndim == 1:
                nn.init.constant_(value, 0.5)
            target[key].copy_(value.view_as(target[key]))
    return ours.train(), theirs.train()


def compare(name: str, channels: int, side: int, batch: int, layout: str, seconds: float) -> list:
    memory_format = LAYOUTS[layout]
    ours, theirs = (module.to(memory_format=memory_format) for module in pair(name, channels))
    x = torch.randn(batch, channels, side, side).to(memory_format=memory_format).requires_grad_()
    weighting = torch.randn(x.shape).to(memory_format=memory_format)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-4)

    def call(module: nn.Module):
        inputs = [x, *module.parameters()]
        return lambda: torch.autograd.grad(module(x), inputs, weighting)

    calls = {"ours": call(ours), "timm": call(theirs)}
    rounds = rounds_within(seconds, calls, at_least=5, at_most=1000)
    times = in_turn(calls, rounds)
    microseconds = [1e3 * median(values) for values in times.values()]
    return [name, batch, f"{channels} x {side} x {side}", layout, rounds, *microseconds, ratio(times, "timm", "ours")]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes: a rehearsal, no figures")
    parser.add_argument("--mechanisms", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--seconds", type=float, default=0.7, help="a row")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    shapes, batches = (SHAPES[2:], BATCHES[:1]) if args.short else (SHAPES, BATCHES)
    print(f"{machine()}\nforward + backward, float32, timm {timm.__version__}\n")
    torch.manual_seed(0)
    ratios = []

    def rows():
        for name in args.mechanisms:
            for batch in batches:
                for channels, side in shapes:
                    if name == "non-local" and 4 * batch * side**4 > LARGEST:
                        continue
                    for layout in LAYOUTS:
                        row = compare(name, channels, side, batch, layout, 0.02 if args.short else args.seconds)
                        ratios.append(row[-1])
                        yield row

    print_table(COLUMNS, rows())
    print(f"\nrows in which ours is more than 5 % slower: {sum(ratio < SLOWER for ratio in ratios)} of {len(ratios)}")


if __name__ == "__main__":
    main()
