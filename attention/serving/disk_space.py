"""Limits the disk space of all visitors' files together, because a rate limit only bounds one address of many."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FRESH_SECONDS = 10  # a measured size is used for this long; uploads since then are added, deletions are not noticed
BLOCK = 4096  # bytes, the least that a file or a folder takes on disk


class Room:
    """Limits `folder` to `most` bytes (0: no limit). Uploads in progress count as far as they have arrived."""

    def __init__(self, folder: Path, most: int, clock: Callable[[], float] = time.monotonic):
        self.folder, self.most, self._clock = folder, most, clock
        self._measuring, self._lock = threading.Lock(), threading.Lock()  # so counting never waits for a measurement
        self._lie, self._until = 0, -1.0
        self._coming, self._came = 0, 0  # bytes of uploads in progress, and of those finished since the measurement

    def has(self, size: int) -> bool:
        """Whether `size` more bytes would fit. Not for the event loop, because it walks the folder now and then."""
        if not self.most:
            return True
        with self._measuring:
            if self._clock() >= self._until:
                measured = self._came  # an upload that ends during the walk may be missed by it, so it stays counted
                self._lie = taken(self.folder)
                with self._lock:
                    self._came -= measured
                self._until = self._clock() + FRESH_SECONDS
        return self._fits(size)

    def take(self, size: int) -> bool:
        """Count `size` bytes of an upload that have arrived. Returns False, and counts nothing, if they do not fit."""
        with self._lock:
            if not self._fits(size):
                return False
            self._coming += size
            return True

    def end(self, size: int, kept: bool) -> None:
        """Record that an upload of `size` counted bytes has ended; they stay counted if its file was kept."""
        with self._lock:
            self._coming -= size
            self._came += size if kept else 0

    def _fits(self, size: int) -> bool:
        return not self.most or self._lie + self._coming + self._came + size <= self.most


def taken(folder: Path) -> int:
    """The bytes of all files and folders below a folder, in whole blocks. What is deleted meanwhile does not count."""
    total = 0
    for path, folders, files in os.walk(folder):
        total += BLOCK * len(folders)
        for name in files:
            with suppress(OSError):
                total += BLOCK * max(1, -(-os.lstat(os.path.join(path, name)).st_size // BLOCK))
    return total
