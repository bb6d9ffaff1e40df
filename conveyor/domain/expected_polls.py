"""How many polls conversions will take: the real schedule, played through without a clock."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from conveyor.domain import fallback_polls, polls, rules
from conveyor.domain.durations import Durations, Expectation, Sighting

__all__ = ["Polls", "expect_polls"]

SPACING_S: Final = rules.LEAST_SPACING_S
"""The least time between two polls of a job, as the service asks for."""

_SEED: Final = 1
# A fleet learns from a few at a time. The first ones teach it, and are not counted.
_BATCH: Final = 32
_WARM_UP_BATCHES: Final = 16
_BATCHES: Final = 64


@dataclass(frozen=True, slots=True)
class Polls:
    """What the schedule makes of conversions that it has learned.

    Attributes:
        each: Polls a conversion, on average.
        duration_s: What a conversion takes at the service, on average, seconds.
        late_s: From its end until that is seen, on average, seconds.
    """

    each: float
    duration_s: float
    late_s: float


@dataclass(frozen=True, slots=True)
class _Played:
    end_s: float
    polls: int
    late_s: float
    sightings: tuple[Sighting, ...]


def expect_polls(median_s: float, sigma: float, *, webhooks: bool) -> Polls:
    """Play a few thousand conversions through the schedule, the same each time.

    Args:
        median_s: Half of the conversions take less, seconds.
        sigma: The spread of their lognormal distribution, 0 where all take the same.
        webhooks: Whether the service calls when a conversion has ended.
    """
    play = _called if webhooks else _polled
    dice, known = random.Random(_SEED), Durations()  # noqa: S311 - no secret
    counted: list[_Played] = []
    with _schedule_seeded():
        for batch in range(_WARM_UP_BATCHES + _BATCHES):
            expectation = known.expectation()
            played = [play(_duration(dice, median_s, sigma), expectation) for _ in range(_BATCH)]
            known = known.with_(seen for one in played for seen in one.sightings)
            if batch >= _WARM_UP_BATCHES:
                counted += played
    return Polls(
        each=fmean(one.polls for one in counted),
        duration_s=fmean(one.end_s for one in counted),
        late_s=fmean(one.late_s for one in counted),
    )


@contextmanager
def _schedule_seeded() -> Iterator[None]:
    """The schedule throws the dice of the whole process: they are put back as they were."""
    state = random.getstate()
    random.seed(_SEED)
    try:
        yield
    finally:
        random.setstate(state)


def _duration(dice: random.Random, median_s: float, sigma: float) -> float:
    return min(median_s * math.exp(dice.gauss(0, sigma)), rules.JOB_LIFE_S)


def _polled(end_s: float, expectation: Expectation | None) -> _Played:
    """Polls alone tell."""
    first_s = polls.first_poll(SPACING_S, expectation)
    ages_s = _ages(first_s, end_s, lambda age_s: polls.next_poll(SPACING_S, age_s, 0, expectation))
    before_s = [0.0, *ages_s[:-1]]
    sightings = tuple(
        Sighting(age_s, after_s, age_s >= end_s)
        for age_s, after_s in zip(ages_s, before_s, strict=True)
    )
    return _Played(end_s, len(ages_s), ages_s[-1] - end_s, sightings)


def _called(end_s: float, expectation: Expectation | None) -> _Played:
    """The service calls at the end, and a poll fetches the result. Polls before are fallbacks."""
    first_s = fallback_polls.first_fallback(SPACING_S, expectation)
    ages_s = _ages(first_s, end_s, lambda age_s: fallback_polls.next_fallback(SPACING_S, age_s))
    earlier = ages_s[:-1]
    # Its turnstile is closed for a while after each of them.
    seen_s = max(end_s, earlier[-1] + SPACING_S if earlier else 0.0)
    # A call tells the moment itself, as `conveyor.ledger.expected_durations` has it.
    sightings = (
        *(
            Sighting(age_s, after_s, ended=False)
            for age_s, after_s in zip((*earlier, end_s), (0.0, *earlier), strict=True)
        ),
        Sighting(end_s, end_s),
    )
    return _Played(end_s, len(earlier) + 1, seen_s - end_s, sightings)


def _ages(first_s: float, end_s: float, wait_s: Callable[[float], float]) -> list[float]:
    """The ages at which it is polled, up to the first one that is not before its end."""
    ages_s = [first_s]
    while ages_s[-1] < end_s:
        ages_s.append(ages_s[-1] + wait_s(ages_s[-1]))
    return ages_s
