"""A connection that says nothing is closed, and those of one address are counted: uvicorn by itself waits as long as it takes.

A server has as many connections as it may open files, and whoever takes all of them shuts everybody else out.
"""

import asyncio
from collections import Counter

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 20  # for the first line and the headers of a request; a body has the Guard's clock


class Connection(AutoHTTPProtocol):
    """uvicorn's, closed where the head of its next request is not there HEAD_SECONDS after it began, or was awaited."""

    of_one_address = 500  # at most: a class behind one has six a browser; None where all come from a proxy
    _open: Counter[str] = Counter()
    _address = ""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._address = (transport.get_extra_info("peername") or ("",))[0]
        self._open[self._address] += 1
        if self.of_one_address is not None and self._open[self._address] > self.of_one_address:
            transport.abort()
        else:
            self._start()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering:
            self._stop()
        elif self._timer is None:
            self._start()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop()
        self._open[self._address] -= 1
        if not self._open[self._address]:
            del self._open[self._address]
        super().connection_lost(error)

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._expired)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expired(self) -> None:
        self._timer = None
        if not self._is_answering:
            self.transport.close()
