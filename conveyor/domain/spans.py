"""Time spans as people write them: ``12h``, ``7d``, seconds, or Python's own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from conveyor.errors import InvalidRequest

__all__ = ["Span", "parse_duration", "seconds_of"]

Span = str | float | timedelta
"""A time span: ``"7d"``, ``"12h"``, `datetime.timedelta`, or seconds."""

_DURATION: Final = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)([smhdw]?)", re.ASCII)
_SECONDS_OF: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(text: str) -> float:
    """Read a time span: ``30``, ``30s``, ``15m``, ``12h``, ``7d`` or ``2w``.

    Returns:
        Seconds.

    Raises:
        InvalidRequest: It is none.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise InvalidRequest(
            f"{text!r} is not a time span. Use a number with s, m, h, d or w, for example 7d."
        )
    return float(match[1]) * _SECONDS_OF[match[2]]


def seconds_of(name: str, span: Span, *, least_s: float, most_s: float) -> float:
    """Read a time span in any form, and refuse one that makes no sense.

    Args:
        name: What it is for, as the error names it.
        span: The time span.
        least_s: The shortest that makes sense, seconds.
        most_s: The longest, seconds.

    Returns:
        Seconds.

    Raises:
        InvalidRequest: It is none, or out of bounds.
    """
    seconds = _seconds(name, span)
    # NaN is neither.
    if not least_s <= seconds <= most_s:
        raise InvalidRequest(
            f"{name} must be from {_short(least_s)} to {_short(most_s)}, for example {name}='12h'."
        )
    # No float is made of a number of thousands of digits.
    return float(seconds)


def _seconds(name: str, span: Span) -> float:
    if isinstance(span, timedelta):
        return span.total_seconds()
    if isinstance(span, str):
        return parse_duration(span)
    # It comes from JSON, too.
    given: object = span
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    raise InvalidRequest(
        f"{name} must be a time span: a text like '7d' or '12h', a timedelta, or seconds."
    )


def _short(seconds: float) -> str:
    """A bound in its largest whole unit."""
    for unit in ("d", "h", "m"):
        if seconds % _SECONDS_OF[unit] == 0:
            return f"{seconds / _SECONDS_OF[unit]:g}{unit}"
    return f"{seconds:g}s"
