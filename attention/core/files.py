"""Writing files so that a kill in mid-write leaves the old file or the new one, never half of either."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from attention.core.errors import BadInput

FULL = (errno.ENOSPC, errno.EDQUOT)
CANNOT_WRITE = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM)  # errors of the disk or folder, whatever the file


class WriteError(BadInput):
    """A file cannot be written; the message says why and what to do."""


def version(path: Path) -> tuple[int, int, int] | None:
    """A file's modification time, size and inode, which change when it does; None where there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@contextmanager
def told_in_words(path: Path) -> Iterator[None]:
    """Turns an OSError while `path` is written into a WriteError, whose message says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            message = (
                f"The disk is full: free some space and start again. {path.name} was not written; what was is kept."
            )
        else:
            place = "/".join(path.parts[-3:])
            message = f"{place} cannot be written ({error.strerror or error}): give write access to that folder and start again."
        raise WriteError(message) from error


def write_by_rename(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write` with a temporary path beside `path`, then rename it into place. Raises WriteError."""
    temporary = path.with_name(f".{path.name}.partial")  # one name: the next write replaces what a kill left
    with told_in_words(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(temporary)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    write_by_rename(path, lambda temporary: temporary.write_bytes(data))


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
