"""One thread of each process, which ends whatever is still under way at its deadline."""

from __future__ import annotations

import math
import os
import threading
import time
from typing import Protocol

from conveyor.convertapi.deadline import Deadline

__all__ = ["Watchdog", "Watched", "of_this_process"]


class Watched(Protocol):
    """What has a deadline, and can be ended at it."""

    deadline: Deadline

    def expire(self) -> None:
        """End it, because its time is over. The watchdog's thread calls this."""


class Watchdog:
    """The thread, started when it is first needed.

    It keeps what is under way and nothing else, so a finished exchange leaves nothing behind. It
    wakes when the first of them is due. Most end long before, so it wakes seldom.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._under_way: set[Watched] = set()
        self._wakes_at: float | None = None

    def watch(self, exchange: Watched) -> None:
        """End an exchange at its deadline, unless it is forgotten before.

        Args:
            exchange: What has begun.
        """
        until = exchange.deadline.until
        with self._changed:
            if self._wakes_at is None:
                threading.Thread(target=self._run, name="conveyor-deadlines", daemon=True).start()
                self._wakes_at = until
            elif until < self._wakes_at:
                self._wakes_at = until
                self._changed.notify()
            self._under_way.add(exchange)

    def forget(self, exchange: Watched) -> None:
        """Leave an exchange alone from here on.

        This takes no lock: a finalizer may call it wherever its thread stands, also above.

        Args:
            exchange: What has ended.
        """
        self._under_way.discard(exchange)

    def _run(self) -> None:
        while True:
            self._expire(self._wait_for_late())

    def _expire(self, late: list[Watched]) -> None:
        for exchange in late:
            exchange.expire()
            self.forget(exchange)

    def _wait_for_late(self) -> list[Watched]:
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


_watchdog = Watchdog()


def of_this_process() -> Watchdog:
    """Get the one watchdog of this process, also after a fork."""
    return _watchdog


def _renew() -> None:
    """Begin anew after a fork: the child has none of its parent's threads, and maybe its locks."""
    global _watchdog  # noqa: PLW0603 - one for each process
    _watchdog = Watchdog()


if hasattr(os, "register_at_fork"):  # Windows forks nothing
    os.register_at_fork(after_in_child=_renew)
