"""How much of the disk visitors' files may take together: a rate limit bounds one address, and there are many."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

FRESH_SECONDS = 10  # a measured size is good for so long: what came since is known, what was deleted is not
BLOCK = 4096  # the least that a file takes


class Room:
    """`has(size)`: whether `folder` may take so many bytes more, `most` in all. Those let in are counted at once.

    What was there before is not: other programs' pages keep their files in the same folder, unless GRADIO_TEMP_DIR is set.
    """

    def __init__(self, folder: Path, most: int, clock: Callable[[], float] = time.monotonic):
        self.folder, self.most, self._clock = folder, most, clock
        self._lock = threading.Lock()  # uploads come at the same time, and must not both get the last of it
        self._began, self._taken, self._until = time.time() - 1, 0, -1.0  # files have a clock that is a tick late

    def has(self, size: int) -> bool:
        """Looks through the folder now and then, so not for the thread that serves everybody. 0 at most: any number."""
        if not self.most:
            return True
        with self._lock:
            if self._clock() >= self._until:
                self._taken = taken(self.folder, self._began)
                self._until = self._clock() + FRESH_SECONDS
            if self._taken + size > self.most:
                return False
            self._taken += size
            return True


def taken(folder: Path, since: float) -> int:
    """Bytes of the files below a folder that were written since, in whole blocks; what goes meanwhile is not counted."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                file = os.stat(os.path.join(path, name))
            except OSError:
                continue
            if file.st_mtime >= since:
                total += -(-file.st_size // BLOCK) * BLOCK
    return total
