"""The command line: python -m attention list | compare | download | train | sweep | publish | results | ...

Bad input ends with one sentence on stderr and exit code 2.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

from attention import devices
from attention.datasets import DATASETS, DataError
from attention.recipes import RECIPES
from attention.variants import VARIANTS, UnknownVariant, all_models


class BadInput(Exception):
    """What was asked for cannot be done as given; the message says why."""


def run_list(arguments: argparse.Namespace) -> None:
    from attention import checkpoints

    try:
        published = checkpoints.read_manifest(arguments.dataset)["models"]
    except checkpoints.CheckpointError:
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
    from attention import uploads
    from attention.inference import Models, check_names, compare
    from attention.presentation import result_as_json, save_overlays

    models = Models(arguments.dataset, arguments.device)
    names = check_names([n.strip() for n in arguments.models.split(",")] if arguments.models else models.names, models)
    pictures = []
    for path in arguments.image:  # all are read before any model runs: one bad file is told at once
        try:
            pictures.append((path, uploads.read_image(path)))
        except uploads.UploadError as error:
            raise BadInput(f"{Path(path).name}: {error}") from error
    output = []
    for path, upload in pictures:
        results = list(compare(upload.image, names, models))
        foreign = models.looks_foreign(upload.image, results)
        if arguments.out:
            save_overlays(upload.image, results, Path(arguments.out), Path(path).stem)
        if arguments.json:
            output.append(
                {"image": Path(path).name, "foreign": foreign, "notices": list(upload.notices),
                 "models": [result_as_json(result) for result in results]}
            )  # fmt: skip
            continue
        print(Path(path).name + (" (unlike the images these models know)" if foreign else ""))
        for result in results:
            share = result.probabilities[result.top1]
            print(f"  {result.name:24} {result.prediction:18} {share:6.1%} {result.latency_ms:8.1f} ms")
    if arguments.json:
        print(json.dumps(output, indent=1, ensure_ascii=False))


def run_download(arguments: argparse.Namespace) -> None:
    from attention import datasets

    print(f"{DATASETS[arguments.dataset].title} is in {datasets.download(arguments.dataset)}")


def _set_threads(count: int | None) -> None:
    import torch

    if count is not None:
        if count < 1:
            raise BadInput(f"--threads must be at least 1, not {count}.")
        torch.set_num_threads(count)


def run_train(arguments: argparse.Namespace) -> None:
    from attention import training

    _set_threads(arguments.threads)
    if arguments.download:
        run_download(arguments)
    record = training.train(
        arguments.variant,
        arguments.dataset,
        RECIPES[arguments.recipe],
        arguments.seed,
        device=devices.pick_device(arguments.device),
        tuning=arguments.hold_out,
    )
    print(
        f"{record['variant']}, seed {record['seed']}: {record['accuracy']:.2%} of {record['images']} images "
        f"({record['scored_on']}), {record['seconds'] / 60:.1f} minutes, weights sha256 {record['weights_sha256']}"
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
    from attention import sweep
    from attention.variants import variant

    names = [variant(name.strip()).name for name in arguments.variants.split(",")] if arguments.variants else None
    if arguments.workers < 1:
        raise BadInput(f"--workers must be at least 1, not {arguments.workers}.")
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
    sweep.sweep(
        tasks,
        recipe,
        device=devices.pick_device(arguments.device),
        workers=arguments.workers,
        limit_minutes=arguments.limit_minutes,
    )


def run_publish(arguments: argparse.Namespace) -> None:
    from attention import checkpoints

    names = checkpoints.publish(arguments.dataset, arguments.recipe)
    if not names:
        raise BadInput(f"No finished run of recipe {arguments.recipe} to offer: python -m attention train first.")
    print("Published: " + ", ".join(names))
    run_results(arguments)


def run_results(arguments: argparse.Namespace) -> None:
    from attention import results

    results.rebuild()


def run_evaluate(arguments: argparse.Namespace) -> None:
    from attention import results

    results.evaluate(arguments.dataset, devices.pick_device(arguments.device))


def run_score_maps(arguments: argparse.Namespace) -> None:
    from tqdm import tqdm

    from attention import score_maps
    from attention.variants import variant

    names = [variant(name.strip()).name for name in arguments.models.split(",")] if arguments.models else None
    if arguments.images < 1 or arguments.steps < 1:
        raise BadInput("--images and --steps must be at least 1.")

    def bar(total: int, label: str):
        return tqdm(total=total, desc=label, unit="img", leave=False).update

    score_maps.score(
        arguments.datasets, devices.pick_device(arguments.device), names, arguments.images, arguments.steps, bar=bar
    )


def run_leaderboard(arguments: argparse.Namespace) -> None:
    from attention import leaderboard

    table = leaderboard.measure(devices.pick_device(arguments.device))
    print(table[["source", "epochs", "accuracy", "training_multiply_adds"]].to_string(index=False))


def _wait_for_quiet(limit_s: int) -> None:
    """Give the load average time to fall, since starting Python raised it; a measurement that begins busy is marked."""
    from attention.benchmark import BUSY_LOAD

    deadline = time.monotonic() + limit_s
    if devices.load_average() > BUSY_LOAD and limit_s:
        print(f"Waiting up to {limit_s} s for this machine to be quiet (--wait 0 skips this).", file=sys.stderr)
    # a little below the bound: building the models raises the average again
    while devices.load_average() > BUSY_LOAD - 0.05 and time.monotonic() < deadline:
        time.sleep(2)


def run_benchmark(arguments: argparse.Namespace) -> None:
    import torch
    from tqdm import tqdm

    from attention import benchmark

    if arguments.repeats < 1:
        raise BadInput(f"--repeats must be at least 1, not {arguments.repeats}.")
    _set_threads(arguments.threads)
    _wait_for_quiet(arguments.wait)
    device = devices.pick_device(arguments.device)
    for pixels, dtype, batch_size in itertools.product(arguments.pixels, arguments.dtype, arguments.batch):
        label = f"{device.type} {dtype} batch {batch_size}, {pixels} px"
        with tqdm(total=len(VARIANTS) + arguments.repeats, desc=label, unit="round") as bar:
            rows = benchmark.measure(
                device=device, repeats=arguments.repeats, batch_size=batch_size, pixels=pixels,
                dtype=getattr(torch, dtype), tick=lambda bar=bar: bar.update(),
            )  # fmt: skip
        benchmark.record(rows)
        print(label)
        print(rows[["variant", "p50_ms", "p90_ms", "parameters", "multiply_adds", "busy"]].to_string(index=False))


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m attention", description="Attention in a convolutional network.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, help: str, device: bool = True, dataset: bool = True) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(run=run)
        if dataset:
            sub.add_argument("--dataset", choices=DATASETS, default="imagenette")
        if device:
            sub.add_argument("--device", choices=devices.CHOICES, default="auto")
        return sub

    sub = command("list", run_list, "List the models: mechanism, placement, accuracy.", device=False)
    sub.add_argument("--json", action="store_true")

    sub = command("compare", run_compare, "Run models on images, side by side.")
    sub.add_argument("image", nargs="+")
    sub.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")
    sub.add_argument("--json", action="store_true")
    sub.add_argument("--out", help="folder for the pictures with their maps")

    command("download", run_download, "Fetch a data set into data/.", device=False)

    sub = command("train", run_train, "Train one model, or go on with a run that was interrupted.")
    sub.add_argument("--variant", required=True, choices=VARIANTS)
    sub.add_argument("--recipe", choices=RECIPES, default="cpu")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--threads", type=int, help="CPU threads; part of the run: another count gives other weights")
    sub.add_argument("--download", action="store_true", help="fetch the data set first where it is missing")
    sub.add_argument(
        "--hold-out", action="store_true", help="train on nine tenths of train and score the rest: for tuning"
    )

    sub = command("sweep", run_sweep, "Train every run of the study that is missing.", dataset=False)
    sub.add_argument(
        "--dataset", dest="datasets", nargs="+", choices=DATASETS, default=list(DATASETS), help="(default: all)"
    )
    sub.add_argument("--recipe", choices=RECIPES, default="gpu")
    sub.add_argument("--seeds", default="0-4", help="such as 0-4 or 0,2 (default: 0-4)")
    sub.add_argument("--variants", help="names with commas between (default: all)")
    sub.add_argument("--workers", type=int, default=1, help="processes that train at the same time")
    sub.add_argument("--threads", type=int, help="CPU threads in all (default: torch's choice)")
    sub.add_argument("--limit-minutes", type=float, help="start nothing after this, and save what is at hand")
    sub.add_argument("--dry-run", action="store_true", help="say what is missing, and train nothing")
    sub.add_argument("--status", action="store_true", help="a table of what has ended")

    sub = command("publish", run_publish, "Copy finished runs into checkpoints/ and data/results/.", device=False)
    sub.add_argument("--recipe", choices=RECIPES, default="cpu")

    command("evaluate", run_evaluate, "Score the published checkpoints on val again; rebuild foreign.csv.")
    command("results", run_results, "Rebuild every summary in data/results from the runs.", device=False, dataset=False)

    command("leaderboard", run_leaderboard, "Score the baselines at 128 px; rebuild leaderboard.csv.", dataset=False)

    sub = command("score-maps", run_score_maps, "Score the maps of the committed models: heatmaps.csv.", dataset=False)
    sub.add_argument(
        "--dataset", dest="datasets", nargs="+", choices=DATASETS, default=list(DATASETS), help="(default: all)"
    )
    sub.add_argument("--models", help="names with commas between (default: all that have a checkpoint)")
    sub.add_argument("--images", type=int, default=200, help="test images of deletion and insertion (default: 200)")
    sub.add_argument("--steps", type=int, default=16, help="steps of their curves (default: 16)")

    sub = command("benchmark", run_benchmark, "Measure cost and latency; rebuild this device's rows of latency.csv.")
    sub.add_argument("--repeats", type=int, default=200)
    sub.add_argument("--threads", type=int, help="CPU threads (default: torch's choice)")
    sub.add_argument("--batch", type=int, nargs="+", default=[1], metavar="N", help="images a call (default: 1)")
    sub.add_argument("--pixels", type=int, nargs="+", default=[160], choices=[96, 128, 160, 192, 224])
    sub.add_argument("--dtype", nargs="+", default=["float32"], choices=["float32", "bfloat16", "float16"])
    sub.add_argument("--wait", type=int, default=180, metavar="SECONDS", help="how long to wait for a quiet machine")
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    from attention.checkpoints import CheckpointError
    from attention.results import ResultsError
    from attention.runs import RunTaken
    from attention.training import TrainingError

    expected = (
        BadInput, CheckpointError, DataError, ResultsError, RunTaken, TrainingError, UnknownVariant, devices.DeviceError
    )  # fmt: skip
    try:
        arguments.run(arguments)
    except expected as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted. A training run goes on where it stopped when started again.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
