"""Free ports on loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from itertools import cycle, islice

__all__ = ["LOOPBACK", "free_port", "is_free"]

LOOPBACK = "127.0.0.1"

# Below the ports that systems give to outgoing connections. A client that reconnects to a server
# which is down could otherwise be given the server's own port, connect to itself, and keep the
# server from coming back.
_CANDIDATES = range(20_000, 32_000)
# A port is bound seconds after it was found free. So a process takes none twice, and each begins
# at a place of its own: two at the same port in the same seconds are rarer than if both drew.
_FIRST = random.randrange(len(_CANDIDATES))  # noqa: S311 - no secret
_walk: Iterator[int] = cycle((*_CANDIDATES[_FIRST:], *_CANDIDATES[:_FIRST]))


def free_port() -> int:
    """Find a free port on loopback."""
    for port in islice(_walk, len(_CANDIDATES)):
        if is_free(port):
            return port
    raise OSError(f"no free port from {_CANDIDATES.start} to {_CANDIDATES.stop} on {LOOPBACK}")


def is_free(port: int) -> bool:
    """Whether a port on loopback is free.

    Args:
        port: The port.

    Raises:
        OverflowError: It is no port's number.
        TypeError: It is no number.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
