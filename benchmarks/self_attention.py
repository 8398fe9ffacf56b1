"""(c) Self-attention over N positions against the article's definition, which forms the N x N matrix: time and memory.

    python -m benchmarks.self_attention [--short]

Both sides hold the same weights and their outputs are compared before anything is timed. A call is forward and backward,
gradients of input and parameters included; memory is what one such call adds to the process.
"""

import argparse
from statistics import median

import torch
from torch import Tensor, nn

from attention.models.mechanisms.self_attention import SelfAttention
from benchmarks.sides import extra_megabytes, in_turn, machine, print_table, ratio, rounds_within

SIDES = (10, 20, 30, 40, 48, 64, 96, 128)  # of square maps: N = 100 to 16,384
CHANNELS = 48  # those of stage 1, which has the most positions
COLUMNS = ["N", "mode", "rounds", "ours ms", "article ms", "article / ours", "ours MB", "article MB"]


class ArticlesSelfAttention(nn.Module):
    """A = softmax(Q^T K), X <- gamma * A X + X, as the article's section 4 defines it, over SelfAttention's weights."""

    def __init__(self, ours: SelfAttention):
        super().__init__()
        self.query, self.key, self.gamma = ours.query, ours.key, ours.gamma

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        query = self.query(x).view(batch, -1, height * width).permute(0, 2, 1)  # (B, N, C')
        key = self.key(x).view(batch, -1, height * width)  # (B, C', N)
        attention = torch.softmax(torch.bmm(query, key), dim=-1)  # (B, N, N)
        out = torch.bmm(x.view(batch, channels, -1), attention.permute(0, 2, 1))  # (B, C, N)
        return self.gamma * out.view(batch, channels, height, width) + x


def compare(side: int, channels: int, batch: int, training: bool, seconds: float) -> list:
    """A row of the table for maps of side x side positions; `seconds` bounds the time, and so chooses the rounds."""
    ours = SelfAttention(channels)
    nn.init.constant_(ours.gamma, 0.5)
    theirs = ArticlesSelfAttention(ours)
    x = torch.randn(batch, channels, side, side, requires_grad=training)
    weighting = torch.randn_like(x)

    def call(module: nn.Module):
        def run() -> None:
            if training:
                torch.autograd.grad(module(x), [x, *ours.parameters()], weighting)
            else:
                with torch.inference_mode():
                    module(x)

        return run

    calls = {"ours": call(ours), "article": call(theirs)}
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-4)
    rounds = rounds_within(seconds, calls, at_least=3, at_most=400)
    memory = [extra_megabytes(run) for run in calls.values()]
    times = in_turn(calls, rounds)
    mode = "forward + backward" if training else "forward"
    return [side**2, mode, rounds, *map(median, times.values()), ratio(times, "article", "ours"), *memory]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="seconds instead of minutes: a rehearsal, no figures")
    parser.add_argument("--channels", type=int, default=CHANNELS)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--sides", type=int, nargs="+", help="of the square maps, in positions")
    args = parser.parse_args(arguments)
    sides = args.sides or ((10, 42) if args.short else SIDES)
    print(f"{machine()}\n{args.channels} channels, float32, batch {args.batch}\n")
    torch.manual_seed(0)
    print_table(
        COLUMNS,
        (
            compare(side, args.channels, args.batch, training, seconds=0.1 if args.short else 4)
            for side in sides
            for training in (True, False)
        ),
    )


if __name__ == "__main__":
    main()
