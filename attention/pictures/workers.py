"""Decodes pictures from outside in processes that can be killed: each picture has a time limit and a memory limit.

Limits on bytes and pixels are not enough: within 20 MB a JPEG can ask for 250,000 passes over 49 million pixels, a
GIF's comment is joined in quadratic time, and a TIFF's tags may all point at the same megabytes (docs/security.md has
the times). Threads cannot be killed, so `guard` makes `reading.read_image` send its bytes to a worker process, which
returns pixels and gets no path and no weights. The limit counts CPU time, so that a busy machine refuses nothing that
an idle one reads; a longer limit on wall-clock time backs it up. A killed worker is replaced.
"""

import atexit
import json
import math
import os
import queue
import struct
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from PIL import Image

from attention.core.paths import PACKAGE
from attention.pictures import reading
from attention.pictures.limits import Limits
from attention.pictures.reading import Upload, UploadError

PATIENCE = 4  # seconds of wall-clock time per second of CPU time
WORKERS = max(2, os.cpu_count() or 1)  # pictures read at the same time: one slow file does not hold up the others
_LENGTH = struct.Struct(">Q")


def guard(limits: Limits) -> "Workers | None":
    """Sets `limits` for all pictures that this process reads from now on; workers read them if time is limited."""
    workers = Workers(limits) if limits.seconds else None
    reading.set_limits(limits, workers and workers.read)
    return workers


@contextmanager
def guarded(limits: Limits) -> Iterator[None]:
    """`guard` for as long as the block lasts."""
    before, pillows = reading.limits, Image.MAX_IMAGE_PIXELS
    workers = guard(limits)
    try:
        yield
    finally:
        reading.set_limits(before)
        Image.MAX_IMAGE_PIXELS = pillows
        if workers:
            workers.close()


class Workers:
    """At most `count` worker processes; one starts now, the others when they are needed; they end with this process."""

    def __init__(self, limits: Limits, count: int = WORKERS):
        self.limits = limits
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()  # the last used is the likeliest to be alive
        for _ in range(count - 1):
            self._idle.put(None)
        first = None
        with suppress(UploadError):  # else the first picture tries again
            first = self._started(None)
        self._idle.put(first)
        atexit.register(self.close)

    def read(self, data: bytes) -> Upload:
        """The bytes of a file -> Upload. Raises UploadError, also if no worker is free within PATIENCE * seconds."""
        try:
            worker = self._idle.get(timeout=PATIENCE * self.limits.seconds)
        except queue.Empty:
            raise UploadError("busy") from None
        try:
            worker = self._started(worker)
            return worker.read(data)
        finally:
            self._idle.put(worker)

    def _started(self, worker: "_Worker | None") -> "_Worker":
        """The worker itself while it lives, else a new one. Raises UploadError where no process can be started."""
        try:
            return worker if worker and worker.is_alive else _Worker(self.limits)
        except OSError as error:  # no memory or no process to be had
            raise UploadError("busy") from error

    def close(self) -> None:
        with suppress(queue.Empty):
            while True:
                if worker := self._idle.get_nowait():
                    worker.end()
        atexit.unregister(self.close)


class _Worker:
    """One process, and the pipes to it."""

    def __init__(self, limits: Limits):
        self.seconds = limits.seconds
        given = [str(limits.bytes), str(limits.pixels), str(limits.seconds)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # each thread takes memory
        self._process = subprocess.Popen(
            [sys.executable, "-m", "attention.pictures.workers", *given], env=environment,
            cwd=PACKAGE.parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what decoders say of a hostile file would fill the log
        )  # fmt: skip

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def read(self, data: bytes) -> Upload:
        alarm = threading.Timer(PATIENCE * self.seconds, self._process.kill)
        alarm.start()
        try:
            self._process.stdin.write(_LENGTH.pack(len(data)) + data)
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
            if "code" in answer:
                raise UploadError(answer["code"], **answer["fields"])
            width, height = answer["size"]
            image = Image.frombytes("RGB", (width, height), self._process.stdout.read(3 * width * height))
            return Upload(image, tuple(answer["notices"]))
        except UploadError:
            raise
        except (OSError, ValueError) as error:  # it was killed by the alarm or for its memory, or its decoder crashed
            self.end()
            raise UploadError("too-demanding") from error
        finally:
            alarm.cancel()
            alarm.join()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # bytes that could not be written any more
                pipe.close()


def serve(limits: Limits) -> None:
    """The worker's loop: reads length and bytes, writes a line of JSON and any decoded pixels, until stdin ends."""
    _bound("RLIMIT_AS", limits.memory)
    _bound("RLIMIT_CORE", 0)
    warnings.simplefilter("ignore")
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    reading.set_limits(limits)
    Image.MAX_IMAGE_PIXELS = limits.pixels  # applies to frames and tiles too
    into, out = sys.stdin.buffer, sys.stdout.buffer
    while head := into.read(_LENGTH.size):
        _bound(
            "RLIMIT_CPU", math.ceil(time.process_time() + limits.seconds)
        )  # kills this process, at most a second later
        try:
            upload = reading.read_image(into.read(_LENGTH.unpack(head)[0]))
            answer, pixels = {"size": upload.image.size, "notices": upload.notices}, upload.image.tobytes()
        except UploadError as error:
            answer, pixels = {"code": error.code, "fields": error.fields}, b""
        out.write(json.dumps(answer).encode() + b"\n" + pixels)
        out.flush()
        del pixels  # the next picture needs the room


def _bound(name: str, most: int) -> None:
    """Sets a resource limit of this process. Where the system has none, only the wall-clock limit holds."""
    with suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        which = getattr(resource, name)
        resource.setrlimit(which, (most, resource.getrlimit(which)[1]))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):  # the process that started it has ended
        serve(Limits(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
