"""The queue of runs that are still missing, and the workers that train them.

The queue is not stored: the folders say what is missing, a run is held by a lock on its folder (records.claim), and an
interrupted one goes on from its state. So a sweep can be killed at any moment, and several may run at once.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from statistics import median

import torch
from torch import multiprocessing

from attention.core import devices
from attention.core.errors import BadInput
from attention.core.files import WriteError
from attention.models.variants import VARIANTS
from attention.pictures.datasets import DataError
from attention.training import trainer
from attention.training.recipes import Recipe
from attention.training.records import RunTaken, committed_record_path, read_record, run_folder


class SweepError(BadInput):
    """A sweep cannot start or go on; the message says why and what to do."""


@dataclass(frozen=True)
class Task:
    """One run of the study."""

    dataset: str
    variant: str
    seed: int

    def __str__(self) -> str:
        return f"{self.dataset} {self.variant} seed {self.seed}"


def study(datasets: list[str], seeds: list[int], variants: list[str] | None = None) -> list[Task]:
    """All runs, in the order that fills the table evenly: every variant with one seed before any has the next."""
    names = variants or list(VARIANTS)
    return [Task(dataset, name, seed) for seed in seeds for dataset in datasets for name in names]


def record_of(task: Task, recipe: Recipe) -> dict | None:
    """The record of a finished run, from runs/ or from the committed ones; None if there is none of this recipe."""
    own = run_folder(task.variant, task.dataset, recipe, task.seed) / "record.json"
    for path in (own, committed_record_path(task.dataset, recipe.name, task.variant, task.seed)):
        if path.exists():
            record = read_record(path)
            return record if record["recipe_hash"] == recipe.hash else None
    return None


def missing(tasks: list[Task], recipe: Recipe) -> list[Task]:
    return [task for task in tasks if record_of(task, recipe) is None]


def seconds_left(tasks: list[Task], recipe: Recipe, workers: int = 1) -> float | None:
    """Estimated seconds for the missing runs, from ended ones, of the same variant if any; None before any ended."""
    records = {task: record_of(task, recipe) for task in tasks}
    seconds: dict[str, list[float]] = {}
    for task, record in records.items():
        if record:
            seconds.setdefault(task.variant, []).append(record["seconds"])
    if not seconds:
        return None
    usual = median(value for values in seconds.values() for value in values)
    left = (task for task, record in records.items() if record is None)
    return sum(median(seconds.get(task.variant, [usual])) for task in left) / workers


def status(tasks: list[Task], recipe: Recipe) -> str:
    """A table as text: one row per data set and variant, with the accuracies of the seeds that have ended."""
    seeds = sorted({task.seed for task in tasks})
    lines = [f"{'':44}" + "".join(f"{f'seed {seed}':>9}" for seed in seeds)]
    for dataset, name in dict.fromkeys((task.dataset, task.variant) for task in tasks):
        cells = []
        for seed in seeds:
            task = Task(dataset, name, seed)
            record = record_of(task, recipe)
            begun = (run_folder(name, dataset, recipe, seed) / "state.pt").exists()
            cells.append(f"{record['accuracy']:.2%}" if record else "begun" if begun else "-")
        lines.append(f"{dataset:12}{name:32}" + "".join(f"{cell:>9}" for cell in cells))
    lines += _seed_counts(tasks, recipe)
    left = missing(tasks, recipe)
    lines.append(f"recipe {recipe.name} {recipe.hash}: {len(tasks) - len(left)} of {len(tasks)} runs have ended")
    estimate = seconds_left(tasks, recipe)
    if left and estimate:
        lines.append(f"about {estimate / 3600:.1f} hours of one worker are left")
    return "\n".join(lines)


def _seed_counts(tasks: list[Task], recipe: Recipe) -> list[str]:
    """A sentence per data set: how many variants have at least one seed, and at least the three that verdicts need."""
    ended = Counter((task.dataset, task.variant) for task in tasks if record_of(task, recipe) is not None)
    sentences = []
    for dataset in dict.fromkeys(task.dataset for task in tasks):
        variants = {task.variant for task in tasks if task.dataset == dataset}
        one, three = (sum(ended[dataset, name] >= seeds for name in variants) for seeds in (1, 3))
        sentences.append(f"{dataset}: of {len(variants)} variants {one} have at least one seed, {three} at least three")
    return sentences


@lru_cache
def splits_of(dataset: str):
    """The decoded splits of a data set, loaded once per process: about 1 GB of memory per data set."""
    return trainer.load_splits(dataset, quiet=True)


def late(deadline: float | None) -> bool:
    """Whether `deadline`, in seconds of time.time(), has passed; None never does."""
    return deadline is not None and time.time() > deadline


def train(task: Task, recipe: Recipe, device: torch.device, deadline: float | None) -> dict:
    """One run of the study; its record. Raises trainer.Stopped past the deadline, and what else trainer.train raises."""
    return trainer.train(
        task.variant, task.dataset, recipe, task.seed,
        device=device, splits=splits_of(task.dataset), quiet=True, stop=lambda: late(deadline),
    )  # fmt: skip


def work(
    tasks: list[Task],
    recipe: Recipe,
    device: torch.device,
    deadline: float | None = None,
    say: Callable[[str], None] = print,
) -> Iterator[dict]:
    """Train the missing runs one after the other and yield their records; runs that another process holds are skipped.

    `deadline`, in seconds of time.time(), is checked between epochs; the current run is then saved and left.
    """

    for task in tasks:
        if late(deadline):
            return
        if record_of(task, recipe) is not None:
            continue
        try:
            started = time.time()
            record = train(task, recipe, device, deadline)
        except RunTaken:
            continue
        except trainer.Stopped as stopped:
            say(f"saved and left at the time limit: {stopped}")
            return
        except trainer.TrainingError as error:  # one run that diverged does not end the others
            say(f"{task} failed: {error}")
            continue
        say(f"{task}: {record['accuracy']:.2%}, {time.time() - started:.0f} s")
        yield record


def _worker(_index: int, tasks: list[Task], recipe: Recipe, device: str, threads: int, deadline: float | None) -> None:
    torch.set_num_threads(threads)
    try:
        for _ in work(tasks, recipe, torch.device(device), deadline, say=lambda line: print(line, flush=True)):
            pass
    except KeyboardInterrupt:
        pass


def _process(*arguments) -> None:
    """A worker in a process of its own: an error that ends it is printed as one sentence, as in the main process."""
    try:
        _worker(*arguments)
    except (DataError, WriteError) as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)


def sweep(
    tasks: list[Task],
    recipe: Recipe,
    *,
    device: torch.device | None = None,
    workers: int = 1,
    limit_minutes: float | None = None,
) -> None:
    """Train the missing runs with `workers` processes, each with its share of the CPU's threads.

    Raises DataError, WriteError, or SweepError when one of several processes died.
    """
    device = device or devices.pick_device()
    deadline = time.time() + 60 * limit_minutes if limit_minutes else None
    threads = max(1, torch.get_num_threads() // workers)
    if workers == 1:
        _worker(0, tasks, recipe, str(device), threads, deadline)
        return
    try:
        multiprocessing.spawn(_process, (tasks, recipe, str(device), threads, deadline), nprocs=workers)
    except multiprocessing.ProcessExitedException as error:
        raise SweepError("A worker ended early, and the others with it: start the sweep again to go on.") from error
