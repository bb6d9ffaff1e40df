"""Where polls of a job begin: at the age at which the first one costs least."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, inf
from typing import Final

__all__ = ["AGE_SHARE", "aim"]

AGE_SHARE: Final = 0.2
"""The share of a conversion's age that the next wait may be: a result is seen at most so much
late."""


@lru_cache(1024)
def aim(points_s: tuple[float, ...], least_s: float) -> float:
    """The age at which the first poll costs least, of those that make nobody wait for longer.

    Nobody waits for longer than with polls that begin at once: on average these see a result half
    a wait late. Where no age is as good, polls begin at once.

    Args:
        points_s: The ages at which such a conversion ends, equally likely, seconds.
        least_s: The least wait between two polls, seconds.

    Returns:
        Seconds.
    """
    allowed_s = sum(max(least_s, end_s * AGE_SHARE) / 2 for end_s in points_s)
    best_s, least_cost = least_s, inf
    for aim_s in {max(end_s, least_s) for end_s in points_s}:
        polls, late_s = _cost(aim_s, points_s, least_s)
        # To wait a second for a result that is there is as bad as one more poll.
        cost = polls + late_s
        if late_s <= allowed_s and cost < least_cost:
            best_s, least_cost = aim_s, cost
    return best_s


def _cost(aim_s: float, points_s: tuple[float, ...], least_s: float) -> tuple[int, float]:
    """Polls, and seconds until an end is seen, summed up."""
    step_s = max(least_s, aim_s * AGE_SHARE)
    polls, late_s = 0, 0.0
    for end_s in points_s:
        more = max(ceil((end_s - aim_s) / step_s), 0)
        polls += 1 + more
        late_s += aim_s + more * step_s - end_s
    return polls, late_s
