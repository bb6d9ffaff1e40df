"""When one job is polled, and for how long: by itself, or as a fallback of the service's calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from conveyor.domain.durations import Expectation
from conveyor.domain.fallback_polls import first_fallback, next_fallback
from conveyor.domain.polls import first_poll, next_poll

__all__ = ["JOB_MARGIN_S", "Schedule"]

JOB_MARGIN_S: Final = 600.0
"""So long after the end of its life a job is asked for, and no longer: the one deadline of all that
is `converting`."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one job is polled.

    Attributes:
        spacing_s: The least time between two requests for a job, seconds.
        expectation: What such conversions take, None while unknown.
        is_called: Whether the service calls when the job has ended. Then polls are a fallback.
    """

    spacing_s: float
    expectation: Expectation | None
    is_called: bool

    def first(self, took_s: float, *, mostly_open: bool = False) -> float:
        """The wait between submit and first poll.

        Args:
            took_s: What the POST took, seconds.
            mostly_open: Whether most of the jobs that were begun lately have not ended.

        Returns:
            Seconds.
        """
        if self.is_called:
            return first_fallback(self.spacing_s, self.expectation, mostly_open=mostly_open)
        return first_poll(self.spacing_s, self.expectation, took_s)

    def next(self, age_s: float, consecutive_failures: int, *, took_s: float) -> float:
        """The wait between two polls.

        Args:
            age_s: Since the submit, seconds.
            consecutive_failures: Answers in a row that said nothing of the job.
            took_s: What the last poll took, seconds.

        Returns:
            Seconds.
        """
        if self.is_called:
            return next_fallback(self.spacing_s, age_s, consecutive_failures, took_s=took_s)
        return next_poll(
            self.spacing_s, age_s, consecutive_failures, self.expectation, took_s=took_s
        )
