"""A bound socket, a uvicorn server that ends quietly, and the refusal of other sites' pages."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from conveyor.visitors import Visit, refusal_of

__all__ = ["BACKLOG", "OwnVisitors", "Server", "address_of", "listen"]

BACKLOG: Final = 2048
"""Connections that wait to be accepted."""


class Server(uvicorn.Server):
    """A server that says when it's ready, and ends quietly by a signal.

    uvicorn would raise the signal once more when all has ended, and so end by it, before whoever
    runs it has cleaned up.

    Args:
        config: uvicorn's.
        when_ready: Called once requests are accepted.
    """

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._when_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End by SIGTERM and SIGINT; a second SIGINT ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that port 0 becomes a number.

    Raises:
        OSError: The address can't be bound.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    # Accepted connections inherit it. asyncio sets it only where the protocol number is given,
    # and without it each answer of a kept connection waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class OwnVisitors:
    """Refuses what a page of another site has sent (`conveyor.visitors`).

    Args:
        app: What lies behind.
        names: As `conveyor.visitors.refusal_of` takes them.
        refuse: Makes the answer of a reason.
    """

    def __init__(
        self, app: ASGIApp, *, names: Collection[str] | None, refuse: Callable[[str], ASGIApp]
    ) -> None:
        self._app = app
        self._names = names
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        app = self._app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            visit = Visit.of(scope["method"], lambda name: ",".join(headers.getlist(name)) or None)
            reason = refusal_of(visit, self._names)
            app = self._refuse(reason) if reason else app
        await app(scope, receive, send)
