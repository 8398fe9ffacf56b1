"""How long a visitor's work may take: set where a request comes in, checked between models. Without a limit nothing is checked."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_until: ContextVar[float | None] = ContextVar("until", default=None)  # of the monotonic clock; threads get a copy


class TimeUp(Exception):
    """A request has taken as long as one may, and is given up."""


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """What runs inside has so long, None: as long as it takes. It is told by `check` and `is_past`, never cut off."""
    token = _until.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def is_past() -> bool:
    until = _until.get()
    return until is not None and time.monotonic() > until


def check() -> None:
    """Raises TimeUp. Stands where a model is about to run: between two of them work can be given up cleanly."""
    if is_past():
        raise TimeUp
