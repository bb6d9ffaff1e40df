"""When to poll a job: pure functions from its age, and from what such jobs take, to a delay."""

from __future__ import annotations

import random
from typing import Final

from conveyor.domain.aim import AGE_SHARE, aim
from conveyor.domain.delays import MARGIN_S, bounded, doubled, spread
from conveyor.domain.durations import Expectation

__all__ = ["MAX_FALLBACK_S", "first_poll", "next_poll", "until_proof"]

MAX_FALLBACK_S: Final = 150.0
"""The longest wait for a poll of a job that should not have ended before, or that will call."""

# The shares of conversions that are polled to learn: before the aim, and at an age that is drawn.
_LOOKS_BEFORE: Final = 1 / 16
_LOOKS_DRAWN: Final = 1 / 8


def first_poll(spacing_s: float, expectation: Expectation | None, age_s: float = 0.0) -> float:
    """The wait between submit and first poll: where such a conversion probably ends.

    A few are polled sooner, to learn: a poll that finds the end does not tell when it was, so a
    service that became faster would never be found out.

    Args:
        spacing_s: The least time between two requests for a job.
        expectation: What such conversions take, None while unknown.
        age_s: The job's, which is what the POST took: what was learned counts from its beginning.

    Returns:
        Seconds.
    """
    if expectation is None:
        return spread(spacing_s, spacing_s)
    least_s = spacing_s + MARGIN_S
    aim_s = aim(expectation.points_s, least_s)
    dice = random.random()  # noqa: S311 - no secret
    if dice < _LOOKS_BEFORE and aim_s >= 2 * least_s:
        # The poll after this one comes where the first would have come.
        aim_s = min(aim_s - least_s, aim_s / (1 + AGE_SHARE))
    elif dice > 1 - _LOOKS_DRAWN:
        aim_s = min(random.choice(expectation.points_s), aim_s)  # noqa: S311 - no secret
    return spread(aim_s - age_s, spacing_s, MAX_FALLBACK_S)


def next_poll(
    spacing_s: float,
    age_s: float,
    consecutive_failures: int = 0,
    expectation: Expectation | None = None,
    *,
    took_s: float = 0.0,
) -> float:
    """The wait between two polls: in proportion to the job's age, longer after answers of no use.

    Args:
        spacing_s: The least time between two requests for a job.
        age_s: Since the submit.
        consecutive_failures: Answers in a row that said nothing of the job.
        expectation: What such conversions take, None while unknown. A poll that came to learn is
            followed by one where the first would have come.
        took_s: What the poll took. After one that timed out, most of the longer wait is over.

    Returns:
        Seconds.
    """
    least_s = spacing_s + MARGIN_S
    longer_s = (
        doubled(spacing_s, consecutive_failures) - took_s if consecutive_failures else least_s
    )
    wait_s = max(age_s * AGE_SHARE, longer_s)
    if expectation is not None and not consecutive_failures:
        left_s = aim(expectation.points_s, least_s) - age_s
        if left_s >= least_s:
            return spread(left_s, spacing_s, MAX_FALLBACK_S)
    return spread(wait_s, spacing_s)


def until_proof(spacing_s: float, age_s: float, left_s: float) -> float:
    """The wait before a job that the service does not know is asked for again.

    Args:
        spacing_s: The least time between two requests for a job.
        age_s: Since the submit.
        left_s: Until a 404 proves that the POST never arrived.

    Returns:
        Seconds.
    """
    return bounded(min(next_poll(spacing_s, age_s), max(left_s, spacing_s)), spacing_s)
