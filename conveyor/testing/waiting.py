"""Waiting by the fake's clock: it goes on to what happens next, and takes no time."""

from __future__ import annotations

import math

from conveyor.ledger.in_memory import Clock
from conveyor.testing.agenda import Agenda
from conveyor.testing.mistakes import NothingPlanned

__all__ = ["FakeTime"]


class FakeTime:
    """By which clock callers of a fake wait; as `conveyor.watching.patience.Time`.

    Args:
        clock: The clock.
        agenda: What happens next.
    """

    def __init__(self, clock: Clock, agenda: Agenda) -> None:
        self._clock = clock
        self._agenda = agenda

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now

    def pause(self, seconds: float, left_s: float) -> None:  # noqa: ARG002  # because the host's clock needs it
        """Go on to what happens next, or to the end of the wait.

        Args:
            seconds: Not used: nobody looks again and again.
            left_s: How much the caller has left, seconds.

        Raises:
            NothingPlanned: It waits for ever, and nothing will happen.
        """
        if not self._agenda.go_on(left_s) and math.isinf(left_s):
            raise NothingPlanned(
                "Your code waits for a conversion that nothing will end. Say what becomes of it "
                "before: fake.will_succeed(), fake.will_fail(reason), or fake.succeed(id)."
            )
