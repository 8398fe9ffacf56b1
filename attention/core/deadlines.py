"""Time limits on requests: set where a request comes in, checked between models. Without a limit, checks do nothing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float | None] = ContextVar("until", default=None)  # in time.monotonic() seconds; threads get a copy


class TimeUp(Exception):
    """A request has reached its time limit and is given up."""


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Limits the block to `seconds` (None: no limit). Nothing is interrupted: code in it calls `check` or `is_past`."""
    token = _until.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def is_past() -> bool:
    until = _until.get()
    return until is not None and time.monotonic() > until


def check() -> None:
    """Raises TimeUp past the limit. Called before a model runs, because work can be dropped cleanly between models."""
    if is_past():
        raise TimeUp
