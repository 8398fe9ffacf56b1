"""The command line: python -m attention list | compare | download | train | sweep | publish | results | export | ...

Bad input ends with one sentence on stderr and exit code 2.
"""

import argparse
import getpass
import itertools
import json
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path

from attention.cli import serve
from attention.core import devices
from attention.core.files import WriteError
from attention.models.variants import VARIANTS, UnknownVariant, all_models
from attention.pictures import limits
from attention.pictures.datasets import DATASETS, SWEPT, DataError, Dataset, dataset, own_names
from attention.training.recipes import RECIPES, Recipe, recipe_for, steps

OWN_VARIANTS = ["baseline", "attention-pool-head"]  # for one's own folder if none are named; the second shows a map
TAKE_IMAGENET = ("compare", "batch", "report")  # commands whose --dataset may be imagenet: docs/imagenet.md
GONE = {  # former commands, and what to type instead
    "contact-sheet": "contact-sheet is gone: python -m attention report shows the maps of every model.",
    "leaderboard": "leaderboard is part of evaluate now: python -m attention evaluate --dataset imagenette.",
}
FEW_STEPS = 300  # with fewer, a run has hardly begun to learn


class BadInput(Exception):
    """What was asked for cannot be done as given; the message says why."""


def run_list(arguments: argparse.Namespace) -> None:
    from attention.models import checkpoints

    try:
        published = checkpoints.read_manifest(arguments.dataset)["models"]
    except checkpoints.CheckpointError as error:
        print(error, file=sys.stderr)
        published = {}
    rows = [
        {
            "name": v.name,
            "title": v.title,
            "mechanism": v.mechanism,
            "family": v.info.family if v.info else None,
            "placement": v.placement,
            "summary": v.info.summary if v.info else "The plain network, without attention.",
            "source": v.info.paper if v.info else None,
            "checkpoint": v.name in published,
            "accuracy": published.get(v.name, {}).get("accuracy"),
        }
        for v in all_models().values()
    ]
    if arguments.json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        accuracy = "not trained" if row["accuracy"] is None else f"{row['accuracy']:.2%}"
        print(f"{row['name']:32} {row['title']:50} {row['placement']:10} {accuracy}")


def run_compare(arguments: argparse.Namespace) -> None:
    from attention.inference.compare import Models, check_names, compare
    from attention.maps.display import maps_left_out, result_as_json, save_overlays

    models = Models(arguments.dataset, arguments.device)
    names = check_names(_listed(arguments.models) or models.names, models)
    output = []
    for path, upload in _read_all(arguments.image):
        results = list(compare(upload.image, names, models))
        foreign = models.looks_foreign(results)
        if arguments.out:
            save_overlays(models.part(upload.image), results, Path(arguments.out), Path(path).stem)
            for name, kinds in {result.name: maps_left_out(result) for result in results}.items():
                for kind in kinds:
                    print(f"{name}: its {kind} map is all zero or not finite, so it has no picture.", file=sys.stderr)
        if arguments.json:
            output.append(
                {"image": Path(path).name, "foreign": foreign, "notices": list(models.notices(upload)),
                 "models": [result_as_json(result) for result in results]}
            )  # fmt: skip
            continue
        print(Path(path).name + (" (probably none of the things that these models know)" if foreign else ""))
        for result in results:
            share = result.probabilities[result.top1]
            print(f"  {result.name:24} {result.prediction:18} {share:6.1%} {result.latency_ms:8.1f} ms")
    if arguments.json:
        print(json.dumps(output, indent=1, ensure_ascii=False))


def _listed(given: str | None) -> list[str]:
    return [name.strip() for name in given.split(",")] if given else []


def _read_all(paths: list[str]) -> list:
    """(path, Upload) of each. All are read before any model runs, so that a bad file is reported at once."""
    from attention.pictures import reading

    pictures = []
    for path in paths:
        try:
            pictures.append((path, reading.read_image(path)))
        except reading.UploadError as error:
            raise BadInput(f"{Path(path).name}: {error}") from error
    return pictures


def run_report(arguments: argparse.Namespace) -> None:
    from attention.inference.compare import Models
    from attention.web import report

    file = Path(arguments.out)
    if file.suffix.lower() not in (".html", ".htm"):
        raise BadInput(f"The report is an HTML file: {file.name} should end with .html.")
    pictures = [(Path(path).stem, upload) for path, upload in _read_all(arguments.image)]
    models = Models(arguments.dataset, arguments.device)
    report.write(pictures, models, _listed(arguments.models) or None, file, arguments.lang, progress=print)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, opens without a network.")


def run_batch(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from attention.core.files import write_text
    from attention.inference import batch
    from attention.inference.compare import Models

    pictures = batch.gather(arguments.path)
    models = Models(arguments.dataset, arguments.device)
    names = _listed(arguments.models) or models.names
    rows = list(tqdm(batch.run(pictures, names, models), total=len(pictures), unit="picture"))
    table = batch.table(rows, models.dataset.class_names)
    if arguments.out:
        write_text(Path(arguments.out), table.to_csv(index=False, lineterminator="\n"))
    for row in rows:
        if row.problem:
            print(f"{row.name}: {row.problem}", file=sys.stderr)
    disputed, read = sum(row.is_disputed for row in rows), sum(not row.problem for row in rows)
    print(f"{read} pictures read, {len(rows) - read} not; the models disagree on {disputed}.")
    for name, found in batch.accuracies(rows).items():
        share = f"{found.right / found.of:.1%} ({found.low:.1%} to {found.high:.1%})"
        print(f"{name:32} {found.right} of {found.of} named rightly: {share}")


def run_download(arguments: argparse.Namespace) -> None:
    from attention.pictures import datasets

    name = arguments.dataset or "imagenette"
    if dataset(name).is_own:
        raise BadInput(f"{name} is a folder of your own: there is nothing to download.")
    print(f"{DATASETS[name].title} is in {datasets.download(name)}")


def _set_threads(count: int | None) -> None:
    import torch

    if count is not None:
        if count < 1:
            raise BadInput(f"--threads must be at least 1, not {count}.")
        torch.set_num_threads(count)


def _recipe(given: str | None, info: Dataset) -> Recipe:
    """The recipe that was named, else the data set's own, or for a folder of one's own the one for its size."""
    return RECIPES[given] if given else recipe_for(info.train_images) if info.is_own else RECIPES[info.recipe]


def run_train(arguments: argparse.Namespace) -> None:
    from attention.pictures import datasets
    from attention.training import trainer

    _set_threads(arguments.threads)
    device, splits = devices.pick_device(arguments.device), None
    if arguments.data is not None:
        arguments.dataset, splits = _take_folder(arguments)
    elif arguments.name is not None:
        raise BadInput("--name goes with --data FOLDER; a data set that is there already is named by --dataset.")
    elif arguments.download:
        run_download(arguments)
    info = dataset(arguments.dataset or "imagenette")
    if not (arguments.variant or info.is_own):
        raise BadInput("Which model? Name one or more: --variant baseline se-block.")
    if arguments.hold_out and info.is_own:
        raise BadInput("--hold-out is for tuning on the study's data sets; your own has photographs held out already.")
    recipe = _recipe(arguments.recipe, info)
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

    def offered() -> set[str]:
        try:
            return set(checkpoints.available(info.name))
        except checkpoints.CheckpointError:
            return set()

    before = offered()
    publish.publish(info.name, recipe.name)
    if gone := before - offered():
        print(
            f"No longer offered, for they learnt from other photographs or by another recipe: {', '.join(sorted(gone))}."
        )
    entries = checkpoints.read_manifest(info.name)["models"].values()
    if record["weights_sha256"] in {entry["sha256"] for entry in entries}:
        print(f"python app.py --dataset {info.name} now offers {record['variant']}.", flush=True)
    else:
        print(
            f"The page offers seed 0 of a model, so this one is trained and kept, but not shown: {record['variant']}.",
            flush=True,
        )


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


def run_sweep(arguments: argparse.Namespace) -> None:
    from attention.training import ray_sweep, sweep

    names = _names(arguments.variants) if arguments.variants else None
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
    _set_threads(arguments.threads)
    if arguments.ray:
        ray_sweep.sweep(
            tasks,
            recipe,
            address=arguments.ray,
            device=arguments.device,
            workers=arguments.workers,
            limit_minutes=arguments.limit_minutes,
        )
        return
    sweep.sweep(
        tasks,
        recipe,
        device=devices.pick_device(arguments.device),
        workers=arguments.workers,
        limit_minutes=arguments.limit_minutes,
    )


def run_publish(arguments: argparse.Namespace) -> None:
    from attention.training import publish

    info = dataset(arguments.dataset)
    recipe = _recipe(arguments.recipe, info)
    names = publish.publish(info.name, recipe.name)
    if not names:
        raise BadInput(f"No finished run of recipe {recipe.name} to offer: python -m attention train first.")
    print("Published: " + ", ".join(names))
    if not info.is_own:  # the figures of one's own are in the manifest alone
        run_results(arguments)


def run_results(arguments: argparse.Namespace) -> None:
    from attention.study import tables

    tables.rebuild()


def run_evaluate(arguments: argparse.Namespace) -> None:
    from attention.study import rescoring

    rescoring.evaluate(arguments.dataset, devices.pick_device(arguments.device), pixels=arguments.pixels)


def run_score_maps(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from attention.study import map_scoring

    names = _names(arguments.models) if arguments.models else None
    if arguments.images < 1 or arguments.steps < 1:
        raise BadInput("--images and --steps must be at least 1.")

    def bar(total: int, label: str):
        return tqdm(total=total, desc=label, unit="img", leave=False).update

    map_scoring.score(
        arguments.datasets, devices.pick_device(arguments.device), names, arguments.images, arguments.steps, bar=bar
    )


def run_class_means(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from attention.study import class_means

    names = _names(arguments.models) if arguments.models else None
    device = devices.pick_device(arguments.device)

    def bar(total: int, label: str):
        return tqdm(total=total, desc=label, unit="img", leave=False).update

    for dataset_name in arguments.datasets:
        class_means.measure(dataset_name, device, names, bar=bar)


def run_precision(arguments: argparse.Namespace) -> None:
    from attention.study import half_precision

    _set_threads(arguments.threads)
    for row in half_precision.measure(arguments.dataset, devices.pick_device(arguments.device), again=arguments.again):
        half_precision.record(row)  # at once, so that a run that is stopped keeps what it measured


def run_export(arguments: argparse.Namespace) -> None:
    from attention.inference import export

    _, images, difference = export.export(arguments.variant, Path(arguments.out), arguments.dataset)
    print(f"{arguments.out}: agrees with PyTorch on {images} images, largest difference {difference:.1g}")
    for name, shape in export.outputs(Path(arguments.out)).items():
        print(f"  {name:40} {shape}")


def _wait_for_quiet(limit_s: int) -> None:
    """Wait for the load average to fall, because starting Python raised it and a busy start marks the measurement."""
    from attention.study.timing import BUSY_LOAD

    deadline = time.monotonic() + limit_s
    if devices.load_average() > BUSY_LOAD and limit_s:
        print(f"Waiting up to {limit_s} s for this machine to be quiet (--wait 0 skips this).", file=sys.stderr)
    # a little below the bound: building the models raises the average again
    while devices.load_average() > BUSY_LOAD - 0.05 and time.monotonic() < deadline:
        time.sleep(2)


def _names(given: str | None) -> list[str]:
    """ "a,b" -> the variants of these names; None -> all."""
    from attention.models.variants import variant

    return [variant(name.strip()).name for name in given.split(",")] if given else list(VARIANTS)


def run_benchmark(arguments: argparse.Namespace) -> None:
    import torch

    from attention.study import latency

    for option, value in (("--repeats", arguments.repeats), ("--batch", min(arguments.batch))):
        if value < 1:
            raise BadInput(f"{option} must be at least 1, not {value}.")
    _set_threads(arguments.threads)
    names, device = _names(arguments.variants), devices.pick_device(arguments.device)
    settings = [
        latency.Setting(batch, pixels, getattr(torch, dtype))
        for pixels, dtype, batch in itertools.product(arguments.pixels, arguments.dtype, arguments.batch)
    ]
    for dtype in {setting.dtype for setting in settings}:
        devices.check_dtype(dtype, device)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that what was measured is kept
    _wait_for_quiet(arguments.wait)
    load_before = devices.load_average()  # once, because from here on this command itself loads the machine
    if arguments.mechanisms:
        _measure_mechanisms(arguments, names, device, load_before)
        return
    problems = []
    for setting in latency.standard_settings(device) if arguments.standard else settings:
        try:
            measurement = latency.Measurement(names, setting, device, load_before)
        except latency.BenchmarkError as error:  # the others can still be measured
            problems.append(str(error))
            continue
        _record(measurement, f"{device.type} {setting}", latency.calls_at(setting.batch_size, arguments.repeats))
    if problems:
        raise BadInput(" ".join(problems))


def _measure_mechanisms(arguments: argparse.Namespace, names: list[str], device, load_before: float) -> None:
    import torch

    from attention.study import latency, mechanism_latency

    resolutions = mechanism_latency.RESOLUTIONS if arguments.pixels == [latency.PIXELS] else arguments.pixels
    for pixels, dtype in itertools.product(resolutions, arguments.dtype):
        costs = mechanism_latency.MechanismCosts(names, pixels, device, getattr(torch, dtype), load_before)
        _record(
            costs,
            f"{device.type} mechanisms {dtype}, {pixels} px",
            arguments.repeats,
            mechanism_latency.MECHANISMS_FILE,
        )


def _record(measurement, label: str, repeats: int, file: Path | None = None) -> None:
    """Make the rounds under a progress bar, save them, and print the figures."""
    from tqdm import tqdm

    from attention.study import latency, timing

    left_out = 0

    def save(rows) -> None:
        nonlocal left_out
        left_out = latency.record(rows, file)

    with tqdm(total=timing.WARM_UPS + repeats, desc=label, unit="round") as bar:
        timing.record_as_it_goes(measurement.timing, measurement.rows, repeats, save, bar.update)
    rows = measurement.rows()
    figures = ["p50_ms", "p90_ms", "working_memory_mb", "parameters", "multiply_adds", "p50_us", "added_us", "busy"]
    print(label)
    print(rows[["variant", *(name for name in figures if name in rows)]].to_string(index=False))
    if left_out:
        print(f"{left_out} of {len(rows)} rows were busy and replaced no quiet row of the same circumstances.")


def run_password(arguments: argparse.Namespace) -> None:
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


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m attention", description="Attention in a convolutional network.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, help: str, device: bool = True, dataset: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run)
        if dataset:
            known = f"{', '.join(DATASETS)} or one of your own (default: imagenette)"
            sub.add_argument("--dataset", metavar="NAME", default="imagenette", help=known)
        if device:
            sub.add_argument(
                "--device",
                choices=devices.CHOICES,
                default="auto",
                help="where to compute (default: the best one here)",
            )
        return sub

    sub = command("list", run_list, "List the models: mechanism, placement, accuracy.", device=False)
    sub.add_argument("--json", action="store_true", help="as JSON, for programs")

    sub = command("compare", run_compare, "Run models on images, side by side.")
    sub.add_argument("image", nargs="+", help="pictures to run the models on")
    sub.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")
    sub.add_argument("--json", action="store_true", help="as JSON, for programs")
    sub.add_argument("--out", help="folder for the pictures with their maps")
    limits.add_flags(sub)

    sub = command(
        "password", run_password, "Make a line for app.py's --auth-file: a name and its password, hashed.",
        device=False, dataset=False,
    )  # fmt: skip
    sub.add_argument("name", help="who may come in; the password is asked for, or read from standard input")

    sub = command(
        "batch", run_batch, "Run models over many pictures: who says what, where they disagree, who is right."
    )
    sub.add_argument("path", nargs="+", help="pictures, folders, or zip files; a class sub-folder gives the label")
    sub.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")
    sub.add_argument("-o", "--out", metavar="FILE", help="the table as CSV")
    limits.add_flags(sub)

    sub = command(
        "report", run_report, "Write one HTML file on images that works offline: cards, maps, tables, charts."
    )
    sub.add_argument("image", nargs="+", help="pictures to run the models on")
    sub.add_argument("-o", "--out", required=True, metavar="FILE", help="the file to write, ending with .html")
    sub.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")
    sub.add_argument("--lang", choices=("en", "zh"), default="en", help="English or Simplified Chinese")

    command("download", run_download, "Fetch a data set into data/.", device=False)
    limits.add_flags(sub)

    sub = command(
        "serve", serve.run, "Serve the page. python app.py does the same, without --home.", device=False, dataset=False
    )
    sub.add_argument(
        "--home", metavar="FOLDER",
        help="the folder that holds checkpoints/, data/ and runs/ (default: $ATTENTION_HOME, else a checkout's own; "
        "of an installed package the current one)",
    )  # fmt: skip
    serve.add_all_flags(sub)

    sub = command("train", run_train, "Train models, or go on with a run that was interrupted.")
    sub.set_defaults(dataset=None)
    sub.add_argument(
        "--data", metavar="FOLDER", help="a folder of your own: a sub-folder a class, or train/ and val/ of such"
    )
    sub.add_argument("--name", help="what to call that folder's data set (default: the folder's name)")
    sub.add_argument(
        "--variant",
        nargs="+",
        choices=VARIANTS,
        metavar="NAME",
        help=f"(default, of your own: {' '.join(OWN_VARIANTS)})",
    )
    sub.add_argument(
        "--recipe", choices=RECIPES, help="(default: the data set's own; with --data by the number of photographs)"
    )
    sub.add_argument("--seed", type=int, default=0, help="of the initial weights and the order of images (default: 0)")
    sub.add_argument("--threads", type=int, help="CPU threads; part of the run: another count gives other weights")
    sub.add_argument("--download", action="store_true", help="fetch the data set first where it is missing")
    sub.add_argument(
        "--hold-out", action="store_true", help="train on nine tenths of train and score the rest: for tuning"
    )

    sub = command("sweep", run_sweep, "Train every run of the study that is missing.", dataset=False)
    sub.add_argument(
        "--dataset", dest="datasets", nargs="+", metavar="NAME", default=list(SWEPT),
        help=f"(default: {' and '.join(SWEPT)})",
    )  # fmt: skip
    sub.add_argument(
        "--recipe", choices=RECIPES, default="gpu", help="docs/recipes.md says what they do (default: gpu)"
    )
    sub.add_argument("--seeds", default="0-4", help="such as 0-4 or 0,2 (default: 0-4)")
    sub.add_argument("--variants", help="names with commas between (default: all)")
    sub.add_argument("--workers", type=int, default=1, help="processes that train at the same time")
    sub.add_argument("--threads", type=int, help="CPU threads in all (default: torch's choice)")
    sub.add_argument(
        "--ray", nargs="?", const="local", metavar="ADDRESS",
        help="train on the Ray cluster at HOST:PORT, or without an address on one of this machine (docs/sweep.md)",
    )  # fmt: skip
    sub.add_argument("--limit-minutes", type=float, help="start nothing after this, and save what is at hand")
    sub.add_argument("--dry-run", action="store_true", help="say what is missing, and train nothing")
    sub.add_argument("--status", action="store_true", help="a table of what has ended")

    sub = command("publish", run_publish, "Copy finished runs into checkpoints/ and data/results/.", device=False)
    sub.add_argument(
        "--recipe",
        choices=RECIPES,
        help="(default: the data set's own; of your own folder by the number of photographs)",
    )

    sub = command(
        "evaluate",
        run_evaluate,
        "Score the published checkpoints on val again: foreign.csv, test_sizes.csv, of imagenette leaderboard.csv too.",
    )
    sub.add_argument(
        "--pixels", type=int, metavar="N", help="enlarge or shrink the images to N a side: rows of test_sizes.csv alone"
    )
    command("results", run_results, "Rebuild every summary in data/results from the runs.", device=False, dataset=False)

    sub = command("precision", run_precision, "Measure whether answers hold in half precision: precision.csv.")
    sub.add_argument("--again", action="store_true", help="also the checkpoints that have a row")
    sub.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")

    sub = command("export", run_export, "Write a trained model as ONNX, with its attention maps.", device=False)
    sub.add_argument("--variant", required=True, metavar="NAME", help="a model that has a checkpoint")
    sub.add_argument("-o", "--out", required=True, help="the file to write, such as model.onnx")

    sub = command("score-maps", run_score_maps, "Score the maps of the committed models: heatmaps.csv.", dataset=False)
    sub.add_argument(
        "--dataset", dest="datasets", nargs="+", choices=DATASETS, default=list(DATASETS), help="(default: all)"
    )
    sub.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")
    sub.add_argument("--images", type=int, default=200, help="test images of deletion and insertion (default: 200)")
    sub.add_argument("--steps", type=int, default=16, help="steps of their curves (default: 16)")

    sub = command(
        "class-means", run_class_means, "Average each channel weight over the test images of a class.", dataset=False
    )
    sub.add_argument(
        "--dataset", dest="datasets", nargs="+", metavar="NAME", default=list(DATASETS), help="(default: the study's)"
    )
    sub.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")

    sub = command("benchmark", run_benchmark, "Measure cost and latency; rebuild this device's rows of latency.csv.")
    sub.add_argument("--variants", help="names with commas between (default: all)")
    sub.add_argument(
        "--standard", action="store_true", help="every setting of the record: batches, resolutions, dtypes"
    )
    sub.add_argument("--mechanisms", action="store_true", help="time the mechanisms alone: mechanisms_latency.csv")
    sub.add_argument(
        "--repeats", type=int, default=200, help="timed calls at batch 1; at larger batches fewer (default: 200)"
    )
    sub.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")
    sub.add_argument("--batch", type=int, nargs="+", default=[1], metavar="N", help="images a call (default: 1)")
    sub.add_argument(
        "--pixels", type=int, nargs="+", default=[160], choices=[96, 112, 128, 160, 192, 224],
        help="the side of the images (default: 160)",
    )  # fmt: skip
    sub.add_argument(
        "--dtype", nargs="+", default=["float32"], choices=["float32", "bfloat16", "float16"],
        help="the precision (default: float32)",
    )  # fmt: skip
    sub.add_argument("--wait", type=int, default=180, metavar="SECONDS", help="how long to wait for a quiet machine")
    return parser


def _offer_imagenet() -> None:
    from functools import partial

    from attention.models import imagenet

    imagenet.offer(say=partial(print, file=sys.stderr))


def _limits(arguments: argparse.Namespace):
    """A context that limits what reading pictures may take, for commands that read any."""
    from attention.pictures import workers

    if not hasattr(arguments, "max_seconds"):
        return nullcontext()
    return workers.guarded(limits.from_flags(arguments))


def main(argv: list[str] | None = None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in GONE:
        print(GONE[argv[0]], file=sys.stderr)
        return 2
    arguments = build_parser().parse_args(argv)
    if arguments.command == "serve":  # it sets limits and offers models in its own order
        return serve.run(arguments)
    from attention.inference.batch import BatchError
    from attention.inference.export import ExportError
    from attention.models.checkpoints import CheckpointError
    from attention.study.tables import ResultsError
    from attention.training.records import RunTaken
    from attention.training.sweep import SweepError
    from attention.training.trainer import TrainingError

    expected = (
        BadInput, BatchError, CheckpointError, DataError, ExportError, ResultsError, RunTaken, SweepError, TrainingError, UnknownVariant,
        WriteError, devices.DeviceError,
    )  # fmt: skip
    try:
        if arguments.command in TAKE_IMAGENET and arguments.dataset == "imagenet" and "imagenet" not in own_names():
            _offer_imagenet()
        for name in getattr(arguments, "datasets", None) or filter(None, [getattr(arguments, "dataset", None)]):
            dataset(name)  # an unknown one is reported before anything starts
        with _limits(arguments):
            arguments.run(arguments)
    except expected as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "Interrupted. What was measured is kept; a training run goes on where it stopped when started again.",
            file=sys.stderr,
        )
        return 130
    return 0
