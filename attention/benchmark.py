"""What each variant costs: parameters, multiply-adds, and latency measured round robin."""

import copy
import datetime
import time
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from attention import devices
from attention.datasets import EVALUATION_PIXELS
from attention.files import write_text
from attention.runs import RESULTS
from attention.variants import VARIANTS, build_model, variant

LATENCY_FILE = RESULTS / "latency.csv"
WARM_UPS = 20
BUSY_LOAD = 0.3  # load average before the measurement above which it is marked busy
BUSY_SPREAD = 0.15  # interquartile range over p50 above which a row is marked busy


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def multiply_adds(model: nn.Module, pixels: int = EVALUATION_PIXELS) -> int:
    """Multiply-adds of convolutions and matrix products for one image; element-wise work counts 0, as everywhere.

    torch's counter gives 2 operations a multiply-add. Counted on the meta device, where nothing is computed, and where
    self-attention takes its plain form at any resolution: the counter gives 0 for the fused one.
    """
    with FlopCounterMode(display=False) as counter:
        copy.deepcopy(model).to("meta").eval()(torch.zeros(1, 3, pixels, pixels, device="meta"))
    return counter.get_total_flops() // 2


def time_round_robin(
    calls: dict[str, Callable[[], None]], repeats: int, tick: Callable[[], None] = lambda: None
) -> dict:
    """Milliseconds (repeats,) a name. Every round calls each once, so that drift of the machine hits all alike."""
    for call in calls.values():
        for _ in range(WARM_UPS):
            call()
        tick()
    times = {name: np.empty(repeats) for name in calls}
    for index in range(repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            times[name][index] = (time.perf_counter() - started) * 1e3
        tick()
    return times


def measure(
    names: Iterable[str] = tuple(VARIANTS),
    device: torch.device | None = None,
    repeats: int = 200,
    batch_size: int = 1,
    pixels: int = EVALUATION_PIXELS,
    dtype: torch.dtype = torch.float32,
    tick: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """A row a variant, on random weights: latency does not depend on their values. Channels last, eager.

    float32 is that on GPUs too (devices.exact_float32).
    """
    device = device or devices.pick_device()
    names = [variant(name).name for name in names]
    load_before = devices.load_average()
    models = {name: build_model(name).eval() for name in names}
    counts = {name: (parameters(model), multiply_adds(model, pixels)) for name, model in models.items()}
    models = {name: m.to(device, dtype, memory_format=torch.channels_last) for name, m in models.items()}
    images = torch.rand(batch_size, 3, pixels, pixels, device=device)
    images = images.to(dtype, memory_format=torch.channels_last)

    def call(name: str) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode():
                models[name](images)
            devices.synchronise(device)

        return run

    calls = {name: call(name) for name in names}
    with devices.exact_float32():
        memory = {name: _working_memory_mb(run, device) for name, run in calls.items()}
        times = time_round_robin(calls, repeats, tick)
    rows = []
    for name in names:
        p25, p50, p75, p90, p99 = np.percentile(times[name], [25, 50, 75, 90, 99])
        rows.append(
            {
                "variant": name,
                "device": devices.device_name(device),
                "device_type": device.type,
                "dtype": devices.dtype_name(dtype),
                "batch_size": batch_size,
                "pixels": pixels,
                "threads": torch.get_num_threads() if device.type == "cpu" else 0,
                "calls": repeats,
                "p50_ms": round(p50, 3),
                "p90_ms": round(p90, 3),
                "p99_ms": round(p99, 3),
                "iqr_ms": round(p75 - p25, 3),
                "images_per_second": round(batch_size / p50 * 1e3, 1),
                "parameters": counts[name][0],
                "multiply_adds": counts[name][1],
                "working_memory_mb": memory[name],
                "load_before": round(load_before, 2),
                "busy": load_before > BUSY_LOAD or (p75 - p25) / p50 > BUSY_SPREAD,
                "torch": torch.__version__,
                "measured": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            }
        )
    return pd.DataFrame(rows)


def _working_memory_mb(run: Callable[[], None], device: torch.device) -> float | None:
    """The most that a call holds beyond weights and images, from a GPU's allocator; None elsewhere."""
    if device.type != "cuda":
        return None
    run()
    before = torch.cuda.memory_allocated(device)
    devices.reset_peak_memory(device)
    run()
    return round(torch.cuda.max_memory_allocated(device) / 1e6 - before / 1e6, 1)


KEY = ["variant", "device", "dtype", "batch_size", "pixels", "threads"]


def record(rows: pd.DataFrame) -> None:
    """Put rows into data/results/latency.csv in place of older ones of the same variant and circumstances."""
    if LATENCY_FILE.exists():
        rows = pd.concat([pd.read_csv(LATENCY_FILE), rows], ignore_index=True)
    rows = rows.drop_duplicates(KEY, keep="last")
    order = {name: index for index, name in enumerate(VARIANTS)}
    rows = rows.sort_values(
        ["device", "dtype", "batch_size", "pixels", "threads", "variant"],
        key=lambda c: c.map(order) if c.name == "variant" else c,
    )
    write_text(LATENCY_FILE, rows.to_csv(index=False))
