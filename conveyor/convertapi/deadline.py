"""One bound for everything that an exchange asks: connection, request, head, body, trailers.

Time-outs of sockets bound each read alone, so a peer that sends a byte now and then holds its
reader for ever. Here one thread of each process keeps the exchanges under way by their deadlines,
and shuts the socket of whichever is late. Its reader wakes at once.

The thread shuts a duplicate of the socket's descriptor, which only the connection and its exchange
hold. So it works below TLS and proxies, and never meets a descriptor that serves another by now.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Self

from conveyor.convertapi.errors import Overdue

__all__ = ["CURRENT", "Deadline", "Exchange", "Lever"]

# A connection that closes so soon after the request had gone out was not held by a gateway.
_AT_ONCE_S: Final = 1.0
_LEAST_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Deadline:
    """When something has taken too long.

    Attributes:
        total_s: How long it may take, seconds.
        setting: The environment variable that sets this.
        until: The end, on this process's monotonic clock.
        begin_until: The end of the time in which a request may begin to go out. A process that was
            stopped for longer has been taken for dead, and others have done its work.
    """

    total_s: float
    setting: str
    until: float
    begin_until: float

    @classmethod
    def after(cls, total_s: float, setting: str, wait_s: float = 0) -> Deadline:
        """A deadline from now on.

        Args:
            total_s: How long it may take, seconds.
            setting: The environment variable that sets this.
            wait_s: How much of that the answer may take after the request, seconds.
        """
        until = time.monotonic() + total_s
        return cls(total_s, setting, until, until - wait_s)

    @property
    def left_s(self) -> float:
        """Seconds that are left, always more than 0."""
        return max(_LEAST_S, self.until - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.until

    @property
    def is_late_to_begin(self) -> bool:
        """Whether it is too late for a request to begin to go out."""
        return time.monotonic() >= self.begin_until

    def overdue(self) -> Overdue:
        """The error to raise at its end."""
        return Overdue(f"the answer was not whole after {self.total_s:g} s ({self.setting})")


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
        _watchdog.watch(self)

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
        _watchdog.forget(self)
        if lever is not None and self._must_close:
            lever.close()


CURRENT: Final[ContextVar[Exchange | None]] = ContextVar("conveyor_exchange", default=None)
"""The exchange that this thread's connections work for."""


class _Watchdog:
    """The thread, started when it is first needed.

    It keeps what is under way and nothing else, so a finished exchange leaves nothing behind. It
    wakes when the first of them is due. Most end long before, so it wakes seldom.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._under_way: set[Exchange] = set()
        self._wakes_at: float | None = None

    def watch(self, exchange: Exchange) -> None:
        until = exchange.deadline.until
        with self._changed:
            if self._wakes_at is None:
                threading.Thread(target=self._run, name="conveyor-deadlines", daemon=True).start()
                self._wakes_at = until
            elif until < self._wakes_at:
                self._wakes_at = until
                self._changed.notify()
            self._under_way.add(exchange)

    def forget(self, exchange: Exchange) -> None:
        """Without the lock: a finalizer may call this wherever its thread stands, also above."""
        self._under_way.discard(exchange)

    def _run(self) -> None:
        while True:
            self._expire(self._wait_for_late())

    def _expire(self, late: list[Exchange]) -> None:
        for exchange in late:
            exchange.expire()
            self.forget(exchange)

    def _wait_for_late(self) -> list[Exchange]:
        with self._changed:
            while True:
                now, under_way = time.monotonic(), list(self._under_way)
                late = [each for each in under_way if each.deadline.until <= now]
                if late:
                    return late
                until = min((each.deadline.until for each in under_way), default=math.inf)
                self._wakes_at = until
                under_way.clear()
                self._changed.wait(None if math.isinf(until) else until - now)


_watchdog = _Watchdog()


def _renew() -> None:
    """Begin anew after a fork: the child has none of its parent's threads, and maybe its locks."""
    global _watchdog  # noqa: PLW0603 - one for each process
    _watchdog = _Watchdog()


if hasattr(os, "register_at_fork"):  # Windows forks nothing
    os.register_at_fork(after_in_child=_renew)
