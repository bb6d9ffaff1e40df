"""How long conversions of a kind take, learned from what polls see: pure, without Redis.

A poll does not see when a conversion ended. It sees that it ended since the poll before, or that it
has not ended yet. So what is learned is the hazard: of those that were still converting at an
age, how many ended at that age (as in a life table). Each sighting counts for the ages that it
covers, and for no other:

- A poll that finds it still converting covers the ages since the poll before. Nothing ended there.
- A poll that finds the end covers the same ages. One end lies there, and it is spread over them in
  proportion to what is believed so far (expectation maximisation).

So those that take long count from their first poll on, and not only when they have ended. Each age
has its own memory of about `MEMORY` conversions: old ones fade, and a single one moves little.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite, sqrt
from typing import Final, Self

from conveyor.domain import rules

__all__ = ["MEMORY", "Durations", "Expectation", "Sighting"]

MEMORY: Final = 64
"""So many conversions an age remembers."""

_LONGEST_S: Final = rules.JOB_LIFE_S
# Ages are told apart to a twenty-fifth, or to a quarter of a second where that is more.
_STEP_SHARE: Final = 0.04
_LEAST_STEP_S: Final = 0.25
# Where nothing was seen so few ends are believed in, with the weight of half a conversion.
_PRIOR_HAZARD: Final = 0.04
_PRIOR_WEIGHT: Final = 0.5
# An end that may have come at several ages is spread by what is believed of them and of so many on
# both sides. Without that all ends gather at the few ages at which polls come.
_NEAR: Final = 3
# One or two may be anything. Of three, the first have faded a little.
_LEAST_ENDS: Final = 2.5
_POINTS: Final = 20
_USUAL: Final = slice(_POINTS // 2 - 1, _POINTS // 2 + 1)
_LATE: Final = slice(_POINTS - 3, _POINTS - 1)
# A count has two digits of this base. They hold its root, so that small ones are exact enough to
# fade.
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_~.!*+,=@^"
_BASE: Final = len(_DIGITS)
_ROOTS: Final = (_BASE * _BASE - 1) / sqrt(MEMORY)


def _edges() -> tuple[float, ...]:
    edges = [0.0]
    while edges[-1] < _LONGEST_S:
        edges.append(edges[-1] + max(_LEAST_STEP_S, edges[-1] * _STEP_SHARE))
    return tuple(edges)


_EDGES: Final = _edges()
_AGES: Final = len(_EDGES) - 1


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one poll saw.

    Attributes:
        at_s: The conversion's age at the poll, seconds.
        after_s: Its age when it was last seen converting, seconds; 0 where it was not.
        ended: Whether it had ended.
    """

    at_s: float
    after_s: float = 0.0
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a conversion of a kind will probably take.

    Attributes:
        points_s: Seconds, rising; it is equally likely to end near each of them.
    """

    points_s: tuple[float, ...]

    @property
    def usual_s(self) -> float:
        """Half of such conversions end sooner, seconds."""
        return _middle(self.points_s[_USUAL])

    @property
    def late_s(self) -> float:
        """Nine of ten such conversions end sooner, seconds."""
        return _middle(self.points_s[_LATE])


@dataclass(frozen=True, slots=True)
class Durations:
    """What is known of a kind of conversion.

    Attributes:
        begun: By age: how many reached it, faded.
        ended: By age: how many of these ended at it, faded.
    """

    begun: tuple[float, ...] = ()
    ended: tuple[float, ...] = ()

    def with_(self, sightings: Iterable[Sighting]) -> Self:
        """Add what polls saw.

        Args:
            sightings: In any order. Equal ones are counted and added at once, so that many cost
                little.
        """
        begun, ended = _padded(self.begun), _padded(self.ended)
        for span, times in Counter(map(_span_of, sightings)).items():
            add = _add_end if span.is_end else _add_survival
            add(begun, ended, span.first, span.last, times)
        known = _AGES
        while known and begun[known - 1] < 0.01:  # noqa: PLR2004 - the form's own precision
            known -= 1
        return type(self)(tuple(begun[:known]), tuple(ended[:known]))

    def expectation(self) -> Expectation | None:
        """What the next such conversion will probably take, None while too little is known."""
        if sum(self.ended) < _LEAST_ENDS:
            return None
        # What has lasted for longer than any was seen to lasts as long again, at most.
        most_s = 2 * _EDGES[len(self.begun)]
        points_s = _points(_padded(self.begun), _padded(self.ended))
        return Expectation(tuple(min(point_s, most_s) for point_s in points_s))

    def dump(self) -> str:
        """Return the text that Redis keeps: four characters an age."""
        return "".join(
            _written(count) for pair in zip(self.begun, self.ended, strict=True) for count in pair
        )

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` returned. What is damaged counts as nothing, and is learned anew."""
        if len(text) % 4 or len(text) > 4 * _AGES or not set(text) <= set(_DIGITS):
            return cls()
        counts = [_read(text[place : place + 2]) for place in range(0, len(text), 2)]
        begun, ended = counts[::2], counts[1::2]
        if any(ends > begins for begins, ends in zip(begun, ended, strict=True)):
            return cls()
        return cls(tuple(begun), tuple(ended))


@dataclass(frozen=True, slots=True)
class _Span:
    """The first and the last age that a sighting tells of; where nothing has ended, it is open."""

    first: int
    last: int
    is_end: bool


def _span_of(sighting: Sighting) -> _Span:
    at_s = sighting.at_s if isfinite(sighting.at_s) else _LONGEST_S
    last = _age(at_s)
    first = min(_age(sighting.after_s), last)
    return _Span(first, last, sighting.ended)


def _age(seconds: float) -> int:
    return min(max(bisect_left(_EDGES, seconds) - 1, 0), _AGES - 1)


def _hazard(begun: float, ended: float) -> float:
    return (ended + _PRIOR_WEIGHT * _PRIOR_HAZARD) / (begun + _PRIOR_WEIGHT)


def _add_survival(
    begun: list[float], ended: list[float], first: int, last: int, times: int
) -> None:
    kept = (1 - 1 / MEMORY) ** times
    for age in range(first, last):
        begun[age] = begun[age] * kept + MEMORY * (1 - kept)
        ended[age] *= kept


def _add_end(begun: list[float], ended: list[float], first: int, last: int, times: int) -> None:
    """Spread the end over the ages that it may have come at, as it is believed so far."""
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


def _points(begun: Sequence[float], ended: Sequence[float]) -> Iterable[float]:
    """The middles of as many equal parts; even within an age."""
    wanted = iter([1 - (place + 0.5) / _POINTS for place in range(_POINTS)])
    left, next_ = 1.0, next(wanted)
    for (low, high), begins, ends in zip(pairwise(_EDGES), begun, ended, strict=True):
        after = left * (1 - _hazard(begins, ends))
        while after <= next_:
            yield low + (high - low) * (left - next_) / (left - after)
            next_ = next(wanted, -1.0)
        left = after
    for _ in range(1 + sum(1 for _ in wanted) if next_ >= 0 else 0):
        yield _EDGES[-1]


def _padded(counts: tuple[float, ...]) -> list[float]:
    return [*counts, *(0.0,) * (_AGES - len(counts))]


def _middle(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _written(count: float) -> str:
    high, low = divmod(round(sqrt(min(count, MEMORY)) * _ROOTS), _BASE)
    return _DIGITS[high] + _DIGITS[low]


def _read(digits: str) -> float:
    high, low = map(_DIGITS.index, digits)
    root = (high * _BASE + low) / _ROOTS
    return root * root
