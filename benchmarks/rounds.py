"""Several sides in turn: every round calls each of them once, so that drift of the machine hits all alike."""

import os
import statistics
import time
from collections.abc import Callable

import torch

from attention import devices

PAUSE_S = 0.005  # between calls: the threads of one library spin for a while, and would take a core from the next side


def take_turns(sides: dict[str, Callable[[], object]], rounds: int, warm_ups: int = 3) -> dict[str, list[float]]:
    """Milliseconds of every call, a list a side; who begins changes from round to round."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(-warm_ups, rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            time.sleep(PAUSE_S)
            started = time.perf_counter()
            sides[name]()
            if number >= 0:
                times[name].append((time.perf_counter() - started) * 1e3)
    return times


def ratio(times: dict[str, list[float]], theirs: str, ours: str) -> float:
    """Theirs over ours, the median over the rounds: both calls of a round saw the same state of the machine."""
    return statistics.median(b / a for a, b in zip(times[ours], times[theirs], strict=True))


def machine() -> str:
    """One line on what the figures were measured on."""
    return (
        f"{devices.device_name(torch.device('cpu'))}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, load {devices.load_average():.1f} before"
    )


def print_table(times: dict[str, list[float]], ours: list[str]) -> None:
    """Markdown: the median of each side, and how many times as long as each of ours it takes."""
    print("| side | median ms | " + " | ".join(f"over {name}" for name in ours) + " |")
    print("|---|---|" + "---|" * len(ours))
    for name, values in times.items():
        ratios = " | ".join(f"{ratio(times, name, other):.2f}" for other in ours)
        print(f"| {name} | {statistics.median(values):.1f} | {ratios} |", flush=True)
