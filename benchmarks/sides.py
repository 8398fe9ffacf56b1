"""What the benchmarks share: sides timed in turn, the memory of one call, and the table that is printed."""

import argparse
import ctypes
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from attention.core import devices

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


Times = dict[str, list[float]]  # milliseconds a call, by side, in the order of the rounds


def milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e3


# Where libraries differ: after a call its threads stand by at full speed, torch's for 9 ms and ONNX Runtime's for 42 ms
# (processor time of an idle process), and would take a core from the next side.
PAUSE_S = 0.06


def in_turn(calls: dict[str, Callable[[], object]], rounds: int, warm_ups: int = 0, pause_s: float = 0) -> Times:
    """Time every side in every round; who goes first changes from round to round.

    After a pause one call goes untimed: a thread that slept is woken on any core, the caller's own among them, which costs
    the first call up to 10 ms.
    """
    names = list(calls)
    for name in names * warm_ups:
        calls[name]()
    times: Times = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if pause_s:
                time.sleep(pause_s)
                calls[name]()
            times[name].append(milliseconds(calls[name]))
    return times


def rounds_within(seconds: float, calls: dict[str, Callable[[], object]], at_least: int, at_most: int) -> int:
    """How many rounds take about so long, by two rounds of trial, which warm up as well."""
    a_round = sum(min(values) for values in in_turn(calls, rounds=2).values())
    return max(at_least, min(at_most, int(seconds * 1e3 / a_round)))


def ratio(times: Times, theirs: str, ours: str) -> float:
    """Theirs over ours, the median over the rounds: both sides of a round saw the same state of the machine."""
    return statistics.median(a / b for a, b in zip(times[theirs], times[ours], strict=True))


def extra_megabytes(call: Callable[[], object]) -> float | None:
    """How far one call raises this process's resident memory above what it held before; None where Linux is not."""
    if not CLEAR.exists():
        return None
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else a call could hide in memory that an earlier one gave back
    CLEAR.write_text("5")  # the peak begins anew
    before = _status_kilobytes("VmRSS")
    call()
    return (_status_kilobytes("VmHWM") - before) / 1e3


def _status_kilobytes(field: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field + ":"))


def begin(parser: argparse.ArgumentParser, rounds: int) -> argparse.Namespace:
    """Parse what the benchmarks of whole models take, set the threads, and print the machine."""
    parser.add_argument("--dataset", default="imagenette")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(machine())
    return arguments


def machine() -> str:
    """One line on what the figures were measured on."""
    return (
        f"{devices.device_name(torch.device('cpu'))}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, Python {sys.version.split()[0]}, load {devices.load_average():.1f} before"
    )


def print_table(columns: list[str], rows: Iterable[list]) -> None:
    """A Markdown table, row by row as they are measured, so that an interrupted run has shown what it has."""
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)
    for row in rows:
        print("| " + " | ".join(_cell(value) for value in row) + " |", flush=True)


def print_sides(times: Times, ours: list[str]) -> None:
    """The median of each side, and how many times as long as each of ours it takes."""
    rows = (
        [name, statistics.median(values), *(ratio(times, name, other) for other in ours)]
        for name, values in times.items()
    )
    print_table(["side", "median ms", *(f"over {name}" for name in ours)], rows)


def _cell(value) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
