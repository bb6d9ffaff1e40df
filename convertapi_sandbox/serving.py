"""A bound socket, and a uvicorn server that says when it is ready and ends quietly."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn

from convertapi_sandbox.loopback import bracketed

__all__ = ["BACKLOG", "Server", "address_of", "listen"]

BACKLOG: Final = 2048
"""Connections that wait to be accepted."""


class Server(uvicorn.Server):
    """A server that says when it is ready, and ends quietly by a signal.

    uvicorn would raise the signal once more when all has ended. The process would end by it before
    the sandbox has removed its files.

    Args:
        config: uvicorn's.
        when_ready: Called once requests are accepted.
    """

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so.

        Args:
            sockets: uvicorn's.
        """
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

    Args:
        host: The address to listen on.
        port: The port; 0 takes a free one.

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
    """The URL of a bound socket.

    Args:
        listener: From `listen`.
    """
    host, port = listener.getsockname()[:2]
    return f"http://{bracketed(host)}:{port}"
