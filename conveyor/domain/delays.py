"""Delays in seconds: doubled, with jitter, and kept between a spacing and the longest wait.

A delay becomes a date in the ledger. Of those within a minute a bell is sent at once, with a
countdown. For later dates the sweep rings when they are due.
"""

from __future__ import annotations

import random
from typing import Final

__all__ = ["MARGIN_S", "MAX_DELAY_S", "bounded", "doubled", "spread"]

MAX_DELAY_S: Final = 60.0
"""The longest wait of what is tried again. A longer one only looks lost to the operator."""

MARGIN_S: Final = 0.05
"""So much above the spacing is the least wait: a poll that comes in time finds the turnstile open,
which has a smaller margin of its own."""

_JITTER: Final = 0.1
# Polls that were aimed keep near their aim.
_SPREAD: Final = 0.02


def doubled(first_s: float, times: int) -> float:
    """A wait that doubles each time, a thousandfold at most.

    Args:
        first_s: The first wait, seconds.
        times: How often it has been doubled.

    Returns:
        Seconds.
    """
    return first_s * float(2 ** min(times, 10))


def bounded(delay_s: float, spacing_s: float, most_s: float = MAX_DELAY_S) -> float:
    """Add jitter, so that a batch spreads, and keep the delay between spacing and the longest.

    Args:
        delay_s: The delay, seconds.
        spacing_s: The least time between two requests for a job, seconds.
        most_s: The longest delay, seconds.

    Returns:
        Seconds.
    """
    return _jittered(delay_s, spacing_s, most_s, _JITTER)


def spread(delay_s: float, spacing_s: float, most_s: float = MAX_DELAY_S) -> float:
    """Add a poll's small jitter, and keep the delay between spacing and the longest.

    Args:
        delay_s: The delay, seconds.
        spacing_s: The least time between two requests for a job, seconds.
        most_s: The longest delay, seconds.

    Returns:
        Seconds.
    """
    return _jittered(delay_s, spacing_s, most_s, _SPREAD)


def _jittered(delay_s: float, spacing_s: float, most_s: float, jitter: float) -> float:
    least_s = spacing_s + MARGIN_S
    jittered = max(delay_s, least_s) * (1 + random.random() * jitter)  # noqa: S311 - no secret
    return min(max(jittered, least_s), most_s)
