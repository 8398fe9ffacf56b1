"""Commands that measure trained models: evaluate, precision, score-maps, class-means, benchmark."""

import argparse
import itertools
import signal
import sys
import time
from pathlib import Path

from attention.cli.commands import DATASET, DEVICE, MODELS, THREADS, VARIANT_NAMES, command, flag, named, set_threads
from attention.core import devices
from attention.core.errors import BadInput
from attention.models.variants import VARIANTS
from attention.pictures.datasets import DATASETS


@command(
    "evaluate",
    "Score the published checkpoints on val again: foreign.csv, test_sizes.csv, of imagenette leaderboard.csv too.",
    DATASET, DEVICE,
    flag("--pixels", type=int, metavar="N", help="enlarge or shrink the images to N a side: rows of test_sizes.csv alone"),
)  # fmt: skip
def evaluate(arguments: argparse.Namespace) -> None:
    from attention.study import rescoring

    rescoring.evaluate(arguments.dataset, devices.pick_device(arguments.device), pixels=arguments.pixels)


@command(
    "precision", "Measure whether answers hold in half precision: precision.csv.", DATASET, DEVICE,
    flag("--again", action="store_true", help="also the checkpoints that have a row"),
    THREADS,
)  # fmt: skip
def precision(arguments: argparse.Namespace) -> None:
    from attention.study import half_precision

    set_threads(arguments.threads)
    for row in half_precision.measure(arguments.dataset, devices.pick_device(arguments.device), again=arguments.again):
        half_precision.record(row)  # at once, so that a run that is stopped keeps what it measured


def _bar(total: int, label: str):
    from tqdm import tqdm

    return tqdm(total=total, desc=label, unit="img", leave=False).update


@command(
    "score-maps", "Score the maps of the committed models: heatmaps.csv.", DEVICE,
    flag("--dataset", dest="datasets", nargs="+", choices=DATASETS, default=list(DATASETS), help="(default: all)"),
    MODELS,
    flag("--images", type=int, default=200, help="test images of deletion and insertion (default: 200)"),
    flag("--steps", type=int, default=16, help="steps of their curves (default: 16)"),
)  # fmt: skip
def score_maps(arguments: argparse.Namespace) -> None:
    from attention.study import map_scoring

    names = named(arguments.models)
    if arguments.images < 1 or arguments.steps < 1:
        raise BadInput("--images and --steps must be at least 1.")
    device = devices.pick_device(arguments.device)
    map_scoring.score(arguments.datasets, device, names, arguments.images, arguments.steps, bar=_bar)


@command(
    "class-means", "Average each channel weight over the test images of a class.", DEVICE,
    flag("--dataset", dest="datasets", nargs="+", metavar="NAME", default=list(DATASETS), help="(default: the study's)"),
    MODELS,
)  # fmt: skip
def class_means_of(arguments: argparse.Namespace) -> None:
    from attention.study import class_means

    names, device = named(arguments.models), devices.pick_device(arguments.device)
    for dataset_name in arguments.datasets:
        class_means.measure(dataset_name, device, names, bar=_bar)


@command(
    "benchmark", "Measure cost and latency; rebuild this device's rows of latency.csv.", DATASET, DEVICE, VARIANT_NAMES,
    flag("--standard", action="store_true", help="every setting of the record: batches, resolutions, dtypes"),
    flag("--mechanisms", action="store_true", help="time the mechanisms alone: mechanisms_latency.csv"),
    flag("--repeats", type=int, default=200, help="timed calls at batch 1; at larger batches fewer (default: 200)"),
    THREADS,
    flag("--batch", type=int, nargs="+", default=[1], metavar="N", help="images a call (default: 1)"),
    flag(
        "--pixels", type=int, nargs="+", default=[160], choices=[96, 112, 128, 160, 192, 224],
        help="the side of the images (default: 160)",
    ),
    flag(
        "--dtype", nargs="+", default=["float32"], choices=["float32", "bfloat16", "float16"],
        help="the precision (default: float32)",
    ),
    flag("--wait", type=int, default=180, metavar="SECONDS", help="how long to wait for a quiet machine"),
)  # fmt: skip
def benchmark(arguments: argparse.Namespace) -> None:
    import torch

    from attention.study import latency

    for option, value in (("--repeats", arguments.repeats), ("--batch", min(arguments.batch))):
        if value < 1:
            raise BadInput(f"{option} must be at least 1, not {value}.")
    set_threads(arguments.threads)
    names, device = named(arguments.variants) or list(VARIANTS), devices.pick_device(arguments.device)
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


def _wait_for_quiet(limit_s: int) -> None:
    """Wait for the load average to fall, because starting Python raised it and a busy start marks the measurement."""
    from attention.study.timing import BUSY_LOAD

    deadline = time.monotonic() + limit_s
    if devices.load_average() > BUSY_LOAD and limit_s:
        print(f"Waiting up to {limit_s} s for this machine to be quiet (--wait 0 skips this).", file=sys.stderr)
    # a little below the bound: building the models raises the average again
    while devices.load_average() > BUSY_LOAD - 0.05 and time.monotonic() < deadline:
        time.sleep(2)


def _measure_mechanisms(arguments: argparse.Namespace, names: list[str], device, load_before: float) -> None:
    import torch

    from attention.study import latency, mechanism_latency

    resolutions = mechanism_latency.RESOLUTIONS if arguments.pixels == [latency.PIXELS] else arguments.pixels
    for pixels, dtype in itertools.product(resolutions, arguments.dtype):
        costs = mechanism_latency.MechanismCosts(names, pixels, device, getattr(torch, dtype), load_before)
        label = f"{device.type} mechanisms {dtype}, {pixels} px"
        _record(costs, label, arguments.repeats, mechanism_latency.MECHANISMS_FILE)


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
