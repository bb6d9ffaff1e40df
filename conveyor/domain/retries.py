"""When to try again what has failed: pure functions from the number of failures to a delay."""

from __future__ import annotations

from typing import Final

from conveyor.domain import rules
from conveyor.domain.delays import MAX_DELAY_S, bounded, doubled

__all__ = [
    "MAX_DELETE_S",
    "MAX_REPORT_S",
    "after_stumble",
    "for_another",
    "retry_delete",
    "retry_report",
    "retry_storage",
    "retry_submit",
]

MAX_DELETE_S: Final = 300.0
"""The longest wait between two DELETEs of the same thing."""

MAX_REPORT_S: Final = 30.0
"""The longest wait between two tries to store a result in the result backend."""

# Of two workers one can: so often it is tried at short intervals.
_TIMES_AT_ONCE: Final = 8
_FIRST_STUMBLE_S: Final = 5.0


def retry_submit(spacing_s: float, consecutive_failures: int) -> float:
    """The wait before a submit is tried again: so many spacings as `rules.RETRY_STEPS` says.

    Args:
        spacing_s: The least time between two requests for a job.
        consecutive_failures: Submits in a row that started nothing.

    Returns:
        Seconds. After the last step the wait stays as long.
    """
    steps = rules.RETRY_STEPS
    return bounded(spacing_s * steps[min(consecutive_failures, len(steps) - 1)], spacing_s)


def retry_storage(spacing_s: float, attempt: int) -> float:
    """The wait before a delivery is tried again: doubled each time.

    Args:
        spacing_s: The first wait.
        attempt: Deliveries that failed so far.

    Returns:
        Seconds.
    """
    return bounded(doubled(spacing_s, attempt), spacing_s)


def for_another(times: int) -> float:
    """The wait of what this worker can't do and another may: short at first, then doubled.

    Args:
        times: How often workers have tried it so far.

    Returns:
        Seconds, from 1 to `MAX_DELAY_S`.
    """
    return min(doubled(1.0, max(times - _TIMES_AT_ONCE, 0)), MAX_DELAY_S)


def retry_report(failures: int) -> float:
    """The wait before a result is stored again in a result backend that is away: doubled each time.

    Args:
        failures: How often it could not be stored so far.

    Returns:
        Seconds, from 1 to `MAX_REPORT_S`.
    """
    return min(doubled(1.0, failures), MAX_REPORT_S)


def retry_delete(spacing_s: float, failures: int) -> float:
    """The wait before a DELETE is tried again: 5, 10, 20 s and so on, 300 s at most.

    Args:
        spacing_s: The first wait.
        failures: DELETEs of the same thing that failed before this one.

    Returns:
        Seconds.
    """
    return bounded(doubled(spacing_s, failures), spacing_s, MAX_DELETE_S)


def after_stumble(stumbles: int) -> float:
    """The wait after an unexpected exception: doubled each time.

    Args:
        stumbles: How many there were before.

    Returns:
        Seconds, from 5 to `MAX_DELAY_S`.
    """
    return min(doubled(_FIRST_STUMBLE_S, stumbles), MAX_DELAY_S)
