"""How long a caller waits for a conversion, and how often it looks meanwhile."""

from __future__ import annotations

import time
from typing import Final, Protocol

from conveyor.errors import WaitTimeout
from conveyor.ledger import Entry

__all__ = ["FIRST_PAUSE_S", "HOST_TIME", "HostTime", "Patience", "Time", "longer"]

# Quick at first for short conversions, then easy on Redis.
FIRST_PAUSE_S: Final = 0.05
_LAST_PAUSE_S: Final = 1.0
_GROWTH: Final = 1.3


def longer(pause_s: float) -> float:
    """The pause after a pause in which nothing has happened, seconds.

    Args:
        pause_s: The pause before, `FIRST_PAUSE_S` at first.
    """
    return min(pause_s * _GROWTH, _LAST_PAUSE_S)


class Time(Protocol):
    """By which clock callers wait. Tests have one of their own."""

    def now(self) -> float:
        """Seconds, from whenever."""

    def pause(self, seconds: float, left_s: float) -> None:
        """Let time go by.

        Args:
            seconds: How much.
            left_s: How much the caller has left, seconds; without end where it waits for ever.
        """


class HostTime:
    """The host's clock."""

    def now(self) -> float:
        """Seconds, from whenever."""
        return time.monotonic()

    def pause(self, seconds: float, left_s: float) -> None:
        """Sleep.

        Args:
            seconds: How long.
            left_s: At most so long.
        """
        time.sleep(min(seconds, left_s))


HOST_TIME: Final = HostTime()
"""The clock by which callers wait, but in tests."""


class Patience:
    """The time that a caller has.

    Args:
        timeout_s: Seconds; None for ever.
        by: The clock.
    """

    def __init__(self, timeout_s: float | None, by: Time = HOST_TIME) -> None:
        self._timeout_s = timeout_s
        self._time = by
        self._deadline = None if timeout_s is None else by.now() + timeout_s

    @property
    def left_s(self) -> float:
        """Seconds, without end where it has none."""
        return float("inf") if self._deadline is None else self._deadline - self._time.now()

    def pause(self, seconds: float) -> None:
        """Let time go by, as much as there is left at most.

        Args:
            seconds: How much.
        """
        self._time.pause(seconds, self.left_s)

    def is_over(self, entry: Entry) -> WaitTimeout:
        """The error that ends the wait.

        Args:
            entry: The conversion as it stands then.
        """
        return WaitTimeout(
            f"The conversion {entry.id} is still {entry.state} after "
            f"{self._timeout_s:g} s{_because(entry)}. It goes on: wait again, or look later."
        )


def _because(entry: Entry) -> str:
    return f" ({entry.note.rstrip('.')})" if entry.note else ""
