"""Which device to compute on, its name, its memory, and the number formats that it supports."""

import os
import platform
import time
from pathlib import Path

import torch

from attention.core.errors import BadInput

CHOICES = ("auto", "cpu", "cuda", "mps")


class DeviceError(BadInput, ValueError):
    """The device asked for is not on this machine."""


def pick_device(choice: str = "auto") -> torch.device:
    """The device for `choice`; "auto" takes a GPU if there is one, else the CPU. Raises DeviceError if missing."""
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
        if "model name" in fields:  # cloud processors share one name, so family and model follow
            return f"{fields['model name']} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"
    return platform.processor() or platform.machine()


def multiplies_in(dtype: torch.dtype, device: torch.device) -> bool:
    """Whether the hardware supports a dtype natively; a processor that emulates bfloat16 takes ten times as long."""
    if dtype == torch.float32 or device.type == "mps":
        return True
    if device.type == "cuda":
        return dtype == torch.float16 or torch.cuda.is_bf16_supported(including_emulation=False)
    names = {
        torch.bfloat16: ("_is_amx_tile_supported", "_is_avx512_bf16_supported"),
        torch.float16: ("_is_amx_fp16_supported",),
    }[dtype]
    return any(getattr(torch.cpu, name, lambda: False)() for name in names)  # private: no function, no support


def check_dtype(dtype: torch.dtype, device: torch.device) -> None:
    """Raises DeviceError, which names a supported dtype, where the device does not support this one."""
    if not multiplies_in(dtype, device):
        there = [d for d in (torch.bfloat16, torch.float16, torch.float32) if multiplies_in(d, device)]
        raise DeviceError(
            f"{device_name(device)} does not multiply in {dtype_name(dtype)}. Use --dtype {dtype_name(there[0])}."
        )


def training_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 on CUDA and on CPUs that multiply in it (AMX or AVX-512 BF16), else float32.

    A step takes 1.2 s instead of 1.8 s on an EPYC of family 26, which has AVX-512 BF16. An EPYC of family 25 has to
    emulate it: another batch took 16.6 s instead of 0.9 s.
    """
    if device.type == "cuda":
        return torch.bfloat16
    return torch.bfloat16 if device.type == "cpu" and multiplies_in(torch.bfloat16, device) else torch.float32


def peak_memory_mb(device: torch.device) -> float:
    """Peak memory of this process in MB: of torch's allocator on a CUDA GPU, resident memory elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def dtype_name(dtype: torch.dtype) -> str:
    """A dtype's name in records and tables: "float32", "bfloat16"."""
    return str(dtype).removeprefix("torch.")


def exact_float32():
    """A context that keeps convolutions in true float32 on GPUs, where torch uses TensorFloat-32 by default."""
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def reset_peak_memory(device: torch.device) -> None:
    """Restart the count of a GPU's peak memory; a process's resident peak cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def free(device: torch.device) -> None:
    """Release the GPU memory that torch keeps cached; for use after an allocation failed."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished all queued work, so that timings are right."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def load_average() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def others_cpu_seconds() -> float | None:
    """CPU seconds used by everything but this process since the machine started; None where unknown.

    The difference between two readings says how busy others were in between. Time stolen by a virtual machine's host
    counts.
    """
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    user, nice, system, _idle, _waiting, interrupts, soft, stolen, *_ = map(
        int, stat.read_text().split("\n")[0].split()[1:]
    )
    ticks = user + nice + system + interrupts + soft + stolen
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def free_memory_mb(device: torch.device) -> float | None:
    """Memory that can still be allocated, in MB; None where unknown."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 1e6
    meminfo = Path("/proc/meminfo")
    if device.type != "cpu" or not meminfo.exists():
        return None
    fields = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024 / 1e6
