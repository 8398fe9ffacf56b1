"""How much one address may ask for in a minute."""

import time
from collections import OrderedDict
from collections.abc import Callable

ADDRESSES = 10_000  # at most so many are remembered, the most recent ones


class RateLimit:
    """A token bucket per address: `per_minute` requests on average (0: no limit), up to a quarter of them at once."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic):
        self.per_minute, self._clock = per_minute, clock
        self.burst = max(1.0, per_minute / 4)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> (tokens left, time)

    def seconds_to_wait(self, address: str) -> float:
        """0 if the request is allowed, which counts it; else the seconds until one would be allowed."""
        if not self.per_minute:
            return 0.0
        now, rate = self._clock(), self.per_minute / 60
        tokens, then = self._buckets.pop(address, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * rate)
        allowed = tokens >= 1
        self._buckets[address] = (tokens - allowed, now)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / rate
