"""Bounds for HTTP as uvicorn reads it, before any API key is checked.

httptools keeps a head until it is whole, however long that is and takes. Bodies are bounded where
they are read (`web.bodies`). What is left of a body when its answer is complete is passed over for
a moment, so that the client reads the answer, and then the connection ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

__all__ = [
    "HEAD_S",
    "LINGER_S",
    "MOST_HEADERS",
    "MOST_HEAD_BYTES",
    "MOST_PIPELINED",
    "READ_S",
    "BoundedHttp",
    "bounded_http",
]

MOST_HEAD_BYTES: Final = 64 * 1024
"""What a client may send that is neither a whole head nor a body; heads have some hundred bytes."""
MOST_HEADERS: Final = 128
"""How many headers a request may have; browsers and proxies together send some thirty."""
MOST_PIPELINED: Final = 16
"""Requests that may wait for an answer on one connection; browsers send none ahead."""
HEAD_S: Final = 20.0
"""What a client may take for a head, from the connection or its first byte on."""
LINGER_S: Final = 2.0
"""How long the rest of a body is passed over once its answer is complete."""
READ_S: Final = 60.0
"""How long a client may leave an answer unread while more of it waits to be sent."""

# So many may wait for their 503; more are cut off.
_MOST_TURNED_AWAY: Final = 64

_BODY: Final = "incoming_body"

_END: Final = b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_BROKEN: Final = b"HTTP/1.1 400 Bad Request" + _END
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout" + _END
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large" + _END
_TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1" + _END


@dataclass(slots=True)
class _Body:
    """The body of one request.

    Attributes:
        is_whole: Whether all of it has come.
    """

    is_whole: bool = False


class _TooMuchError(Exception):
    """Ends the parser: the client sends more than it may."""


class _Transport:
    """A connection that closes softly.

    One that is closed while bytes of the client are unread is reset, and the reset may overtake
    the answer. So the end of the answers is told first, and then what comes is passed over.

    Args:
        transport: The connection.
        protocol: Is told of the close.
    """

    def __init__(self, transport: asyncio.Transport, protocol: BoundedHttp) -> None:
        self._transport = transport
        self._protocol = protocol
        self._is_closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether the connection is closing."""
        return self._is_closing or self._transport.is_closing()

    def close(self) -> None:
        """Close: at once where nothing more comes, else once it has come or time is up."""
        if not self.is_closing():
            self._is_closing = True
            self._protocol.linger()


class BoundedHttp(HttpToolsProtocol):
    """One connection.

    Attributes:
        most_connections: How many a process has at a time.
    """

    most_connections = 500

    _raw: asyncio.Transport
    _moved = False
    _is_in_body = False
    _is_turned_away = False
    _pending_bytes = 0
    # What is answered when the parser ends.
    _refusal = _BROKEN
    _timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    _linger_timer: asyncio.TimerHandle | None = None
    _idle_since: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._come = bytearray()
        self.app = _Parting(self.app)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's
        """Begin to wait for a head, if there is room."""
        self._raw = transport
        self._end_idlest()
        soft: Any = _Transport(transport, self)
        super().connection_made(soft)
        if len(self.connections) > self.most_connections:
            self._turn_away()
            return
        self._idle_since = self.loop.time()
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
        if self._pending_bytes > MOST_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._pending_bytes and not self._is_in_body:
            self._await_head()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - it tells what uvicorn thinks
        """Refuse what the parser did not take; never in the place of an answer that is due."""
        self._is_in_body = False
        self._refuse(self._refusal)

    def on_message_begin(self) -> None:
        """A head begins."""
        if self.transport.is_closing() or len(self.pipeline) >= MOST_PIPELINED:
            raise _TooMuchError
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        if len(self.headers) >= MOST_HEADERS:
            self._refusal = _TOO_LARGE
            raise _TooMuchError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._moved = self._is_in_body = True
        self._idle_since = None
        self._stop_waiting()
        self.scope["state"][_BODY] = _Body()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body: a chunk, which may be a byte."""
        self._come += body

    def on_message_complete(self) -> None:
        """A request is whole."""
        self._pass_on()
        self._moved, self._is_in_body = True, False
        self.scope["state"][_BODY].is_whole = True
        super().on_message_complete()
        if self.transport.is_closing():
            self._raw.close()

    def on_response_complete(self) -> None:
        """An answer is whole."""
        super().on_response_complete()
        # The latest request's: one that was sent ahead has just begun.
        if self.cycle.response_complete and not self.transport.is_closing():
            self._idle_since = self.loop.time()

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        super().pause_writing()
        self._read_timer = self.loop.call_later(READ_S, self._raw.abort)

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
            self._linger_timer = self.loop.call_later(READ_S, self._raw.abort)
            return
        self._raw.write_eof()
        self.flow.resume_reading()
        self._linger_timer = self.loop.call_later(LINGER_S, self._raw.abort)

    def _pass_on(self) -> None:
        """Pass on what has come of a body, in one piece."""
        if self._come:
            self._moved = True
            super().on_body(bytes(self._come))
            self._come.clear()

    def _await_head(self) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(HEAD_S, self._refuse, _TOO_SLOW)

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
        if len(self.connections) > self.most_connections + _MOST_TURNED_AWAY:
            self._raw.abort()
            return
        self._is_turned_away = self._is_in_body = True
        self._refuse(_TOO_MANY)

    def _end_idlest(self) -> None:
        """Make room: who holds a connection and asks for nothing keeps nobody else out."""
        if len(self.connections) < self.most_connections:
            return
        idlest = min(_idle(self.connections), key=_since, default=None)
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


class _Parting:
    """Tells the client that an answer is the last, where its body was not waited for.

    Args:
        app: What answers.
    """

    def __init__(self, app: Any) -> None:
        self._app: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        body: _Body | None = scope.get("state", {}).get(_BODY)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and body and not body.is_whole:
                MutableHeaders(scope=message)["Connection"] = "close"
            await send(message)

        await self._app(scope, receive, watched)


def _idle(connections: Iterable[Any]) -> list[BoundedHttp]:
    return [each for each in connections if each._idle_since is not None]  # noqa: SLF001 - ours


def _since(connection: BoundedHttp) -> float:
    return connection._idle_since or 0.0  # noqa: SLF001 - ours
