"""Bounds for HTTP as uvicorn reads it, before any API key is checked.

httptools keeps a head until it is whole, however long that is and takes. Bodies are bounded where
they are read (`web.bodies`). What is left of a body when its answer is complete is passed over for
a moment, so that the client reads the answer, and then the connection ends.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from web import bounds
from web.idlest import idlest_of
from web.last_answers import BODY, Body, LastAnswers
from web.soft_close import SoftClose

__all__ = ["BoundedHttp", "bounded_http"]


class BoundedHttp(HttpToolsProtocol):
    """One connection.

    Attributes:
        most_connections: How many a process has at a time.
        idle_since: Since when it has waited for a head, by the loop's clock; None while it has not.
    """

    most_connections = 500
    idle_since: float | None = None

    _raw: asyncio.Transport
    _moved = False
    _is_in_body = False
    _is_turned_away = False
    _pending_bytes = 0
    # What is answered when the parser ends.
    _refusal = bounds.BROKEN
    _timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._come = bytearray()
        self.app = LastAnswers(self.app)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's
        """Begin to wait for a head, if there is room."""
        self._raw = transport
        self._end_idlest()
        soft: Any = SoftClose(transport, self)
        super().connection_made(soft)
        if len(self.connections) > self.most_connections:
            self._turn_away()
            return
        self.idle_since = self.loop.time()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        for timer in (self._read_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, or refuse what comes to nothing."""
        if self._is_turned_away or (self.transport.is_closing() and not self._is_in_body):
            return
        self._moved = False
        super().data_received(data)
        self._pass_on()
        self._pending_bytes = 0 if self._moved else self._pending_bytes + len(data)
        if self._pending_bytes > bounds.MOST_HEAD_BYTES:
            self._refuse(bounds.TOO_LARGE)
        elif self._pending_bytes and not self._is_in_body:
            self._await_head()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it tells what uvicorn thinks
        """Refuse what the parser did not take; never in the place of an answer that is due."""
        self._is_in_body = False
        self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        """A head begins."""
        if self.transport.is_closing() or len(self.pipeline) >= bounds.MOST_PIPELINED:
            raise bounds.TooMuchError
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        if len(self.headers) >= bounds.MOST_HEADERS:
            self._refusal = bounds.TOO_LARGE
            raise bounds.TooMuchError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._moved = self._is_in_body = True
        self.idle_since = None
        self._stop_waiting()
        self.scope["state"][BODY] = Body()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body: a chunk, which may be a byte."""
        self._come += body

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._pass_on()
        self._moved, self._is_in_body = True, False
        self.scope["state"][BODY].is_whole = True
        super().on_message_complete()
        if self.transport.is_closing():
            self._raw.close()

    def on_response_complete(self) -> None:
        """An answer is whole."""
        super().on_response_complete()
        # The latest request's: one that was sent ahead has just begun.
        if self.cycle.response_complete and not self.transport.is_closing():
            self.idle_since = self.loop.time()

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        super().pause_writing()
        self._read_timer = self.loop.call_later(bounds.READ_S, self._raw.abort)

    def resume_writing(self) -> None:
        """It has read."""
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None
        super().resume_writing()

    def linger(self) -> None:
        """Close the connection, a little later where the client still sends a body."""
        self._stop_waiting()
        if not self._is_in_body:
            self._raw.close()
            # What is sent already may be large, and read by nobody.
            self._linger_timer = self.loop.call_later(bounds.READ_S, self._raw.abort)
            return
        self._raw.write_eof()
        self.flow.resume_reading()
        self._linger_timer = self.loop.call_later(bounds.LINGER_S, self._raw.abort)

    def _pass_on(self) -> None:
        """Pass on what has come of a body, in one piece."""
        if self._come:
            self._moved = True
            super().on_body(bytes(self._come))
            self._come.clear()

    def _await_head(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(bounds.HEAD_S, self._refuse, bounds.TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, answer: bytes) -> None:
        if self.transport.is_closing():
            self._raw.close()
            return
        latest: RequestResponseCycle | None = self.cycle
        if latest is None or latest.response_complete:
            self.transport.write(answer)
        self.transport.close()

    def _turn_away(self) -> None:
        """There is no room. The request that comes now is passed over, as a body is."""
        if len(self.connections) > self.most_connections + bounds.MOST_TURNED_AWAY:
            self._raw.abort()
            return
        self._is_turned_away = self._is_in_body = True
        self._refuse(bounds.TOO_MANY)

    def _end_idlest(self) -> None:
        """Make room: who holds a connection and asks for nothing keeps nobody else out."""
        if len(self.connections) < self.most_connections:
            return
        idlest = idlest_of(self.connections)
        if idlest is not None:
            self.connections.discard(idlest)
            idlest.transport.close()


def bounded_http(most_connections: int) -> type[BoundedHttp]:
    """The protocol of a process.

    Args:
        most_connections: How many it has at a time. Above that the one that has waited longest
            for a head makes room; where none waits, a new one is answered 503.
    """
    return type("BoundedHttp", (BoundedHttp,), {"most_connections": most_connections})
