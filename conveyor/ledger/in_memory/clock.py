"""A clock that stands still until a test moves it."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["Clock"]

# No two commands come at the same time: what was accepted last is listed first.
_TICK_S: Final = 1e-6


class Clock:
    """The only clock of an in-memory ledger.

    Args:
        now: Where it begins, seconds since the epoch; the host's time unless given.
    """

    def __init__(self, now: float | None = None) -> None:
        self._now = time.time() if now is None else now

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def tick(self) -> float:
        """Go on by a millionth of a second, and return the time."""
        self._now += _TICK_S
        return self._now

    def move_to(self, moment: float) -> None:
        """Go on to a moment. One that is past changes nothing: time does not go back.

        Args:
            moment: Seconds since the epoch.
        """
        self._now = max(self._now, moment)
