"""Visitors' files go after their time: by age, whoever wrote them and whether or not anybody still knows of them."""

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
    """Delete the files below a folder that nobody wrote for so long, and folders as old without any; returns how many files.

    `keep` are paths of files that stay. What cannot be deleted is left for the next time. Links go as files do, and lead
    nowhere; a folder that is one itself is left alone.
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
    """For as long as the block lasts, do the work now and again after so many seconds, in a thread; no error ends that."""

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
    """Whether it was a file and is gone now."""
    try:
        entry = os.lstat(path)
        if max(entry.st_mtime, entry.st_ctime) >= before:  # a copy may have the time of its original
            return False
        if stat.S_ISDIR(entry.st_mode):
            os.rmdir(path)  # fails where something is in it
            return False
        os.unlink(path)
    except OSError:
        return False
    return True
