"""Times calls against each other round robin, and measures their memory and the circumstances that go on record."""

import datetime
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.profiler import ProfilerActivity, profile

from attention.core import devices, threads

WARM_UPS = 20
BUSY_LOAD = 0.3  # cores used by others, before or during a measurement, above which it is marked busy
BUSY_SPREAD = 0.15  # interquartile range over p50 above which a row is marked busy
SAVE_EVERY_S = 30


class RoundRobin:
    """Times calls against each other: every round makes each call once, so that drift of the machine hits all alike.

    `run` does a round at each step and `statistics` covers the rounds done so far, so a run that is cut short loses
    nothing. `load_before` is the load average before the command began.
    """

    def __init__(self, calls: dict[str, Callable[[], object]], device: torch.device, load_before: float | None = None):
        self.calls, self.device = calls, device
        self.load_before = devices.load_average() if load_before is None else load_before
        self.rounds: list[dict[str, float]] = []
        self.warm_ups = 0

    def run(self, repeats: int, warm_ups: int | None = None) -> Iterator[int]:
        """Yields the number of rounds done after each round; the warm-ups come first and count as rounds."""
        warm_ups = WARM_UPS if warm_ups is None else warm_ups
        for self.warm_ups in range(1, warm_ups + 1):
            self._round()
            yield self.warm_ups
        self._began, self._others_began = time.monotonic(), devices.others_cpu_seconds()
        for index in range(repeats):
            self.rounds.append(self._round())
            yield warm_ups + index + 1

    def _round(self) -> dict[str, float]:
        """Make each call once; returns milliseconds by name."""
        return {name: threads.always_on_all(self._milliseconds, call) for name, call in self.calls.items()}

    def _milliseconds(self, call: Callable[[], object]) -> float:
        with devices.exact_float32(), torch.inference_mode():
            started = time.perf_counter()
            call()
            devices.synchronise(self.device)
            return (time.perf_counter() - started) * 1e3

    def load_of_others(self) -> float | None:
        """Cores that other processes used, on average, since the first timed round began."""
        if self._others_began is None:
            return None
        used = devices.others_cpu_seconds() - self._others_began
        return max(0.0, used / max(time.monotonic() - self._began, 1e-9))

    def statistics(self) -> pd.DataFrame:
        """A row per name: percentiles in ms, and whether the machine was too busy for them to be believed."""
        if not self.rounds:
            return pd.DataFrame()
        times = pd.DataFrame(self.rounds)
        p25, p50, p75, p90, p99 = np.percentile(times, [25, 50, 75, 90, 99], axis=0)
        others = self.load_of_others()
        table = pd.DataFrame({"p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "iqr_ms": p75 - p25}, index=times.columns)
        noisy = max(self.load_before, others or 0) > BUSY_LOAD
        return table.round(4).assign(
            warm_ups=self.warm_ups,
            calls=len(times),
            load_before=round(self.load_before, 2),
            load_of_others=None if others is None else round(others, 2),
            busy=noisy | ((p75 - p25) / p50 > BUSY_SPREAD),
        )


def record_as_it_goes(
    timing: RoundRobin, rows: Callable[[], pd.DataFrame], repeats: int, save: Callable[[pd.DataFrame], object], tick
) -> None:
    """Make the rounds; save the rows so far every half minute and at the end, even if Ctrl-C ends it."""
    saved = time.monotonic()
    try:
        for _ in timing.run(repeats):
            tick()
            if time.monotonic() - saved > SAVE_EVERY_S and timing.rounds:
                save(rows())
                saved = time.monotonic()
    finally:
        if timing.rounds:
            save(rows())


def circumstances(device: torch.device) -> dict:
    """The columns that say where and with what a row was measured."""
    return {
        "device": devices.device_name(device),
        "device_type": device.type,
        "threads": threads.count() if device.type == "cpu" else 0,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def working_memory_mb(run: Callable[[], object], device: torch.device) -> float | None:
    """The peak memory of a call in MB, beyond what was allocated before it, such as weights and images.

    A GPU's allocator keeps that peak; on the CPU it is summed from the profiler's record of every allocation and release.
    Scratch space that a library takes without torch's allocator is in neither. None on other devices.
    """
    if device.type not in ("cpu", "cuda"):
        return None
    with torch.inference_mode():
        run()
        if device.type == "cpu":
            return _profiled_peak(run) / 1e6
        before = torch.cuda.memory_allocated(device)
        devices.reset_peak_memory(device)
        run()
        return (torch.cuda.max_memory_allocated(device) - before) / 1e6


def _profiled_peak(run: Callable[[], object]) -> int:
    """The same peak on the CPU, in bytes."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else it writes to stderr that there is no GPU
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        run()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        recorded.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e.get("name") == "[memory]")
    return max(0, *np.cumsum([size for _, size in changes])) if changes else 0
