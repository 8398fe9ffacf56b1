"""Commands that train: download, train, sweep."""

import argparse

from attention.cli.commands import DATASET, DEVICE, VARIANT_NAMES, chosen_recipe, command, flag, named, set_threads
from attention.core import devices
from attention.core.errors import BadInput
from attention.models.variants import VARIANTS
from attention.pictures.datasets import DATASETS, SWEPT, Dataset, dataset
from attention.training.recipes import RECIPES, Recipe, steps

OWN_VARIANTS = ["baseline", "attention-pool-head"]  # for one's own folder if none are named; the second shows a map
FEW_STEPS = 300  # with fewer, a run has hardly begun to learn


@command("download", "Fetch a data set into data/.", DATASET)
def download(arguments: argparse.Namespace) -> None:
    from attention.pictures import datasets

    name = arguments.dataset or "imagenette"
    if dataset(name).is_own:
        raise BadInput(f"{name} is a folder of your own: there is nothing to download.")
    print(f"{DATASETS[name].title} is in {datasets.download(name)}")


@command(
    "train", "Train models, or go on with a run that was interrupted.", DATASET, DEVICE,
    lambda parser: parser.set_defaults(dataset=None),  # so that --data can tell whether both are given
    flag("--data", metavar="FOLDER", help="a folder of your own: a sub-folder a class, or train/ and val/ of such"),
    flag("--name", help="what to call that folder's data set (default: the folder's name)"),
    flag("--variant", nargs="+", choices=VARIANTS, metavar="NAME", help=f"(default, of your own: {' '.join(OWN_VARIANTS)})"),
    flag("--recipe", choices=RECIPES, help="(default: the data set's own; with --data by the number of photographs)"),
    flag("--seed", type=int, default=0, help="of the initial weights and the order of images (default: 0)"),
    flag("--threads", type=int, help="CPU threads; part of the run: another count gives other weights"),
    flag("--download", action="store_true", help="fetch the data set first where it is missing"),
    flag("--hold-out", action="store_true", help="train on nine tenths of train and score the rest: for tuning"),
)  # fmt: skip
def train(arguments: argparse.Namespace) -> None:
    from attention.pictures import datasets
    from attention.training import trainer

    set_threads(arguments.threads)
    device, splits = devices.pick_device(arguments.device), None
    if arguments.data is not None:
        arguments.dataset, splits = _take_folder(arguments)
    elif arguments.name is not None:
        raise BadInput("--name goes with --data FOLDER; a data set that is there already is named by --dataset.")
    elif arguments.download:
        download.run(arguments)
    info = dataset(arguments.dataset or "imagenette")
    if not (arguments.variant or info.is_own):
        raise BadInput("Which model? Name one or more: --variant baseline se-block.")
    if arguments.hold_out and info.is_own:
        raise BadInput("--hold-out is for tuning on the study's data sets; your own has photographs held out already.")
    recipe = chosen_recipe(arguments.recipe, info)
    if info.is_own:
        _say_recipe(recipe, info)
    else:
        print(datasets.found(info.name), flush=True)
    for name in dict.fromkeys(arguments.variant or OWN_VARIANTS):
        splits = splits or (trainer.load_splits(info.name) if info.is_own else None)  # decoded once
        record = trainer.train(
            name, info.name, recipe, arguments.seed, device=device, tuning=arguments.hold_out, splits=splits
        )
        _say_record(record)
        if info.is_own:
            _offer(info, recipe, record)


def _take_folder(arguments: argparse.Namespace):
    """Decode a folder of one's own and print what was found; returns its data set's name and its splits."""
    from tqdm import tqdm

    from attention.pictures import custom

    if arguments.dataset or arguments.download or arguments.hold_out:
        raise BadInput("--data names a folder of your own: leave --dataset, --download and --hold-out away.")

    def bar(items, total):
        return tqdm(items, total=total, desc="read", unit="img", leave=False)

    taken = custom.take(arguments.data, arguments.name, bar)
    print("\n".join(custom.report(taken)), flush=True)
    return taken.dataset.name, (taken.train, taken.val)


def _say_recipe(recipe: Recipe, info: Dataset) -> None:
    count = steps(recipe, info.train_images)
    print(f"Recipe {recipe.name}: {recipe.epochs} times over the photographs, {count:,} steps a model.", flush=True)
    if count < FEW_STEPS:
        print(f"That is less than {FEW_STEPS} steps, so expect little: more photographs help most.", flush=True)


def _say_record(record: dict) -> None:
    from attention.core.intervals import accuracy_interval

    low, high = accuracy_interval(round(record["accuracy"] * record["images"]), record["images"])
    print(
        f"{record['variant']}, seed {record['seed']}: {record['accuracy']:.2%} of {record['images']} images "
        f"({record['scored_on']}; other images could have given {low:.0%} to {high:.0%}), "
        f"{record['seconds'] / 60:.1f} minutes, weights sha256 {record['weights_sha256']}",
        flush=True,
    )


def _offer(info: Dataset, recipe: Recipe, record: dict) -> None:
    """Publish the finished runs on a folder of one's own, and print where this one can be seen."""
    from attention.models import checkpoints
    from attention.training import publish

    def offered() -> dict[str, dict]:
        try:
            return checkpoints.read_manifest(info.name)["models"]
        except checkpoints.CheckpointError:
            return {}

    before = offered()
    publish.publish(info.name, recipe.name)
    now = offered()
    if gone := ", ".join(sorted(before.keys() - now.keys())):
        print(f"No longer offered, for they learnt from other photographs or by another recipe: {gone}.")
    if record["weights_sha256"] in {entry["sha256"] for entry in now.values()}:
        said = f"python app.py --dataset {info.name} now offers {record['variant']}."
    else:
        said = (
            f"The page offers seed 0 of a model, so this one is trained and kept, but not shown: {record['variant']}."
        )
    print(said, flush=True)


@command(
    "sweep", "Train every run of the study that is missing.", DEVICE,
    flag(
        "--dataset", dest="datasets", nargs="+", metavar="NAME", default=list(SWEPT),
        help=f"(default: {' and '.join(SWEPT)})",
    ),
    flag("--recipe", choices=RECIPES, default="gpu", help="docs/recipes.md says what they do (default: gpu)"),
    flag("--seeds", default="0-4", help="such as 0-4 or 0,2 (default: 0-4)"),
    VARIANT_NAMES,
    flag("--workers", type=int, default=1, help="processes that train at the same time"),
    flag("--threads", type=int, help="CPU threads in all (default: torch's choice)"),
    flag(
        "--ray", nargs="?", const="local", metavar="ADDRESS",
        help="train on the Ray cluster at HOST:PORT, or without an address on one of this machine (docs/sweep.md)",
    ),
    flag("--limit-minutes", type=float, help="start nothing after this, and save what is at hand"),
    flag("--dry-run", action="store_true", help="say what is missing, and train nothing"),
    flag("--status", action="store_true", help="a table of what has ended"),
)  # fmt: skip
def run_sweep(arguments: argparse.Namespace) -> None:
    from attention.training import ray_sweep, sweep

    names = named(arguments.variants)
    if arguments.workers < 1:
        raise BadInput(f"--workers must be at least 1, not {arguments.workers}.")
    if arguments.limit_minutes is not None and arguments.limit_minutes <= 0:
        raise BadInput(f"--limit-minutes must be above 0, not {arguments.limit_minutes:g}.")
    recipe = RECIPES[arguments.recipe]
    tasks = sweep.study(arguments.datasets, _parse_seeds(arguments.seeds), names)
    if arguments.status:
        print(sweep.status(tasks, recipe))
        return
    left = sweep.missing(tasks, recipe)
    estimate = sweep.seconds_left(tasks, recipe, arguments.workers)
    hours = "" if estimate is None else f", about {estimate / 3600:.1f} hours"
    print(f"{len(left)} of {len(tasks)} runs are missing{hours}", flush=True)
    if arguments.dry_run:
        print("\n".join(map(str, left)))
        return
    set_threads(arguments.threads)
    how = {"workers": arguments.workers, "limit_minutes": arguments.limit_minutes}
    if arguments.ray:
        ray_sweep.sweep(tasks, recipe, address=arguments.ray, device=arguments.device, **how)
    else:
        sweep.sweep(tasks, recipe, device=devices.pick_device(arguments.device), **how)


def _parse_seeds(given: str) -> list[int]:
    """ "0-4" or "0,2,5" -> the numbers."""
    try:
        seeds = []
        for part in given.split(","):
            first, _, last = part.partition("-")
            seeds += range(int(first), int(last or first) + 1)
    except ValueError:
        seeds = []
    if not seeds:
        raise BadInput(f"--seeds takes numbers, such as 0-4 or 0,2,5, not {given!r}.")
    return seeds
