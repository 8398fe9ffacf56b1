"""What each variant costs: parameters, multiply-adds, memory, and latency measured round robin."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from attention.core import devices
from attention.core.files import write_text
from attention.core.paths import RESULTS
from attention.models.variants import VARIANTS, build_model, variant
from attention.pictures.preprocessing import STUDY
from attention.study.timing import RoundRobin, circumstances, working_memory_mb

LATENCY_FILE = RESULTS / "latency.csv"
PIXELS = STUDY.test_pixels  # the side of images at which every variant is timed
CALLS, FEWEST_CALLS = 200, 20  # timed at batch 1; the fewest at larger batches
MEMORY_SHARE = 0.8  # the most of the free memory that a batch may need


class BenchmarkError(Exception):
    """The measurement cannot be made; the message says why, and what to choose instead."""


@dataclass(frozen=True)
class Setting:
    """What is measured at once, with a row per variant."""

    batch_size: int = 1
    pixels: int = PIXELS
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        return f"{devices.dtype_name(self.dtype)} batch {self.batch_size}, {self.pixels} px"


def standard_settings(device: torch.device) -> list[Setting]:
    """The settings on record: batches at 160 px, resolutions at batch 1, bfloat16 if the device multiplies in it."""
    batches = (1, 8, 32, 256) if device.type == "cuda" else (1, 8, 32)
    settings = [Setting(batch) for batch in batches] + [Setting(pixels=pixels) for pixels in (128, 224)]
    if devices.multiplies_in(torch.bfloat16, device):
        low = batches if device.type == "cuda" else (1,)
        settings += [Setting(batch, dtype=torch.bfloat16) for batch in low]
    return settings


def calls_at(batch_size: int, calls: int = CALLS) -> int:
    """Timed calls per variant: for about as many images at every batch, so that large ones do not take too long."""
    return min(calls, max(FEWEST_CALLS, calls // batch_size))


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def multiply_adds(model: nn.Module, pixels: int = PIXELS) -> int:
    """Multiply-adds of convolutions and matrix products for one image; element-wise work counts 0, as is usual.

    torch's counter gives 2 operations per multiply-add. The model is on the meta device, where nothing is computed and
    self-attention takes its plain form at any resolution, because the counter gives 0 for the fused one.
    """
    with FlopCounterMode(display=False) as counter:
        copy.deepcopy(model).to("meta").eval()(torch.zeros(1, 3, pixels, pixels, device="meta"))
    return counter.get_total_flops() // 2


def _check_batch(need_mb: float, setting: Setting, device: torch.device) -> None:
    """`need_mb` is for one image. Raises BenchmarkError, with the largest batch that fits, if this one will not."""
    free = devices.free_memory_mb(device)
    if free is None or setting.batch_size * need_mb <= MEMORY_SHARE * free:
        return
    raise BenchmarkError(
        f"Batch {setting.batch_size} at {setting.pixels} px needs about {setting.batch_size * need_mb / 1e3:.1f} GB, and "
        f"{free / 1e3:.1f} GB are free: try --batch {_power_of_two(MEMORY_SHARE * free / need_mb)}."
    )


def _power_of_two(at_most: float) -> int:
    return 2 ** max(0, math.floor(math.log2(max(at_most, 1))))


# a setting


class Measurement:
    """Measures variants in one setting on one device, with random weights, because latency does not depend on them;
    channels last, in eager mode. float32 is exact on GPUs too (devices.exact_float32).

    `memory` says whether to measure memory too, and to refuse a batch that will not fit. Raises UnknownVariant,
    DeviceError for a dtype that the device lacks, and BenchmarkError for a batch that does not fit.
    """

    def __init__(
        self,
        names: Iterable[str],
        setting: Setting,
        device: torch.device,
        load_before: float | None = None,
        memory: bool = True,
    ):
        self.names = [variant(name).name for name in names]
        self.setting, self.device = setting, device
        devices.check_dtype(setting.dtype, device)
        load_before = devices.load_average() if load_before is None else load_before
        models = {name: build_model(name).eval() for name in self.names}
        self.counts = {
            name: {"parameters": parameters(model), "multiply_adds": multiply_adds(model, setting.pixels)}
            for name, model in models.items()
        }
        self.models = {n: m.to(device, setting.dtype, memory_format=torch.channels_last) for n, m in models.items()}
        try:
            self.memory = self._memory() if memory else dict.fromkeys(self.names)
        except torch.OutOfMemoryError as error:
            raise BenchmarkError(
                f"Batch {setting.batch_size} at {setting.pixels} px does not fit into this device's memory: "
                f"try --batch {_power_of_two(setting.batch_size / 2)}."
            ) from error
        self.timing = RoundRobin(self._calls(self._images(setting.batch_size)), device, load_before)

    def _images(self, batch_size: int) -> torch.Tensor:
        images = torch.rand(batch_size, 3, self.setting.pixels, self.setting.pixels, device=self.device)
        return images.to(self.setting.dtype, memory_format=torch.channels_last)

    def _calls(self, images: torch.Tensor) -> dict[str, Callable[[], object]]:
        return {name: lambda model=model: model(images) for name, model in self.models.items()}

    def _memory(self) -> dict[str, float | None]:
        def of(batch_size: int) -> dict[str, float | None]:
            calls = self._calls(self._images(batch_size))
            return {name: working_memory_mb(call, self.device) for name, call in calls.items()}

        one = of(1)
        if self.setting.batch_size == 1:
            return one
        _check_batch(
            max((mb for mb in one.values() if mb), default=0) + 12e-6 * self.setting.pixels**2,
            self.setting,
            self.device,
        )
        return of(self.setting.batch_size)

    def rows(self) -> pd.DataFrame:
        """The rows of latency.csv from the rounds so far; busy while there are fewer calls than calls_at() asks for."""
        table, batch = self.timing.statistics(), self.setting.batch_size
        if table.empty:
            return table
        table["busy"] |= table["calls"] < calls_at(batch)
        table["images_per_second"] = (batch / table["p50_ms"] * 1e3).round(1)
        table["working_memory_mb"] = [None if mb is None else round(mb, 2) for mb in self.memory.values()]
        table = table.join(pd.DataFrame.from_dict(self.counts, orient="index")).assign(
            batch_size=batch,
            pixels=self.setting.pixels,
            dtype=devices.dtype_name(self.setting.dtype),
            **circumstances(self.device),
        )
        return table.rename_axis("variant").reset_index()[COLUMNS]


COLUMNS = [
    "variant", "device", "device_type", "dtype", "batch_size", "pixels", "threads", "warm_ups", "calls", "p50_ms", "p90_ms",
    "p99_ms", "iqr_ms", "images_per_second", "parameters", "multiply_adds", "working_memory_mb", "load_before",
    "load_of_others", "busy", "torch", "python", "measured",
]  # fmt: skip
KEY = ["variant", "device", "dtype", "batch_size", "pixels", "threads"]


# the record


def record(rows: pd.DataFrame, file: Path | None = None) -> int:
    """Put rows into latency.csv, or another file of its kind, in place of older ones of the same variant and circumstances.

    A busy row never replaces a quiet one, and one that was cut short never a whole one. Returns how many were left out.
    """
    file = file or LATENCY_FILE
    both = rows.assign(is_new=True)
    if file.exists():
        both = pd.concat([pd.read_csv(file).assign(is_new=False), both], ignore_index=True)
    whole = both["calls"] >= both["batch_size"].map(calls_at)
    both["worth"] = 2 * (~both["busy"].astype(bool)).astype(int) + whole.astype(int)
    both = both.sort_values(["worth", "is_new"], kind="stable").drop_duplicates(KEY, keep="last")
    left_out = len(rows.drop_duplicates(KEY)) - int(both["is_new"].sum())
    order = {name: index for index, name in enumerate(VARIANTS)}
    both = both.sort_values(
        ["device", "dtype", "batch_size", "pixels", "threads", "variant"],
        key=lambda c: c.map(order) if c.name == "variant" else c,
    )
    table = both.drop(columns=["is_new", "worth"])
    table = table[[*rows.columns, *table.columns.difference(rows.columns, sort=False)]]
    if "warm_ups" in table:  # absent from the oldest rows
        table["warm_ups"] = table["warm_ups"].astype("Int64")
    write_text(file, table.to_csv(index=False))
    return left_out
