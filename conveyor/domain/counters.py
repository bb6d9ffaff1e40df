"""The names under which the ledger counts; a histogram is a count for each of its buckets.

===================  ==========================================================================
``succeeded``        conversions whose files were stored
``cancelled``        conversions that their callers did not want any more
a `FailureKind`      dead letters of that class, ever
``polls``            polls that were answered, or lost
``cost``             what the service charged, in its units
``throttles``        submits that the service throttled
``deleted``          jobs and files that were deleted at the service, or were gone there
``deletions``        conversions that somebody has deleted
``erased``           deleted conversions of which nothing is left any more
``files_removed``    result files that were removed because their life was over
``lost``             conversions whose entry was found to be gone
``not_deleted``      those that the service removed by itself, or that can't be deleted
``polls_le:<n>``     succeeded conversions by their polls; ``polls_sum``
``stored_le:<s>``    the same by the seconds from ready to stored; ``stored_sum_ms``
===================  ==========================================================================

A bucket holds what is above the bound before it: a scrape adds them up.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import Any, Final

__all__ = ["POLL_BOUNDS", "STORED_BOUNDS_S", "of_success", "stored_since"]

POLL_BOUNDS: Final = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, math.inf)
STORED_BOUNDS_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, math.inf)


def of_success(polls: int) -> dict[str, int]:
    """What a conversion that has succeeded adds.

    Args:
        polls: How often it was asked for.

    Returns:
        How much by name.
    """
    bound = POLL_BOUNDS[bisect_left(POLL_BOUNDS, polls)]
    return {"succeeded": 1, f"polls_le:{bound:g}": 1, "polls_sum": polls}


def stored_since(field: str) -> dict[str, Any]:
    """How a transition counts the seconds until the files were stored.

    Args:
        field: The entry's field that holds when the result was seen.

    Returns:
        ``timed`` of ``transition.lua``, which measures by the server's clock.
    """
    return {
        "since": field,
        "le": "stored_le",
        "sum": "stored_sum_ms",
        "bounds": [f"{bound:g}" for bound in STORED_BOUNDS_S],
    }
