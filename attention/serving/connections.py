"""Closes connections that send nothing and limits those of one address, because uvicorn alone would wait for ever.

A server can have only as many connections as it may open files, so whoever takes them all shuts everybody else out.
"""

import asyncio
from collections import Counter

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS = 20  # for the request line and headers; the Guard (door.py) limits the time of a body


class Connection(AutoHTTPProtocol):
    """An HTTP connection that is closed when the headers of a request take longer than HEAD_SECONDS to arrive."""

    of_one_address = 500  # at most: a school class shares one, with six per browser; None (no limit) behind a proxy
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
