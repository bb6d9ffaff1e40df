"""A life table of conversions: by age, how many reached it, and how many of these ended at it.

What is learned is the hazard: of those that were still converting at an age, how many ended at
that age. Each age has its own memory of about `MEMORY` conversions: old ones fade, and a single
one moves little.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from conveyor.domain import rules

__all__ = [
    "AGES",
    "EDGES",
    "LONGEST_S",
    "MEMORY",
    "POINTS",
    "add_end",
    "add_survival",
    "age_of",
    "points",
]

MEMORY: Final = 64
"""So many conversions an age remembers."""

LONGEST_S: Final = rules.JOB_LIFE_S
"""The end of the last age, seconds: no job lives longer."""

POINTS: Final = 20
"""So many ages stand for all ends."""

# Ages are told apart to a twenty-fifth, or to a quarter of a second where that is more.
_STEP_SHARE: Final = 0.04
_LEAST_STEP_S: Final = 0.25
# Where nothing was seen so few ends are believed in, with the weight of half a conversion.
_PRIOR_HAZARD: Final = 0.04
_PRIOR_WEIGHT: Final = 0.5
# An end that may have come at several ages is spread by what is believed of them and of so many on
# both sides. Without that all ends gather at the few ages at which polls come.
_NEAR: Final = 3


def _edges() -> tuple[float, ...]:
    edges = [0.0]
    while edges[-1] < LONGEST_S:
        edges.append(edges[-1] + max(_LEAST_STEP_S, edges[-1] * _STEP_SHARE))
    return tuple(edges)


EDGES: Final = _edges()
"""Where ages begin and end, seconds, rising."""

AGES: Final = len(EDGES) - 1
"""The number of ages."""


def age_of(seconds: float) -> int:
    """The number of an age in the table.

    Args:
        seconds: Since the submit. What is beyond the table counts as its first or last age.
    """
    return min(max(bisect_left(EDGES, seconds) - 1, 0), AGES - 1)


def _hazard(begun: float, ended: float) -> float:
    return (ended + _PRIOR_WEIGHT * _PRIOR_HAZARD) / (begun + _PRIOR_WEIGHT)


def add_survival(begun: list[float], ended: list[float], first: int, last: int, times: int) -> None:
    """Count conversions that were seen converting, over the ages that they have passed.

    Args:
        begun: By age: how many reached it. It is changed.
        ended: By age: how many of these ended at it. It is changed.
        first: The age at which they were last seen before.
        last: The age at which they were seen now: it is not over yet.
        times: How many they are.
    """
    kept = (1 - 1 / MEMORY) ** times
    for age in range(first, last):
        begun[age] = begun[age] * kept + MEMORY * (1 - kept)
        ended[age] *= kept


def add_end(begun: list[float], ended: list[float], first: int, last: int, times: int) -> None:
    """Spread the end over the ages that it may have come at, as it is believed so far.

    Args:
        begun: By age: how many reached it. It is changed.
        ended: By age: how many of these ended at it. It is changed.
        first: The first age at which it may have come.
        last: The last age at which it may have come.
        times: How many conversions this is known of.
    """
    left, shares = 1.0, []
    for age in range(first, last + 1):
        near = slice(max(age - _NEAR, 0), age + _NEAR + 1)
        share = left * _hazard(sum(begun[near]), sum(ended[near]))
        shares.append(share)
        left -= share
    reached, total = 1.0, 1.0 - left
    for age, share in enumerate(shares, first):
        part = share / total
        kept = (1 - reached / MEMORY) ** times
        added = MEMORY * (1 - kept)
        begun[age] = begun[age] * kept + added
        ended[age] = ended[age] * kept + added * min(part / reached, 1.0)
        reached = max(reached - part, 1e-9)


def points(begun: Sequence[float], ended: Sequence[float]) -> Iterable[float]:
    """The middles of `POINTS` equal parts of all ends; even within an age.

    Args:
        begun: By age: how many reached it.
        ended: By age: how many of these ended at it.

    Returns:
        Ages, rising, seconds.
    """
    wanted = iter([1 - (place + 0.5) / POINTS for place in range(POINTS)])
    left, next_ = 1.0, next(wanted)
    for (low, high), begins, ends in zip(pairwise(EDGES), begun, ended, strict=True):
        after = left * (1 - _hazard(begins, ends))
        while after <= next_:
            yield low + (high - low) * (left - next_) / (left - after)
            next_ = next(wanted, -1.0)
        left = after
    for _ in range(1 + sum(1 for _ in wanted) if next_ >= 0 else 0):
        yield EDGES[-1]
