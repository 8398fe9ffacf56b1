"""Which device to compute on, what it is called, and which precision it multiplies fastest in."""

import os
import platform
from pathlib import Path

import torch

CHOICES = ("auto", "cpu", "cuda", "mps")


class DeviceError(ValueError):
    """The device asked for is not on this machine."""


def pick_device(choice: str = "auto") -> torch.device:
    """ "auto" takes a GPU when there is one, else the CPU. Raises DeviceError."""
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if choice == "auto":
        return torch.device(next(name for name in ("cuda", "mps", "cpu") if available[name]))
    if choice not in available:
        raise DeviceError(f"There is no device {choice!r}. Known: {', '.join(CHOICES)}.")
    if not available[choice]:
        there = ", ".join(name for name, is_there in available.items() if is_there)
        raise DeviceError(f"This machine (with this torch) has no {choice} device. Available: {there}.")
    return torch.device(choice)


def device_name(device: torch.device) -> str:
    """The name of the processor or GPU, as its maker writes it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    if device.type == "cpu" and cpuinfo.exists():
        fields = dict(line.split(":", 1) for line in cpuinfo.read_text().split("\n\n")[0].splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        if "model name" in fields:  # cloud processors share one name, so family and model are told too
            return f"{fields['model name']} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"
    return platform.processor() or platform.machine()


def training_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the device multiplies in it (CUDA, CPUs with AMX or AVX-512 BF16), else float32.

    A step takes 1.2 s instead of 1.8 s on an EPYC of family 26, which has AVX-512 BF16; one of family 25, which has not,
    emulates it and needs 16.6 s instead of 0.9 s for another batch.
    """
    if device.type == "cuda":
        return torch.bfloat16
    multiplies_in_it = any(
        getattr(torch.cpu, name, lambda: False)()  # private, so a torch without them trains in float32
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    )
    return torch.bfloat16 if device.type == "cpu" and multiplies_in_it else torch.float32


def peak_memory_mb(device: torch.device) -> float:
    """The most memory this process has held, in MB: of the GPU's allocator there, else resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def dtype_name(dtype: torch.dtype) -> str:
    """As records and tables name it: "float32", "bfloat16"."""
    return str(dtype).removeprefix("torch.")


def exact_float32():
    """A context in which float32 is that on GPUs too: torch allows TensorFloat-32 in convolutions by default."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def reset_peak_memory(device: torch.device) -> None:
    """Count a GPU's peak from here on; a process's resident peak cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what was asked of it, so that a clock reads the truth."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def load_average() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
