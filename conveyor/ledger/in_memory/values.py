"""What an in-memory Redis keeps: values of each type, and the end of their lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import redis

from conveyor.ledger.in_memory.clock import Clock

__all__ = ["Status", "Values", "number_text", "score_of"]

T = TypeVar("T")
_TYPES: Final[dict[type, str]] = {}


class Status(str):
    """An answer that is a status and no text; a script sees it as a table with ``ok``."""

    __slots__ = ()


class SortedSet(dict[str, float]):
    """Members with their scores."""

    __slots__ = ()

    def ordered(self) -> list[tuple[str, float]]:
        """Members and scores as Redis orders them."""
        return sorted(self.items(), key=lambda item: (item[1], item[0]))


_TYPES.update({str: "string", dict: "hash", SortedSet: "zset", set: "set", list: "list"})


class Values:
    """Values by key. One with an end of life is gone from then on.

    Args:
        clock: Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._values: dict[str, Any] = {}
        self._ends: dict[str, float] = {}

    def find(self, key: str, kind: type[T]) -> T | None:
        """A value of a type; None where there is none.

        Raises:
            ResponseError: It is of another type.
        """
        self._forget_ended(key)
        value = self._values.get(key)
        if value is not None and type(value) is not kind:
            raise redis.ResponseError(
                "WRONGTYPE Operation against a key holding the wrong kind of value"
            )
        return value

    def made(self, key: str, kind: Callable[[], T]) -> T:
        """A value of a type, made where there is none."""
        found = self.find(key, kind)  # type: ignore[arg-type]  # a class makes what is of it
        if found is None:
            found = self._values[key] = kind()
        return found

    def put(self, key: str, value: str) -> None:
        """Set a text, whatever was there."""
        self.remove(key)
        self._values[key] = value

    def remove(self, key: str) -> bool:
        """Remove a value. Returns whether there was one."""
        self._forget_ended(key)
        self._ends.pop(key, None)
        return self._values.pop(key, None) is not None

    def drop_if_empty(self, key: str) -> None:
        """Remove a collection that has lost its last member."""
        if not self._values.get(key):
            self.remove(key)

    def has(self, key: str) -> bool:
        """Whether there is a value."""
        self._forget_ended(key)
        return key in self._values

    def type_of(self, key: str) -> str:
        """The name of a value's type, as Redis says it."""
        return _TYPES[type(self._values[key])] if self.has(key) else "none"

    def end_at(self, key: str, moment: float | None) -> bool:
        """Set the end of a value's life, or take it away. Returns whether there is the value."""
        if not self.has(key):
            return False
        if moment is None:
            return self._ends.pop(key, None) is not None
        self._ends[key] = moment
        return True

    def left_s(self, key: str) -> float | None:
        """How long a value lives on, seconds; None where that has no end."""
        end = self._ends.get(key)
        return None if end is None else end - self.clock.now

    def keys(self) -> list[str]:
        """The keys of all values."""
        return [key for key in list(self._values) if self.has(key)]

    def _forget_ended(self, key: str) -> None:
        end = self._ends.get(key)
        if end is not None and end <= self.clock.now:
            del self._ends[key], self._values[key]


def number_text(number: float) -> str:
    """A number as Redis answers with it."""
    return str(int(number)) if number == int(number) and abs(number) < 1e17 else repr(number)  # noqa: PLR2004 - from there on Redis writes exponents


def score_of(text: str) -> float:
    """A score as a command names it.

    Raises:
        ResponseError: It is no number.
    """
    try:
        return float(text)
    except ValueError:
        raise redis.ResponseError("ERR value is not a valid float") from None
