"""Bounds for HTTP on one connection, and what is answered to who goes beyond them."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BROKEN",
    "HEAD_S",
    "LINGER_S",
    "MOST_HEADERS",
    "MOST_HEAD_BYTES",
    "MOST_PIPELINED",
    "MOST_TURNED_AWAY",
    "READ_S",
    "TOO_LARGE",
    "TOO_MANY",
    "TOO_SLOW",
    "TooMuchError",
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

MOST_TURNED_AWAY: Final = 64
"""So many may wait for their 503; more are cut off."""

_END: Final = b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
BROKEN: Final = b"HTTP/1.1 400 Bad Request" + _END
TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout" + _END
TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large" + _END
TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1" + _END


class TooMuchError(Exception):
    """Ends the parser of a connection: the client sends more than it may."""
