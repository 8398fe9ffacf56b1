"""How the processor's cores are shared: by one thread that has all of them, or by threads that have one each.

Torch computes with OpenMP, where every thread that has computed keeps a team of helpers for as long as it lives. Once the
teams of all threads have more members than there are cores, GNU's OpenMP lets helpers sleep between two loops in place of
standing by, and small models spend their time waking them: thirteen took 80 ms in place of 43 after eight threads had
computed. A page that answers each visitor in another thread therefore has one thread that computes for all (`share`), for
as long as visitors come one by one. When several wait, the other cores have enough to do: 40 visitors who compare six models
again and again on two cores get 8.2 answers a second from that thread, and 10 where each computes on one core.
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
_here = threading.local()  # `computes`: whether what this thread is asked for is computed in it


def share() -> None:
    """From now on `on_all` computes in one thread for all others, which have one core each for what else they do.

    For a process that answers in many threads; to be called before anything is computed. It is not undone.
    """
    global _shared
    if _shared is None:
        all_cores = torch.get_num_threads()
        _shared = _threads(1, all_cores, "compute"), all_cores
        torch.set_num_threads(1)


def share_unless(crowded: Callable[[], bool]) -> None:
    """While `crowded` says so, whoever shares cores computes on the one that it has."""
    global _crowded
    _crowded = crowded


def count() -> int:
    """The cores that `on_all` computes on."""
    return _shared[1] if _shared else torch.get_num_threads()


def on_all(call: Callable[..., T], *args) -> T:
    """call(*args) by the thread that has all cores; in the caller's own where none are shared, or `crowded` says so.

    What torch keeps by thread, such as no_grad, does not reach it: `call` sets that. Context variables do.
    """
    return call(*args) if _crowded() else always_on_all(call, *args)


def always_on_all(call: Callable[..., T], *args) -> T:
    """The same in any crowd: for what is timed."""
    if _shared is None or getattr(_here, "computes", False):
        return call(*args)
    return _shared[0].submit(copy_context().run, call, *args).result()


@lru_cache
def one_each(cores: int) -> ThreadPoolExecutor:
    """`cores` threads in each of which torch computes on one core."""
    return _threads(cores, 1, "model")


def _threads(number: int, cores: int, name: str) -> ThreadPoolExecutor:
    """So many threads, with so many cores each; the caller's own number stays what it is."""
    ready = threading.Barrier(number + 1)
    before = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # a thread's first such call gives it the default, which would undo the next line later
        torch.set_num_threads(cores)
        _here.computes = True
        ready.wait()

    pool = ThreadPoolExecutor(number, name, initializer=begin)
    for _ in range(number):
        pool.submit(int)  # starts a thread, since none is idle before all are ready
    ready.wait()
    torch.set_num_threads(before)  # torch gives a new thread the number that was set last, by any thread
    return pool
