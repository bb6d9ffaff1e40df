"""The schedules that are compared."""

from __future__ import annotations

import random
from typing import Final, Protocol

from conveyor.domain import polls
from conveyor.domain.durations import Durations, Expectation, Sighting

__all__ = ["Aimed", "Average", "Backoff", "Conveyor", "Fixed", "Oracle", "Policy"]

SPACING_S: Final = 5.0
"""The least time between two polls of a job, as the service asks for."""

LEAST_S: Final = SPACING_S + 0.05
_MOST_S: Final = 60.0
# A process sends what it saw once a second, and looks every two.
_SEND_EVERY_S: Final = 1.0
_LOOK_EVERY_S: Final = 2.0


class Policy(Protocol):
    """When to poll, and what it learns."""

    name: str

    def first_s(self, now_s: float, end_s: float, /) -> float:
        """The age at the first poll; only the oracle looks at the end."""

    def next_s(self, age_s: float, polls: int, /) -> float:
        """The wait after a poll that came too early."""

    def saw(self, now_s: float, sighting: Sighting, /) -> None:
        """Learn what a poll saw."""


class Fixed:
    """A poll every five seconds."""

    name = "every 5 s"

    def first_s(self, _now_s: float, _end_s: float) -> float:
        """At once."""
        return LEAST_S

    def next_s(self, _age_s: float, _polls: int) -> float:
        """As often as may be."""
        return LEAST_S

    def saw(self, _now_s: float, _sighting: Sighting) -> None:
        """Nothing is learned."""


class Backoff(Fixed):
    """Five seconds, doubled each time, a minute at most."""

    name = "exponential backoff"

    def next_s(self, _age_s: float, polls: int) -> float:
        """Twice the last wait."""
        return float(min(LEAST_S * 2**polls, _MOST_S))


class Average(Fixed):
    """What Conveyor did before: a moving average of the ages at which ends were seen."""

    name = "moving average"

    def __init__(self) -> None:
        self._average_s = 0.0
        self._learned_at = float("-inf")

    def first_s(self, _now_s: float, _end_s: float) -> float:
        """A tenth after the average."""
        return _jittered(self._average_s * 1.1)

    def next_s(self, age_s: float, _polls: int) -> float:
        """In proportion to the age."""
        return _jittered(age_s * 0.2)

    def saw(self, now_s: float, sighting: Sighting) -> None:
        """One end a second counts."""
        if sighting.ended and now_s - self._learned_at >= 1:
            known_s = self._average_s or sighting.at_s
            self._average_s, self._learned_at = known_s + 0.2 * (sighting.at_s - known_s), now_s


class Conveyor(Fixed):
    """The code of this project, as it is."""

    name = "Conveyor"

    def __init__(self) -> None:
        self._known = Durations()
        self._expectation: Expectation | None = None
        self._seen: list[Sighting] = []
        self._sent_at = self._looked_at = float("-inf")

    def first_s(self, now_s: float, _end_s: float) -> float:
        """Where it probably ends."""
        if now_s - self._looked_at >= (_LOOK_EVERY_S if self._expectation else 0.5):
            self._expectation, self._looked_at = self._known.expectation(), now_s
        return polls.first_poll(SPACING_S, self._expectation)

    def next_s(self, age_s: float, _polls: int) -> float:
        """In proportion to the age."""
        return polls.next_poll(SPACING_S, age_s, 0, self._expectation)

    def saw(self, now_s: float, sighting: Sighting) -> None:
        """What was seen in a second is sent at once, and read as Redis keeps it."""
        self._seen.append(sighting)
        if now_s - self._sent_at >= _SEND_EVERY_S:
            self._known = Durations.load(self._known.with_(self._seen).dump())
            self._seen, self._sent_at = [], now_s


class Oracle(Fixed):
    """Knows when each conversion will end."""

    name = "oracle"

    def first_s(self, _now_s: float, end_s: float) -> float:
        """At the end, or as soon as may be."""
        return max(end_s, LEAST_S)


class Aimed(Fixed):
    """Begins at one age for all, and goes on every five seconds: the best where only that is known.

    Args:
        aim_s: The age.
    """

    name = "one age for all"

    def __init__(self, aim_s: float) -> None:
        self._aim_s = aim_s

    def first_s(self, _now_s: float, _end_s: float) -> float:
        """At that age."""
        return max(self._aim_s, LEAST_S)


def _jittered(wait_s: float) -> float:
    return min(max(wait_s, LEAST_S) * (1 + random.random() * 0.1), _MOST_S)
