"""Serves the application: bound before it starts, ended in bounded time, quiet in the log."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from config.web import WebSettings
from conveyor import Conveyor
from web.app import make_app
from web.wiring import parts_of

__all__ = ["Server", "address_of", "listen", "make_server"]

_BACKLOG: Final = 2048
# Downloads that are under way may end; an orchestrator kills after ten seconds.
_GRACE_S: Final = 5


class Server(uvicorn.Server):
    """A server that says when it's ready, and has its streams end when it's asked to.

    uvicorn would raise the signal once more when all has ended, and so end by it.

    Args:
        config: uvicorn's.
        when_ready: Called once requests are accepted.
        when_closing: Called before the server waits for what is under way.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        when_ready: Callable[[], None],
        when_closing: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._when_ready = when_ready
        self._when_closing = when_closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, streams first."""
        self._when_closing()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End by SIGTERM and SIGINT; a second one ends at once."""
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
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    # Accepted connections inherit it; without it the answers of a kept connection wait 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address_of(listener: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(
    settings: WebSettings, conveyor: Conveyor, when_ready: Callable[[], None]
) -> Server:
    """Put the server together.

    Args:
        settings: The process's settings.
        conveyor: The library; closed when the server ends.
        when_ready: Called once requests are accepted.
    """
    app = make_app(settings, conveyor)
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="on",
        # Ours is set up already. Their access log holds queries, and so job ids (invariant I5).
        log_config=None,
        access_log=False,
        server_header=False,
        # Addresses are relative, and keys tell callers apart: nothing is taken from a proxy.
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return Server(config, when_ready, parts_of(app).closing.set)
