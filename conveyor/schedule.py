"""When to look next: pure functions from history to a delay in seconds.

Every delay is a countdown of a Celery message, so none is longer than `MAX_DELAY_S`, or `MAX_NET_S`
where a webhook will call; both lie below the broker's visibility time-out.
"""

from __future__ import annotations

import random
from typing import Final

__all__ = [
    "FILE_LIFE_S",
    "JOB_LIFE_S",
    "JOB_MARGIN_S",
    "MAX_DELAY_S",
    "MAX_DELETE_S",
    "MAX_NET_S",
    "MAX_TELLING_S",
    "after_stumble",
    "first_net",
    "first_poll",
    "for_another",
    "is_urgent",
    "next_net",
    "next_poll",
    "retry_delete",
    "retry_storage",
    "retry_submit",
    "retry_telling",
    "until_proof",
]

MAX_DELAY_S: Final = 60.0
"""The longest countdown. A message that waits longer only looks lost to the operator."""

MAX_NET_S: Final = 150.0
"""The longest countdown of a poll that only comes where a webhook was lost."""

MAX_DELETE_S: Final = 300.0
"""The longest wait between two DELETEs of the same thing. It is no countdown: no message waits."""

MAX_TELLING_S: Final = 30.0
"""The longest wait between two tries to store a result in the result backend; no message waits."""

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
# A conversion that takes as long as the last ones did is done a little after that.
_PACE_MARGIN: Final = 1.1
# With webhooks a poll is the net below a call that was lost: it comes when the job has taken twice
# as long as such jobs do, and then as its age grows by half.
_NET_PACES: Final = 2.0
_NET_SHARE: Final = 0.5
# Of two workers one can: so often it is tried at short intervals.
_TIMES_AT_ONCE: Final = 8
_JITTER: Final = 0.1
_OLD: Final = 0.75
_FIRST_STUMBLE_S: Final = 5.0


def first_poll(spacing_s: float, pace_s: float | None) -> float:
    """The wait between submit and first poll: where such a conversion probably ends.

    Args:
        spacing_s: The least time between two requests for a job.
        pace_s: What such conversions took lately, None while unknown.

    Returns:
        Seconds.
    """
    expected_s = 0.0 if pace_s is None else pace_s * _PACE_MARGIN
    return _bounded(expected_s, spacing_s)


def first_net(net_s: float, spacing_s: float, pace_s: float | None) -> float:
    """The wait between submit and first poll, where the service calls when the job has ended.

    Args:
        net_s: The least wait, seconds.
        spacing_s: The least time between two requests for a job.
        pace_s: What such conversions took lately, None while unknown.

    Returns:
        Seconds.
    """
    return _bounded(max(net_s, (pace_s or 0.0) * _NET_PACES), spacing_s, MAX_NET_S)


def next_net(net_s: float, spacing_s: float, age_s: float, strikes: int = 0) -> float:
    """The wait between two polls, where the service calls when the job has ended.

    Args:
        net_s: The least wait, seconds.
        spacing_s: The least time between two requests for a job.
        age_s: Since the submit.
        strikes: Answers in a row that said nothing of the job: then it is asked as ever, for the
            call may have come, and its answer was lost.

    Returns:
        Seconds.
    """
    if strikes:
        return next_poll(spacing_s, age_s, strikes)
    return _bounded(max(net_s, age_s * _NET_SHARE), spacing_s, MAX_NET_S)


def next_poll(spacing_s: float, age_s: float, strikes: int = 0) -> float:
    """The wait between two polls: in proportion to the job's age, longer after answers of no use.

    Args:
        spacing_s: The least time between two requests for a job.
        age_s: Since the submit.
        strikes: Answers in a row that said nothing of the job.

    Returns:
        Seconds.
    """
    return _bounded(max(age_s * _AGE_SHARE, _doubled(spacing_s, strikes)), spacing_s)


def is_urgent(job_age_s: float, result_age_s: float) -> bool:
    """Whether a job, or its result, is in the last quarter of its life at the service.

    Args:
        job_age_s: Seconds since the job was posted; 0 where it was not.
        result_age_s: Seconds since the result was seen; 0 where it was not.
    """
    if result_age_s > 0:
        return result_age_s > FILE_LIFE_S * _OLD
    return job_age_s > JOB_LIFE_S * _OLD


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


def retry_submit(spacing_s: float, strikes: int) -> float:
    """The wait before a submit is tried again: 5, 10, 15 s at the service's spacing of 5 s.

    Args:
        spacing_s: The least time between two requests for a job.
        strikes: Submits in a row that started nothing.

    Returns:
        Seconds. The vendor's documentation names these steps; above, they stay at the last.
    """
    return _bounded(spacing_s * min(strikes + 1, 3), spacing_s)


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
    least_s = spacing_s + _MARGIN_S
    jittered = max(delay_s, least_s) * (1 + random.random() * _JITTER)  # noqa: S311 - no secret
    return min(max(jittered, least_s), most_s)
