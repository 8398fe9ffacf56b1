"""How much of the disk visitors' files may take together: a rate limit bounds one address, and there are many."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FRESH_SECONDS = 10  # a measured size is good for so long: what came since is known, what was deleted is not
BLOCK = 4096  # the least that a file or a folder takes


class Room:
    """What `folder` may still take of `most` bytes; 0 for any number. Uploads on their way count as far as they have come."""

    def __init__(self, folder: Path, most: int, clock: Callable[[], float] = time.monotonic):
        self.folder, self.most, self._clock = folder, most, clock
        self._measuring, self._lock = threading.Lock(), threading.Lock()  # nobody who counts waits for who measures
        self._lie, self._until = 0, -1.0
        self._coming, self._came = 0, 0  # bytes of uploads on their way, and of those that ended since the measurement

    def has(self, size: int) -> bool:
        """Whether so many bytes would fit. Looks through the folder now and then, so not for the thread that serves all."""
        if not self.most:
            return True
        with self._measuring:
            if self._clock() >= self._until:
                measured = self._came  # what ends meanwhile may be seen or not
                self._lie = taken(self.folder)
                with self._lock:
                    self._came -= measured
                self._until = self._clock() + FRESH_SECONDS
        return self._fits(size)

    def take(self, size: int) -> bool:
        """Count bytes that have come of an upload, if they fit."""
        with self._lock:
            if not self._fits(size):
                return False
            self._coming += size
            return True

    def end(self, size: int, kept: bool) -> None:
        """An upload of which `size` bytes were taken has ended."""
        with self._lock:
            self._coming -= size
            self._came += size if kept else 0

    def _fits(self, size: int) -> bool:
        return not self.most or self._lie + self._coming + self._came + size <= self.most


def taken(folder: Path) -> int:
    """Bytes of what lies below a folder, in whole blocks and at least one each; what goes meanwhile is not counted."""
    total = 0
    for path, folders, files in os.walk(folder):
        total += BLOCK * len(folders)
        for name in files:
            with suppress(OSError):
                total += BLOCK * max(1, -(-os.lstat(os.path.join(path, name)).st_size // BLOCK))
    return total
