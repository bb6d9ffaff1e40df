"""When to poll a job for which the service calls: for calls that were lost, and for failures."""

from __future__ import annotations

from typing import Final

from conveyor.domain.delays import spread
from conveyor.domain.durations import Expectation
from conveyor.domain.polls import MAX_FALLBACK_S, next_poll

__all__ = ["first_fallback", "next_fallback"]

_FALLBACK_TIMES: Final = 2.0
_FALLBACK_SHARE: Final = 0.5
_CROWD_S: Final = 30.0


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
    long_s = _CROWD_S if mostly_open else spacing_s
    if expectation is not None:
        long_s = max(expectation.late_s * _FALLBACK_TIMES, long_s)
    return spread(long_s, spacing_s, MAX_FALLBACK_S)


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
    return spread(age_s * _FALLBACK_SHARE, spacing_s, MAX_FALLBACK_S)
