"""The names under which the ledger counts; a histogram is a count for each of its buckets.

===================  ==========================================================================
``succeeded``        conversions whose files were stored
``cancelled``        conversions that their callers did not want any more
a `FailureKind`      dead letters of that class, ever
``polls``            polls that were answered, or lost
``cost``             what the service charged, in its units
``throttles``        submits that the service throttled
``deleted``          jobs and files that were deleted at the service, or were gone there
``not_deleted``      those that the service removed by itself, or that can't be deleted
``polls_le:<n>``     succeeded conversions by their polls; ``polls_sum``
``stored_le:<s>``    the same by the seconds from ready to stored; ``stored_sum_ms``
===================  ==========================================================================

A bucket holds what is above the bound before it: a scrape adds them up.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

__all__ = ["POLL_BOUNDS", "STORED_BOUNDS_S", "of_success"]

POLL_BOUNDS: Final = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, math.inf)
STORED_BOUNDS_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, math.inf)


def of_success(polls: int, ready_to_stored_s: float) -> dict[str, int]:
    """What a conversion that has succeeded adds.

    Args:
        polls: How often it was asked for.
        ready_to_stored_s: Seconds from its result being seen to its files being stored.

    Returns:
        How much by name.
    """
    waited_s = max(ready_to_stored_s, 0.0)
    return {
        "succeeded": 1,
        _bucket("polls_le", POLL_BOUNDS, polls): 1,
        "polls_sum": polls,
        _bucket("stored_le", STORED_BOUNDS_S, waited_s): 1,
        "stored_sum_ms": round(waited_s * 1000),
    }


def _bucket(name: str, bounds: Sequence[float], value: float) -> str:
    return f"{name}:{bounds[bisect_left(bounds, value)]:g}"
