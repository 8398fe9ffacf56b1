"""Reads the tables under data/results for the page and the command line; a damaged file counts as empty."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from attention.models import checkpoints
from attention.models.variants import REFERENCE
from attention.pictures.datasets import dataset
from attention.study.latency import LATENCY_FILE, PIXELS
from attention.study.mechanism_latency import MECHANISMS_FILE
from attention.study.tables import ACCURACY_FILE

NUMBERS = {  # columns of numbers that a file must have to be shown
    "accuracy.csv": ("accuracy", "seeds"),
    "latency.csv": ("p50_ms", "batch_size", "pixels", "threads"),
    "mechanisms_latency.csv": ("p50_us", "pixels", "threads"),
    "leaderboard.csv": ("accuracy", "training_multiply_adds"),
    "curves.csv": ("epoch", "loss", "seed"),
    "test_sizes.csv": ("accuracy", "pixels", "difference_points"),
}
WORDS = {"accuracy.csv": ("dataset", "variant", "recipe"), "latency.csv": ("variant", "device", "dtype")}
damaged: set[str] = set()  # the files that could not be read when they were last asked for; the page says so


def read(path) -> pd.DataFrame:
    """A results file, or an empty frame if it does not exist yet or has no row. It is parsed again when it has changed.

    A damaged file counts as empty, because a page without a table is better than no page; `damaged` names it.
    """
    path = Path(path)
    damaged.discard(path.name)
    try:
        stat = path.stat()
        return _parsed(path, stat.st_mtime_ns, stat.st_size).copy()
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame()
    except (OSError, ValueError):  # pandas' ParserError is a ValueError, and so is UnicodeDecodeError
        damaged.add(path.name)
        return pd.DataFrame()


@lru_cache(maxsize=16)
def _parsed(path: Path, *stamp: int) -> pd.DataFrame:
    """Raises ValueError if the file is no table or lacks columns that it must have."""
    table = pd.read_csv(path, dtype={"timed_threads": "Int64"})  # integers beside gaps, because some rows have none
    missing = {*NUMBERS.get(path.name, ()), *WORDS.get(path.name, ())} - set(table.columns)
    no_numbers = [name for name in NUMBERS.get(path.name, ()) if name in table and not is_numeric_dtype(table[name])]
    if missing or no_numbers:
        raise ValueError(f"{path.name}: missing {sorted(missing)}, no numbers {no_numbers}")
    return table


@dataclass(frozen=True)
class Machine:
    """What latencies must have in common to be compared: a device, its threads and a number format."""

    device: str
    device_type: str
    threads: int  # 0 on a GPU
    dtype: str


TIMINGS = [
    "p50_ms", "p90_ms", "p99_ms", "iqr_ms", "images_per_second", "p50_us", "p90_us", "iqr_us", "replaced_us", "added_us",
]  # fmt: skip


def machines(device_type: str | None = None) -> list[Machine]:
    """The machines in latency.csv at batch 1 and 160 px: float32 first, then mostly quiet rows, then the newest."""
    table = read(LATENCY_FILE)
    if table.empty:
        return []
    table = table[(table["batch_size"] == 1) & (table["pixels"] == PIXELS)]
    if device_type:
        table = table[table["device_type"] == device_type]
    groups = table.assign(quiet=~table["busy"].astype(bool)).groupby(["device", "device_type", "threads", "dtype"])
    found = groups.agg(quiet=("quiet", "mean"), newest=("measured", "max")).reset_index()
    found = found.assign(exact=found["dtype"] == "float32", mostly_quiet=found["quiet"] > 0.5)
    found = found.sort_values(["exact", "mostly_quiet", "newest"], ascending=False)
    return [Machine(row.device, row.device_type, int(row.threads), row.dtype) for row in found.itertuples()]


def batch_sizes() -> list[int]:
    """The batch sizes in latency.csv at 160 px, of any machine."""
    table = read(LATENCY_FILE)
    return [] if table.empty else sorted({int(n) for n in table[table["pixels"] == PIXELS]["batch_size"]})


def any_busy() -> bool:
    """Whether a committed measurement is marked busy."""
    return any(not t.empty and t["busy"].astype(bool).any() for t in map(read, (LATENCY_FILE, MECHANISMS_FILE)))


def latencies(
    machine: Machine, batch_size: int | None = None, pixels: int | None = None, busy: bool = False
) -> pd.DataFrame:
    """The rows of one machine (and batch, and resolution). Unless `busy`, rows measured while it was busy lose
    their timings and keep what does not depend on it: parameters, multiply-adds, memory."""
    return _timed(read(LATENCY_FILE), {**asdict(machine), "batch_size": batch_size, "pixels": pixels}, busy)


def mechanism_costs(machine: Machine, busy: bool = False) -> pd.DataFrame:
    """The time of the mechanisms alone on one machine, in microseconds: a row per variant and resolution.

    `in_network_us` is the p50 of the whole variant minus the baseline's, at batch 1, where both were measured.
    """
    table = _timed(read(MECHANISMS_FILE), asdict(machine), busy)
    whole = latencies(machine, batch_size=1, busy=busy)
    if table.empty or whole.empty:
        return table
    p50_us = whole.set_index(["variant", "pixels"])["p50_ms"] * 1e3
    pairs = zip(table["variant"], table["pixels"], strict=True)
    added = [p50_us.get((name, side), np.nan) - p50_us.get((REFERENCE, side), np.nan) for name, side in pairs]
    return table.assign(in_network_us=added)


def _timed(table: pd.DataFrame, where: dict, busy: bool) -> pd.DataFrame:
    for key, value in where.items():
        if value is not None and not table.empty:
            table = table[table[key] == value]
    if not busy and not table.empty:
        present = [key for key in TIMINGS if key in table]
        table = table.astype(dict.fromkeys(present, float))
        table.loc[table["busy"].astype(bool), present] = np.nan
    return table


def summary(
    dataset_name: str = "imagenette",
    device_type: str = "cpu",
    machine: Machine | None = None,
    batch_size: int = 1,
    busy: bool = False,
) -> pd.DataFrame:
    """A row per variant for the page, of one recipe: accuracy, interval and verdict, cost, latency at the test pixels.

    `machine` is by default the first of machines(device_type) in float32. `busy` as for latencies().
    """
    accuracy = read(ACCURACY_FILE)
    if not accuracy.empty:
        accuracy = accuracy[accuracy["dataset"] == dataset_name]
    if accuracy.empty:
        return accuracy
    accuracy = accuracy[accuracy["recipe"] == _recipe_shown(dataset_name, accuracy)]
    machine = machine or next((m for m in machines(device_type) if m.dtype == "float32"), None)
    if machine is None:
        return accuracy if read(LATENCY_FILE).empty else accuracy.assign(p50_ms=np.nan, p90_ms=np.nan)
    pixels = dataset(dataset_name).preprocessing.test_pixels
    return accuracy.merge(latencies(machine, batch_size, pixels, busy), on="variant", how="left")


def recipe_shown(dataset_name: str) -> str:
    """The recipe whose runs the page shows for a data set; "" if it has no results."""
    accuracy = read(ACCURACY_FILE)
    accuracy = accuracy if accuracy.empty else accuracy[accuracy["dataset"] == dataset_name]
    return "" if accuracy.empty else _recipe_shown(dataset_name, accuracy)


def _recipe_shown(dataset_name: str, accuracy: pd.DataFrame) -> str:
    """The published checkpoints' recipe if it has results, else that with the most runs: no table mixes recipes."""
    try:
        published = {entry["recipe"] for entry in checkpoints.read_manifest(dataset_name)["models"].values()}
    except checkpoints.CheckpointError:
        published = set()
    of_published = accuracy[accuracy["recipe"].isin(published)]
    return (accuracy if of_published.empty else of_published).groupby("recipe")["seeds"].sum().idxmax()
