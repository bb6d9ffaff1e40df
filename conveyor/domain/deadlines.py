"""By when a conversion must have begun, in the forms in which a caller says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self

from conveyor.errors import InvalidRequest

__all__ = ["MOST_S", "Deadline", "DeadlineInput", "deadline_from_text", "deadline_of"]

DeadlineInput = datetime | timedelta | float

MOST_S: Final = 10 * 365 * 24 * 3600.0
"""The farthest a deadline may be off: ten years. What is farther off is a mistake."""

# The year 2286, as seconds since the epoch: what is later is no time in seconds.
_LATEST_S: Final = 10.0**10
_SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when a conversion must have begun: at a time, or so long after its acceptance.

    Attributes:
        at: Seconds since the epoch; None where it counts from the acceptance.
        after_s: Seconds from the acceptance on; None where it is a time.
    """

    at: float | None = None
    after_s: float | None = None

    def plain(self) -> dict[str, float]:
        """What is set, as plain values."""
        fields = {"at": self.at, "after_s": self.after_s}
        return {name: value for name, value in fields.items() if value is not None}

    @classmethod
    def from_plain(cls, plain: Any) -> Self:
        """Read what `plain` returned.

        Args:
            plain: Plain values.

        Raises:
            TypeError: It is something else.
            ValueError: It is out of bounds.
        """
        if not isinstance(plain, Mapping):
            raise TypeError("a deadline is an object")
        at, after_s = (_read(plain.get(name)) for name in ("at", "after_s"))
        if (at is None) == (after_s is None):
            raise ValueError("a deadline is a time, or counts from the acceptance")
        return cls(at, after_s)


def deadline_of(given: Any) -> Deadline | None:
    """Check a deadline and put it in its one form.

    Args:
        given: A datetime with a time zone, a timedelta, seconds, or None.

    Raises:
        InvalidRequest: It can't be one.
    """
    if given is None:
        return None
    if isinstance(given, datetime):
        return Deadline(at=_moment(given))
    if isinstance(given, timedelta):
        return Deadline(after_s=_seconds(given.total_seconds()))
    if isinstance(given, int | float) and not isinstance(given, bool):
        return Deadline(after_s=_seconds(given))
    raise InvalidRequest(
        f"The deadline can't be a {type(given).__name__}. Use seconds, a timedelta, or a datetime "
        "with a time zone."
    )


def deadline_from_text(text: str) -> datetime | float:
    """Read a deadline as a form, a query or a command line has it.

    Args:
        text: Seconds, or a time as RFC 3339 writes it, with a time zone.

    Raises:
        InvalidRequest: It is neither.
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"The deadline {text[:_SHOWN_CHARACTERS]!r} is not valid. Use seconds, or a time with "
            "a time zone like 2026-11-26T18:00:00Z."
        ) from None


def _moment(given: datetime) -> float:
    if given.utcoffset() is None:
        raise InvalidRequest(
            f"The deadline {given.isoformat()} has no time zone. Use an aware datetime, for "
            "example datetime.now(UTC) + timedelta(hours=1)."
        )
    try:
        at = given.timestamp()
    except (OverflowError, ValueError):
        at = math.inf
    if not 0 < at < _LATEST_S:
        raise InvalidRequest(
            f"The deadline {given.isoformat()} is out of bounds. Use a time within ten years."
        )
    return at


def _seconds(given: float) -> float:
    # No float is made of a number of thousands of digits.
    if not 0 < given <= MOST_S:
        raise InvalidRequest(
            "The deadline must be more than 0 seconds and at most ten years ahead. "
            "Leave it out to set none."
        )
    return float(given)


def _read(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise TypeError("a deadline is a number of seconds")
    if not 0 < value < _LATEST_S:
        raise ValueError("a deadline must be within bounds")
    return float(value)
