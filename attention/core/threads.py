"""How the CPU's cores are shared: one thread computes with all of them, or several threads with one each.

Torch uses OpenMP, where every thread that has computed keeps a team of helper threads for as long as it lives. Once all
teams together have more members than there are cores, GNU OpenMP lets the helpers sleep between two loops instead of
standing by, and small models spend their time waking them: thirteen models took 80 ms instead of 43 after eight threads
had computed. The page answers each visitor in another thread, so one thread computes for all (`share`) while visitors
come one by one. When several wait, one core for each is faster: on two cores, 40 visitors who compare six models again
and again get 10 answers a second that way, and 8.2 from the one thread.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import lru_cache
from typing import TypeVar

import torch

T = TypeVar("T")

_shared: tuple[ThreadPoolExecutor, int] | None = None  # the thread that computes for all others, and its cores
_crowded: Callable[[], bool] = bool
_here = threading.local()  # `computes`: whether this thread computes itself what it is asked for


def share() -> None:
    """From now on `on_all` computes in one thread that has all cores; every other thread has one core.

    For a process that answers in many threads. Call it before anything is computed; it cannot be undone.
    """
    global _shared
    if _shared is None:
        all_cores = torch.get_num_threads()
        _shared = _threads(1, all_cores, "compute"), all_cores
        torch.set_num_threads(1)


def share_unless(crowded: Callable[[], bool]) -> None:
    """While `crowded()` is true, `on_all` computes in the caller's own thread, on its one core."""
    global _crowded
    _crowded = crowded


def count() -> int:
    """The number of cores that `on_all` computes on."""
    return _shared[1] if _shared else torch.get_num_threads()


def on_all(call: Callable[..., T], *args) -> T:
    """Runs call(*args) in the thread that has all cores; in the caller's own if none are shared or `crowded()` is true.

    Torch's settings of a thread, such as no_grad, do not carry over, so `call` must set them. Context variables do.
    """
    return call(*args) if _crowded() else always_on_all(call, *args)


def always_on_all(call: Callable[..., T], *args) -> T:
    """Like `on_all`, but whatever `crowded()` says: for timings."""
    if _shared is None or getattr(_here, "computes", False):
        return call(*args)
    return _shared[0].submit(copy_context().run, call, *args).result()


@lru_cache
def one_each(cores: int) -> ThreadPoolExecutor:
    """A pool of `cores` threads, in each of which torch computes on one core."""
    return _threads(cores, 1, "model")


def _threads(number: int, cores: int, name: str) -> ThreadPoolExecutor:
    """A pool of `number` threads with `cores` cores each; the caller keeps its own number of cores."""
    ready = threading.Barrier(number + 1)
    before = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # a thread's first call sets the default, which would later undo the next line
        torch.set_num_threads(cores)
        _here.computes = True
        ready.wait()

    pool = ThreadPoolExecutor(number, name, initializer=begin)
    for _ in range(number):
        pool.submit(int)  # starts a thread, since none is idle before all are ready
    ready.wait()
    torch.set_num_threads(before)  # torch gives a new thread the number that was set last, by any thread
    return pool
