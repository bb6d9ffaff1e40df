"""Connections that close softly, so that the client reads the answer before the end."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

__all__ = ["SoftClose"]


class Lingering(Protocol):
    """What is told of the close of its connection."""

    def linger(self) -> None:
        """End the connection, a little later where the client still sends."""


class SoftClose:
    """A connection that closes softly.

    One that is closed while bytes of the client are unread is reset, and the reset may overtake
    the answer. So the end of the answers is told first, and then what comes is passed over.

    Args:
        transport: The connection.
        protocol: Is told of the close.
    """

    def __init__(self, transport: asyncio.Transport, protocol: Lingering) -> None:
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
