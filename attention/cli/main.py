"""The command line: python -m attention list | compare | download | train | sweep | publish | results | export | ...

Bad input ends with one sentence on stderr and exit code 2.
"""

import argparse
import sys
from contextlib import nullcontext
from functools import partial

from attention.cli import look, measure, publish, serve, train
from attention.core.errors import BadInput
from attention.pictures import limits, workers
from attention.pictures.datasets import dataset, own_names

COMMANDS = (  # in the order of --help
    look.list_models, look.compare, publish.password_line, look.run_batch, look.write_report, train.download,
    serve.SERVE, train.train, train.run_sweep, publish.publish_runs, measure.evaluate, publish.results,
    measure.precision, publish.export_model, measure.score_maps, measure.class_means_of, measure.benchmark,
)  # fmt: skip
TAKE_IMAGENET = ("compare", "batch", "report")  # commands whose --dataset may be imagenet: docs/imagenet.md
GONE = {  # former commands, and what to type instead
    "contact-sheet": "contact-sheet is gone: python -m attention report shows the maps of every model.",
    "leaderboard": "leaderboard is part of evaluate now: python -m attention evaluate --dataset imagenette.",
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m attention", description="Attention in a convolutional network.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add_to(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in GONE:
        print(GONE[argv[0]], file=sys.stderr)
        return 2
    arguments = build_parser().parse_args(argv)
    if arguments.command == "serve":  # it sets limits and offers models in its own order
        return serve.run(arguments)
    try:
        if arguments.command in TAKE_IMAGENET and arguments.dataset == "imagenet" and "imagenet" not in own_names():
            from attention.models import imagenet

            imagenet.offer(say=partial(print, file=sys.stderr))
        for name in getattr(arguments, "datasets", None) or filter(None, [getattr(arguments, "dataset", None)]):
            dataset(name)  # an unknown one is reported before anything starts
        reads = hasattr(arguments, "max_seconds")  # pictures, within these limits
        with workers.guarded(limits.from_flags(arguments)) if reads else nullcontext():
            arguments.run(arguments)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "Interrupted. What was measured is kept; a training run goes on where it stopped when started again.",
            file=sys.stderr,
        )
        return 130
    return 0
