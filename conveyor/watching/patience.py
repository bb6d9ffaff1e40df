"""How long a caller waits for a conversion, and how often it looks meanwhile."""

from __future__ import annotations

import time
from typing import Final

from conveyor.errors import WaitTimeout
from conveyor.ledger import Entry

__all__ = ["FIRST_PAUSE_S", "Patience", "longer"]

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


class Patience:
    """The time that a caller has.

    Args:
        timeout_s: Seconds; None for ever.
    """

    def __init__(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s

    @property
    def left_s(self) -> float:
        """Seconds, without end where it has none."""
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

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
