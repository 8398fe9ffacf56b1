"""Writing files so that a kill in mid-write leaves the old file or the new one, never half of either."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np


def write_by_rename(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary path beside `path`, then rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")  # one name: what a kill leaves, the next write replaces
    try:
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    write_by_rename(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, data) -> None:
    write_text(path, json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def write_npz(path: Path, **arrays: np.ndarray) -> None:
    def save(temporary: Path) -> None:
        with open(temporary, "wb") as file:  # given a path, NumPy would append .npz to it
            np.savez_compressed(file, **arrays)

    write_by_rename(path, save)


def sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
