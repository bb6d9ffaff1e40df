"""One request and its answer, bounded as a whole: connection, request, head, body, trailers.

Time-outs of sockets bound each read alone, so a peer that sends a byte now and then holds its
reader for ever. So the watchdog shuts the socket of an exchange that is late. Its reader wakes at
once.

It shuts a duplicate of the socket's descriptor, which only the connection and its exchange hold. So
it works below TLS and proxies, and never meets a descriptor that serves another by now.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from typing import Final, Self

from conveyor.convertapi.deadline import Deadline
from conveyor.convertapi.watchdog import of_this_process

__all__ = ["CURRENT", "Exchange", "Lever"]

# A connection that closes so soon after the request had gone out was not held by a gateway.
_AT_ONCE_S: Final = 1.0


class Lever:
    """A second descriptor of a connected socket, to shut it by.

    Args:
        connected: The socket, before TLS is laid over it.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected.dup()

    def shut(self) -> None:
        """End reading and writing immediately, also for threads that wait for them."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()


class Exchange:
    """One request and its answer, bounded as a whole.

    Args:
        deadline: When it must be over.
        pause_s: The longest pause while the request goes out, seconds.

    Attributes:
        deadline: When the exchange must be over.
        pause_s: The longest pause while the request goes out, seconds.
        is_connected: Whether a connection was made, so that something may have been sent.
        is_answered: Whether a byte of an answer came.
        is_late: Whether the deadline ended it.
    """

    def __init__(self, deadline: Deadline, pause_s: float) -> None:
        self.deadline = deadline
        self.pause_s = pause_s
        self.is_connected = False
        self.is_answered = False
        self.is_late = False
        self._sent_at = 0.0
        self._lock = threading.Lock()
        self._lever: Lever | None = None
        self._is_over = False
        self._must_close = False
        of_this_process().watch(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def hold(self, lever: Lever) -> None:
        """Begin to use a connection."""
        with self._lock:
            self._lever = lever
            if self.is_late:
                lever.shut()

    def inherit(self, lever: Lever) -> bool:
        """Take over a lever whose connection was closed while its answer is still being read.

        Returns:
            Whether this exchange closes it.
        """
        with self._lock:
            self._must_close = self._lever is lever and not self._is_over
            return self._must_close

    def sent(self) -> None:
        """Note that the request has begun to go out, or has gone out whole."""
        self.is_connected = True
        self._sent_at = time.monotonic()

    def was_closed_at_once(self) -> bool:
        """Whether it ended without a byte of an answer, soon after the request had gone out."""
        soon = time.monotonic() - self._sent_at < _AT_ONCE_S
        return self.is_connected and soon and not self.is_answered and not self.is_late

    def expire(self) -> None:
        """End it, because its time is over."""
        with self._lock:
            if not self._is_over:
                self.is_late = True
                if self._lever is not None:
                    self._lever.shut()

    def end(self) -> None:
        """Let go of the connection: from here on no deadline touches it."""
        with self._lock:
            self._is_over = True
            lever, self._lever = self._lever, None
        of_this_process().forget(self)
        if lever is not None and self._must_close:
            lever.close()


CURRENT: Final[ContextVar[Exchange | None]] = ContextVar("conveyor_exchange", default=None)
"""The exchange that this thread's connections work for."""
