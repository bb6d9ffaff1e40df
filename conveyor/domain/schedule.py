"""When to look next: pure functions from history to a delay in seconds.

A delay becomes a date in the ledger. Of those within a minute a bell is sent at once, with a
countdown. For later dates the sweep rings when they are due.
"""

from __future__ import annotations

import random
from functools import lru_cache
from math import ceil, inf
from typing import Final

from conveyor.domain.durations import Expectation

__all__ = [
    "FILE_LIFE_S",
    "JOB_LIFE_S",
    "JOB_MARGIN_S",
    "MAX_DELAY_S",
    "MAX_DELETE_S",
    "MAX_FALLBACK_S",
    "MAX_TELLING_S",
    "after_stumble",
    "first_fallback",
    "first_poll",
    "for_another",
    "next_fallback",
    "next_poll",
    "retry_delete",
    "retry_storage",
    "retry_submit",
    "retry_telling",
    "until_proof",
]

MAX_DELAY_S: Final = 60.0
"""The longest wait of what is tried again. A longer one only looks lost to the operator."""

MAX_FALLBACK_S: Final = 150.0
"""The longest wait for a poll of a job that should not have ended before, or that will call."""

MAX_DELETE_S: Final = 300.0
"""The longest wait between two DELETEs of the same thing."""

MAX_TELLING_S: Final = 30.0
"""The longest wait between two tries to store a result in the result backend."""

JOB_LIFE_S: Final = 2 * 3600.0
"""The service removes a job after at most two hours (seed)."""

JOB_MARGIN_S: Final = 600.0
"""So long after the end of its life a job is asked for, and no longer: the one deadline of all that
is `converting`."""

FILE_LIFE_S: Final = 3 * 3600.0
"""The service keeps files for at most three hours (protocol)."""

# Above the turnstile's own margin, so that a poll that comes in time finds it open.
_MARGIN_S: Final = 0.05
# The share of a conversion's age that the next wait may be: a result is seen at most so much late.
_AGE_SHARE: Final = 0.2
# To wait so long for a result that is there is as bad as one more poll; see docs/schedule.md.
_POLL_IS_WORTH_S: Final = 1.0
# The shares of conversions that are polled to learn: before the aim, and at an age that is drawn.
_LOOKS_BEFORE: Final = 1 / 16
_LOOKS_DRAWN: Final = 1 / 8
# Where the service calls, a poll is for calls that were lost, and for failures.
_FALLBACK_TIMES: Final = 2.0
_FALLBACK_SHARE: Final = 0.5
_CROWD_S: Final = 30.0
# Of two workers one can: so often it is tried at short intervals.
_TIMES_AT_ONCE: Final = 8
_JITTER: Final = 0.1
# Polls that were aimed keep near their aim.
_SPREAD: Final = 0.02
_FIRST_STUMBLE_S: Final = 5.0


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
        return _spread(0.0, spacing_s)
    least_s = spacing_s + _MARGIN_S
    aim_s = _aim(expectation.points_s, least_s)
    dice = random.random()  # noqa: S311 - no secret
    if dice < _LOOKS_BEFORE and aim_s >= 2 * least_s:
        # The poll after this one comes where the first would have come.
        aim_s = min(aim_s - least_s, aim_s / (1 + _AGE_SHARE))
    elif dice > 1 - _LOOKS_DRAWN:
        aim_s = min(random.choice(expectation.points_s), aim_s)  # noqa: S311
    return _spread(aim_s - age_s, spacing_s, MAX_FALLBACK_S)


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
    longer_s = _doubled(spacing_s, consecutive_failures) - took_s if consecutive_failures else 0.0
    wait_s = max(age_s * _AGE_SHARE, longer_s)
    if expectation is not None and not consecutive_failures:
        least_s = spacing_s + _MARGIN_S
        left_s = _aim(expectation.points_s, least_s) - age_s
        if left_s >= least_s:
            return _spread(left_s, spacing_s, MAX_FALLBACK_S)
    return _spread(wait_s, spacing_s)


def first_fallback(
    spacing_s: float, expectation: Expectation | None, *, mostly_open: bool = False
) -> float:
    """The wait between submit and first poll, where the service calls when the job has ended.

    Such a conversion should long have ended: after twice what nine of ten take. The service does
    not call for failures. A poll that comes before the end closes the turnstile, and then a call
    has to wait: of a lognormal load (sigma 0.5) that happens to 3 in 1,000, and to 21 in 1,000 if
    the poll came after twice what half of them take.

    Calls tell of the quick ones first. Where most of a crowd have not ended, nobody knows yet what
    the others take, so all but the first few wait for longer than that.

    Args:
        spacing_s: The least time between two requests for a job.
        expectation: What such conversions take, None while unknown.
        mostly_open: Whether most of those that were begun lately have not ended.

    Returns:
        Seconds.
    """
    long_s = _CROWD_S if mostly_open else 0.0
    if expectation is not None:
        long_s = max(expectation.late_s * _FALLBACK_TIMES, long_s)
    return _spread(long_s, spacing_s, MAX_FALLBACK_S)


def next_fallback(
    spacing_s: float, age_s: float, consecutive_failures: int = 0, *, took_s: float = 0.0
) -> float:
    """The wait between two polls, where the service calls when the job has ended.

    Args:
        spacing_s: The least time between two requests for a job.
        age_s: Since the submit.
        consecutive_failures: Answers in a row that said nothing of the job: then it is asked as
            ever, for the call may have come, and its answer was lost.
        took_s: As `next_poll` has it.

    Returns:
        Seconds.
    """
    if consecutive_failures:
        return next_poll(spacing_s, age_s, consecutive_failures, took_s=took_s)
    return _spread(age_s * _FALLBACK_SHARE, spacing_s, MAX_FALLBACK_S)


def after_stumble(stumbles: int) -> float:
    """The wait after an unexpected exception: doubled each time.

    Args:
        stumbles: How many there were before.

    Returns:
        Seconds, from 5 to `MAX_DELAY_S`.
    """
    return min(_doubled(_FIRST_STUMBLE_S, stumbles), MAX_DELAY_S)


def until_proof(spacing_s: float, age_s: float, left_s: float) -> float:
    """The wait before a job that the service does not know is asked for again.

    Args:
        spacing_s: The least time between two requests for a job.
        age_s: Since the submit.
        left_s: Until a 404 proves that the POST never arrived.

    Returns:
        Seconds.
    """
    return _bounded(min(next_poll(spacing_s, age_s), max(left_s, spacing_s)), spacing_s)


def retry_submit(spacing_s: float, consecutive_failures: int) -> float:
    """The wait before a submit is tried again: 5, 10, 15 s at the service's spacing of 5 s.

    Args:
        spacing_s: The least time between two requests for a job.
        consecutive_failures: Submits in a row that started nothing.

    Returns:
        Seconds. The vendor's documentation names these steps; above, they stay at the last.
    """
    return _bounded(spacing_s * min(consecutive_failures + 1, 3), spacing_s)


def retry_storage(spacing_s: float, attempt: int) -> float:
    """The wait before a delivery is tried again: doubled each time.

    Args:
        spacing_s: The first wait.
        attempt: Deliveries that failed so far.

    Returns:
        Seconds.
    """
    return _bounded(_doubled(spacing_s, attempt), spacing_s)


def for_another(times: int) -> float:
    """The wait of what this worker can't do and another may: short at first, then doubled.

    Args:
        times: How often workers have tried it so far.

    Returns:
        Seconds, from 1 to `MAX_DELAY_S`.
    """
    return min(_doubled(1.0, max(times - _TIMES_AT_ONCE, 0)), MAX_DELAY_S)


def retry_telling(failures: int) -> float:
    """The wait before a result is stored again in a result backend that is away: doubled each time.

    Args:
        failures: How often it could not be stored so far.

    Returns:
        Seconds, from 1 to `MAX_TELLING_S`.
    """
    return min(_doubled(1.0, failures), MAX_TELLING_S)


def retry_delete(spacing_s: float, failures: int) -> float:
    """The wait before a DELETE is tried again: 5, 10, 20 s and so on, 300 s at most.

    Args:
        spacing_s: The first wait.
        failures: DELETEs of the same thing that failed before this one.

    Returns:
        Seconds.
    """
    return _bounded(_doubled(spacing_s, failures), spacing_s, MAX_DELETE_S)


def _doubled(first_s: float, times: int) -> float:
    return first_s * float(2 ** min(times, 10))


def _bounded(delay_s: float, spacing_s: float, most_s: float = MAX_DELAY_S) -> float:
    """Add jitter, so that a batch spreads, and keep the delay between spacing and the longest."""
    return _jittered(delay_s, spacing_s, most_s, _JITTER)


def _spread(delay_s: float, spacing_s: float, most_s: float = MAX_DELAY_S) -> float:
    """Add a poll's small jitter, and keep the delay between spacing and the longest."""
    return _jittered(delay_s, spacing_s, most_s, _SPREAD)


def _jittered(delay_s: float, spacing_s: float, most_s: float, jitter: float) -> float:
    least_s = spacing_s + _MARGIN_S
    jittered = max(delay_s, least_s) * (1 + random.random() * jitter)  # noqa: S311 - no secret
    return min(max(jittered, least_s), most_s)


@lru_cache(1024)
def _aim(points_s: tuple[float, ...], least_s: float) -> float:
    """The age at which the first poll costs least, of those that make nobody wait for longer.

    Nobody waits for longer than with polls that begin at once: on average these see a result half
    a wait late. Where no age is as good, polls begin at once.

    Args:
        points_s: The ages at which such a conversion ends, equally likely.
        least_s: The least wait between two polls.
    """
    allowed_s = sum(max(least_s, end_s * _AGE_SHARE) / 2 for end_s in points_s)
    best_s, least_cost = least_s, inf
    for aim_s in {max(end_s, least_s) for end_s in points_s}:
        polls, late_s = _cost(aim_s, points_s, least_s)
        cost = polls + late_s / _POLL_IS_WORTH_S
        if late_s <= allowed_s and cost < least_cost:
            best_s, least_cost = aim_s, cost
    return best_s


def _cost(aim_s: float, points_s: tuple[float, ...], least_s: float) -> tuple[int, float]:
    """Polls, and seconds until an end is seen, summed up."""
    step_s = max(least_s, aim_s * _AGE_SHARE)
    polls, late_s = 0, 0.0
    for end_s in points_s:
        more = ceil((end_s - aim_s) / step_s) if end_s > aim_s else 0
        polls += 1 + more
        late_s += aim_s + more * step_s - end_s
    return polls, late_s
