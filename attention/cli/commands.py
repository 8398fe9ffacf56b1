"""What a command is: its name, its help, its flags and its function, declared in one place by @command."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from attention.core import devices
from attention.core.errors import BadInput
from attention.models.variants import variant
from attention.pictures.datasets import DATASETS, Dataset
from attention.training.recipes import RECIPES, Recipe, recipe_for


@dataclass(frozen=True)
class Command:
    name: str
    help: str
    flags: tuple[Callable[[argparse.ArgumentParser], object], ...]  # each adds one or more arguments
    run: Callable[[argparse.Namespace], object]

    def add_to(self, commands) -> None:
        """Add it to the subparsers of argparse."""
        parser = commands.add_parser(self.name, help=self.help, description=self.help)
        parser.set_defaults(run=self.run)
        for add in self.flags:
            add(parser)


def command(name: str, help: str, *flags: Callable) -> Callable[[Callable], Command]:
    """Decorator: makes a function of the parsed arguments a Command."""
    return partial(Command, name, help, flags)


def flag(*names: str, **options) -> Callable[[argparse.ArgumentParser], object]:
    """An argument, as add_argument of argparse takes it."""
    return lambda parser: parser.add_argument(*names, **options)


DATASET = flag(
    "--dataset",
    metavar="NAME",
    default="imagenette",
    help=f"{', '.join(DATASETS)} or one of your own (default: imagenette)",
)
DEVICE = flag("--device", choices=devices.CHOICES, default="auto", help="where to compute (default: the best one here)")
IMAGES = flag("image", nargs="+", help="pictures to run the models on")
JSON = flag("--json", action="store_true", help="as JSON, for programs")
MODELS = flag("--models", help="names with commas between (default: all that have a checkpoint)")
VARIANT_NAMES = flag("--variants", help="names with commas between (default: all)")
THREADS = flag("--threads", type=int, help="CPU threads (default: torch's choice)")


def listed(given: str | None) -> list[str]:
    """ "a, b" -> the two names; None -> none."""
    return [name.strip() for name in given.split(",")] if given else []


def named(given: str | None) -> list[str] | None:
    """ "a, b" -> the variants of these names; None -> None, which stands for all. Raises UnknownVariant."""
    return [variant(name).name for name in listed(given)] or None


def set_threads(count: int | None) -> None:
    import torch

    if count is not None:
        if count < 1:
            raise BadInput(f"--threads must be at least 1, not {count}.")
        torch.set_num_threads(count)


def chosen_recipe(given: str | None, info: Dataset) -> Recipe:
    """The recipe that was named, else the data set's own, or for a folder of one's own the one for its size."""
    return RECIPES[given] if given else recipe_for(info.train_images) if info.is_own else RECIPES[info.recipe]
