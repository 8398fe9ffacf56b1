"""Limits on reading one picture from outside: bytes, pixels, seconds, memory; set by flag, environment or default."""

import argparse
import os
from dataclasses import dataclass

MAX_MEGABYTES = 20.0
MAX_MEGAPIXELS = 50.0
MAX_SECONDS = 10.0  # of CPU time; the slowest ordinary file within the other limits takes 2 (docs/security.md)

_FLAGS = {  # environment variable, default, what it limits
    "max_megabytes": ("ATTENTION_MAX_MEGABYTES", MAX_MEGABYTES, "size of a picture file, in MB"),
    "max_megapixels": ("ATTENTION_MAX_MEGAPIXELS", MAX_MEGAPIXELS, "width times height of a picture, in millions"),
    "max_seconds": ("ATTENTION_MAX_SECONDS", MAX_SECONDS, "processor time to read a picture, 0 for no limit"),
}


@dataclass(frozen=True)
class Limits:
    """Limits on one picture. If `seconds` is None, this process reads it, with no limit on time or memory."""

    bytes: int = round(MAX_MEGABYTES * 1e6)
    pixels: int = round(MAX_MEGAPIXELS * 1e6)
    seconds: float | None = None

    @property
    def memory(self) -> int:
        """Address space in bytes for the worker process: 1.5 times what the largest ordinary picture takes."""
        return 500_000_000 + 24 * self.pixels


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --max-megabytes, --max-megapixels and --max-seconds, each with its environment variable as default."""
    for name, (variable, default, meaning) in _FLAGS.items():
        parser.add_argument(
            "--" + name.replace("_", "-"), type=_positive if default != MAX_SECONDS else _not_negative, metavar="N",
            default=os.environ.get(variable) or default, help=f"{meaning} (default: {default:g}, or {variable})",
        )  # fmt: skip


def from_flags(arguments: argparse.Namespace) -> Limits:
    return Limits(
        round(arguments.max_megabytes * 1e6), round(arguments.max_megapixels * 1e6), arguments.max_seconds or None
    )


def _not_negative(given: str) -> float:
    number = float(given)
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError(f"{given} is out of range")
    return number


def _positive(given: str) -> float:
    if (number := _not_negative(given)) * 1e6 < 1:
        raise argparse.ArgumentTypeError(f"{given} is too small")
    return number
