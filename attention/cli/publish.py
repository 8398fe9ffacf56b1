"""Commands that make files and lines for others: publish, results, export, password."""

import argparse
import getpass
import sys
from pathlib import Path

from attention.cli.commands import DATASET, chosen_recipe, command, flag
from attention.core.errors import BadInput
from attention.pictures.datasets import dataset
from attention.training.recipes import RECIPES


@command(
    "publish", "Copy finished runs into checkpoints/ and data/results/.", DATASET,
    flag(
        "--recipe", choices=RECIPES,
        help="(default: the data set's own; of your own folder by the number of photographs)",
    ),
)  # fmt: skip
def publish_runs(arguments: argparse.Namespace) -> None:
    from attention.training import publish

    info = dataset(arguments.dataset)
    recipe = chosen_recipe(arguments.recipe, info)
    names = publish.publish(info.name, recipe.name)
    if not names:
        raise BadInput(f"No finished run of recipe {recipe.name} to offer: python -m attention train first.")
    print("Published: " + ", ".join(names))
    if not info.is_own:  # the figures of one's own are in the manifest alone
        results.run(arguments)


@command("results", "Rebuild every summary in data/results from the runs.")
def results(arguments: argparse.Namespace) -> None:
    from attention.study import tables

    tables.rebuild()


@command(
    "export", "Write a trained model as ONNX, with its attention maps.", DATASET,
    flag("--variant", required=True, metavar="NAME", help="a model that has a checkpoint"),
    flag("-o", "--out", required=True, help="the file to write, such as model.onnx"),
)  # fmt: skip
def export_model(arguments: argparse.Namespace) -> None:
    from attention.inference import export

    _, images, difference = export.export(arguments.variant, Path(arguments.out), arguments.dataset)
    print(f"{arguments.out}: agrees with PyTorch on {images} images, largest difference {difference:.1g}")
    for name, shape in export.outputs(Path(arguments.out)).items():
        print(f"  {name:40} {shape}")


@command(
    "password", "Make a line for app.py's --auth-file: a name and its password, hashed.",
    flag("name", help="who may come in; the password is asked for, or read from standard input"),
)  # fmt: skip
def password_line(arguments: argparse.Namespace) -> None:
    from attention.serving.passwords import PasswordError, line

    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of {arguments.name}: ")
        if password != getpass.getpass("Once more: "):
            raise BadInput("The two are not the same. Nothing was written.")
    else:
        password = sys.stdin.readline().rstrip("\n")
    try:
        print(line(arguments.name, password))
    except PasswordError as error:
        raise BadInput(str(error)) from error
