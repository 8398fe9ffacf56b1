"""Where the files of training runs are, and which commit of the code made them."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attention.core import paths
from attention.core.errors import BadInput
from attention.core.files import told_in_words
from attention.pictures.datasets import dataset, own_names, read_own
from attention.training.recipes import Recipe


def run_folder(variant_name: str, dataset_name: str, recipe: Recipe, seed: int, tuning: bool = False) -> Path:
    """Where a run keeps its state while it lasts, and its weights and record when it has ended.

    Runs on a user's own folder are kept beside its dataset.json, by fingerprint: with other photographs they begin
    anew, and the old ones stay.
    """
    kind = f"{recipe.name}-{recipe.hash}" + ("-holdout" if tuning else "")
    folder = paths.RUNS / dataset_name
    if dataset_name in own_names():
        folder = paths.own_root() / dataset_name / "runs" / read_own(dataset_name)[0].fingerprint
    return folder / kind / run_name(variant_name, seed)


def run_name(variant_name: str, seed: int) -> str:
    """The name of a run within its data set and recipe: of its folder, its committed record and its predictions."""
    return f"{variant_name}-seed{seed}"


class RunTaken(BadInput):
    """Another process is at work on this run."""


@contextmanager
def claim(folder: Path) -> Iterator[None]:
    """Hold the lock of a run. Raises RunTaken or WriteError. When a process is killed, its lock is released."""
    with told_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / "lock", "w")
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunTaken(f"Another process is training {folder.name} now. Wait for it, or stop it.") from None
        yield


def read_record(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def learned_from_a_part(record: dict) -> bool:
    """Whether a run saw fewer photographs than its published data set has, which keeps it out of the tables."""
    info = dataset(record["dataset"])
    return not info.is_own and record.get("trained_on", info.train_images) != info.train_images


def committed_record_path(dataset_name: str, recipe_name: str, variant_name: str, seed: int) -> Path:
    """Where a run's record is committed, if it is."""
    return paths.RECORDS / dataset_name / recipe_name / f"{run_name(variant_name, seed)}.json"


def code_commit() -> str:
    """The commit that is checked out, with "+" when the package differs from it; "unknown" outside git.

    $ATTENTION_COMMIT overrides it, for files that were copied without their git history.
    """
    if given := os.environ.get("ATTENTION_COMMIT"):
        return given
    if paths.INSTALLED:  # a repository around it would hold other files
        return "unknown"

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "--no-optional-locks", *arguments], cwd=paths.BESIDE, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "attention")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
