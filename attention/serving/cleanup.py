"""Deletes visitors' files that are too old, by age alone: who wrote them or still knows of them does not matter."""

import asyncio
import logging
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from anyio import to_thread

from attention.serving.logs import log


def clean(folder: Path, seconds: float, keep: Collection[str] = (), clock=time.time) -> int:
    """Delete files and empty folders below `folder` that have not changed for `seconds`; returns how many files.

    `keep` holds the paths of files that stay. What cannot be deleted is left for the next time. Symbolic links
    are deleted like files and never followed; if `folder` itself is one, nothing is deleted.
    """
    if os.path.islink(folder):
        return 0
    before, keep = clock() - seconds, set(map(os.path.realpath, keep))
    deleted = 0
    for path, folders, files in os.walk(os.path.realpath(folder), topdown=False):
        for entry in (os.path.join(path, name) for name in (*files, *folders)):
            if entry not in keep:
                deleted += _deleted(entry, before)
    return deleted


@asynccontextmanager
async def cleaning(work: Callable[[], None], seconds: float) -> AsyncIterator[None]:
    """Run `work` in a thread, at once and then every `seconds`, until the block ends; errors are only logged."""

    async def again_and_again() -> None:
        while True:
            try:
                await to_thread.run_sync(work)
            except Exception as error:
                log("not cleaned", logging.ERROR, reason=type(error).__name__)
            await asyncio.sleep(seconds)

    task = asyncio.create_task(again_and_again())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _deleted(path: str, before: float) -> bool:
    """Delete a file or an empty folder that is older than `before`; returns True only for a deleted file."""
    try:
        entry = os.lstat(path)
        if max(entry.st_mtime, entry.st_ctime) >= before:  # a copied file may keep the mtime of its original
            return False
        if stat.S_ISDIR(entry.st_mode):
            os.rmdir(path)  # fails if it is not empty
            return False
        os.unlink(path)
    except OSError:
        return False
    return True
