"""Times each mechanism alone, in microseconds: only its modules, at the input shapes that they have in the network."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import pandas as pd
import torch
from torch import Tensor, nn

from attention.core import devices
from attention.core.paths import RESULTS
from attention.models.network import GlobalAveragePool
from attention.models.variants import VARIANTS, Variant, build_model, variant
from attention.study.latency import PIXELS, calls_at
from attention.study.timing import RoundRobin, circumstances

MECHANISMS_FILE = RESULTS / "mechanisms_latency.csv"
RESOLUTIONS = (128, PIXELS, 224)
REPLACED = " replaced"  # after a variant's name: the modules that its own replace


@torch.no_grad()
def places(name: str, pixels: int) -> list[tuple[nn.Module, Tensor]]:
    """A variant's attention modules in the order they run, each with the input (1, C, H, W) that it gets there."""
    chosen, found = variant(name), []
    if chosen.info is None:
        return found
    model = build_model(name).eval().to(memory_format=torch.channels_last)
    with ExitStack() as hooks:
        for of_it in (module for module in model.modules() if type(module) is chosen.info.build):
            hook = of_it.register_forward_hook(lambda module, inputs, _: found.append((module, inputs[0].clone())))
            hooks.enter_context(hook)
        model(torch.rand(1, 3, pixels, pixels).to(memory_format=torch.channels_last))
    return found


def replaced(chosen: Variant, channels: int) -> nn.Module | None:
    """The module of the plain network that a variant's module replaces: a pooling, a convolution, or None."""
    if chosen.info.is_pooling:
        return GlobalAveragePool()
    if chosen.placement == "block" and chosen.position == "replace":
        return nn.Conv2d(channels, channels, 3, padding=1, bias=False).eval().to(memory_format=torch.channels_last)
    return None


def _run(modules: list[tuple[nn.Module, Tensor]]) -> Callable[[], None]:
    def run() -> None:
        for module, x in modules:
            module(x)

    return run


class MechanismCosts:
    """Times the mechanisms of chosen variants at one resolution on one device, batch 1; controls are left out."""

    def __init__(
        self,
        names: Iterable[str],
        pixels: int,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        load_before: float | None = None,
    ):
        devices.check_dtype(dtype, device)
        self.names = [name for name in names if not variant(name).is_control]
        self.pixels, self.device, self.dtype = pixels, device, dtype
        load_before = devices.load_average() if load_before is None else load_before
        self.places, calls = {}, {}
        for name in self.names:
            found = [(module.to(device, dtype), x.to(device, dtype)) for module, x in places(name, pixels)]
            others = [(replaced(VARIANTS[name], x.shape[1]), x) for _, x in found]
            others = [(module.to(device, dtype), x) for module, x in others if module is not None]
            self.places[name] = found
            calls[name] = _run(found)
            if others:
                calls[name + REPLACED] = _run(others)
        self.timing = RoundRobin(calls, device, load_before)

    def rows(self) -> pd.DataFrame:
        """The rows of mechanisms_latency.csv from the rounds so far: each for all modules of a variant together."""
        table = self.timing.statistics()
        if table.empty:
            return table
        own = table.loc[self.names]
        instead = table["p50_ms"].reindex([name + REPLACED for name in self.names]).fillna(0.0).to_numpy()
        rows = pd.DataFrame(
            {
                "modules": [len(self.places[name]) for name in self.names],
                "shapes": [_shapes(self.places[name]) for name in self.names],
                "p50_us": own["p50_ms"] * 1e3,
                "p90_us": own["p90_ms"] * 1e3,
                "iqr_us": own["iqr_ms"] * 1e3,
                "replaced_us": instead * 1e3,
                "added_us": (own["p50_ms"] - instead) * 1e3,
            }
        ).round(1)
        rows = rows.join(own[["warm_ups", "calls", "load_before", "load_of_others", "busy"]]).assign(
            mechanism=[VARIANTS[name].mechanism for name in self.names], batch_size=1, pixels=self.pixels,
            dtype=devices.dtype_name(self.dtype), **circumstances(self.device),
        )  # fmt: skip
        rows["busy"] |= rows["calls"] < calls_at(1)
        return rows.rename_axis("variant").reset_index()[COLUMNS]


def _shapes(modules: list[tuple[nn.Module, Tensor]]) -> str:
    """ "2x 48x40x40, 2x 96x20x20": how many modules get an input of C x H x W."""
    counts = Counter("x".join(map(str, x.shape[1:])) for _, x in modules)
    return ", ".join(f"{count}x {shape}" for shape, count in counts.items())


COLUMNS = [
    "variant", "mechanism", "device", "device_type", "dtype", "batch_size", "pixels", "threads", "modules", "shapes",
    "warm_ups", "calls", "p50_us", "p90_us", "iqr_us", "replaced_us", "added_us", "load_before", "load_of_others", "busy",
    "torch", "python", "measured",
]  # fmt: skip
