"""HTTP as uvicorn reads it, in bounds: what comes before anybody's key is looked at.

httptools keeps a head until it is whole, however long that is and takes. Bodies are bounded where
they are read (`web.bodies`).
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = ["HEAD_S", "MOST_HEAD_BYTES", "BoundedHttp"]

MOST_HEAD_BYTES: Final = 64 * 1024
"""What a client may send that is neither a whole head nor a body; heads have some hundred bytes."""
HEAD_S: Final = 20.0
"""What it may take for a head, from the connection or its first byte on."""

_END: Final = b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large" + _END
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout" + _END


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _moved = False
    _is_in_body = False
    _pending_bytes = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, or refuse what comes to nothing."""
        self._moved = False
        super().data_received(data)
        self._pending_bytes = 0 if self._moved else self._pending_bytes + len(data)
        if self._pending_bytes > MOST_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._pending_bytes and not self._is_in_body:
            self._await_head()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._moved = self._is_in_body = True
        self._stop_waiting()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._moved, self._is_in_body = True, False
        super().on_message_complete()

    def _await_head(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(HEAD_S, self._refuse, _TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: bytes) -> None:
        latest: RequestResponseCycle | None = self.cycle
        if latest is None or latest.response_complete:
            self.transport.write(answer)
        self.transport.close()
