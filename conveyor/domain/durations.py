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

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Final, Self

from conveyor.domain.life_table import (
    AGES,
    EDGES,
    LONGEST_S,
    MEMORY,
    POINTS,
    add_end,
    add_survival,
    age_of,
    points,
)

__all__ = ["Durations", "Expectation", "Sighting"]

# One or two may be anything. Of three, the first have faded a little.
_LEAST_ENDS: Final = 2.5
_USUAL: Final = slice(POINTS // 2 - 1, POINTS // 2 + 1)
_LATE: Final = slice(POINTS - 3, POINTS - 1)
# A count has two digits of this base. They hold its root, so that small ones are exact enough to
# fade.
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_~.!*+,=@^"
_BASE: Final = len(_DIGITS)
_ROOTS: Final = (_BASE * _BASE - 1) / sqrt(MEMORY)


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
            add = add_end if span.is_end else add_survival
            add(begun, ended, span.first, span.last, times)
        known = AGES
        while known and begun[known - 1] < 0.01:  # noqa: PLR2004 - the form's own precision
            known -= 1
        return type(self)(tuple(begun[:known]), tuple(ended[:known]))

    def expectation(self) -> Expectation | None:
        """What the next such conversion will probably take, None while too little is known."""
        if sum(self.ended) < _LEAST_ENDS:
            return None
        # What has lasted for longer than any was seen to lasts as long again, at most.
        most_s = 2 * EDGES[len(self.begun)]
        points_s = points(_padded(self.begun), _padded(self.ended))
        return Expectation(tuple(min(point_s, most_s) for point_s in points_s))

    def dump(self) -> str:
        """Return the text that Redis keeps: four characters an age."""
        return "".join(
            _written(count) for pair in zip(self.begun, self.ended, strict=True) for count in pair
        )

    @classmethod
    def load(cls, text: str) -> Self:
        """Read what `dump` returned. What is damaged counts as nothing, and is learned anew."""
        if len(text) % 4 or len(text) > 4 * AGES or not set(text) <= set(_DIGITS):
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
    at_s = sighting.at_s if isfinite(sighting.at_s) else LONGEST_S
    last = age_of(at_s)
    first = min(age_of(sighting.after_s), last)
    return _Span(first, last, sighting.ended)


def _padded(counts: tuple[float, ...]) -> list[float]:
    return [*counts, *(0.0,) * (AGES - len(counts))]


def _middle(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _written(count: float) -> str:
    high, low = divmod(round(sqrt(min(count, MEMORY)) * _ROOTS), _BASE)
    return _DIGITS[high] + _DIGITS[low]


def _read(digits: str) -> float:
    high, low = map(_DIGITS.index, digits)
    root = (high * _BASE + low) / _ROOTS
    return root * root
