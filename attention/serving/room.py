"""How much of the disk visitors' files may take together: a rate limit bounds one address, and there are many."""

import os
import time
from collections.abc import Callable
from pathlib import Path

FRESH_SECONDS = 10  # a measured size is good for so long: what came since is known, what was deleted is not
BLOCK = 4096  # the least that a file takes


class Room:
    """`has(size)`: whether `folder` may take so many bytes more, `most` in all. Those let in are counted at once."""

    def __init__(self, folder: Path, most: int, clock: Callable[[], float] = time.monotonic):
        self.folder, self.most, self._clock = folder, most, clock
        self._taken, self._until = 0, -1.0

    def has(self, size: int) -> bool:
        """Looks through the folder now and then, so not for the thread that serves everybody. 0 at most: any number."""
        if not self.most:
            return True
        if self._clock() >= self._until:
            self._taken = taken(self.folder)
            self._until = self._clock() + FRESH_SECONDS
        if self._taken + size > self.most:
            return False
        self._taken += size
        return True


def taken(folder: Path) -> int:
    """Bytes of all files below a folder, in whole blocks; what goes meanwhile is not counted."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size = os.stat(os.path.join(path, name)).st_size
            except OSError:
                continue
            total += -(-size // BLOCK) * BLOCK
    return total
