"""Numbers and texts as people read them."""

from __future__ import annotations

import re
from typing import Final

from conveyor.domain.spans import parse_duration
from conveyor.errors import InvalidRequest

__all__ = [
    "age_text",
    "count",
    "duration_text",
    "one_line",
    "parse_duration",
    "parse_size",
    "size_text",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.ASCII)
_BYTES_OF: Final = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86400
_KILO: Final = 1000


def one_line(text: str) -> str:
    """Make a text safe for a terminal: a document's name or a server's answer may hold anything.

    Args:
        text: As it came.

    Returns:
        The same in one line, without control characters.
    """
    return _CONTROL.sub(" ", text).strip()


def size_text(size: int) -> str:
    """A size in bytes, ``12.3 kB``."""
    if size < _KILO:
        return f"{size} B"
    scaled = float(size)
    for unit in ("kB", "MB", "GB"):
        scaled /= _KILO
        # 999,950 bytes are 1.0 MB, not 1000.0 kB.
        if scaled < _KILO - 0.05:
            return f"{scaled:.1f} {unit}"
    return f"{scaled / _KILO:.1f} TB"


def duration_text(seconds: float) -> str:
    """A time span, ``3.2 s``, ``4 min 10 s``, ``2 h 5 min`` or ``3 d 4 h``."""
    if round(seconds, 1) < _MINUTE_S:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return _pair(whole, _MINUTE_S, "min", 1, "s")
    if whole < _DAY_S:
        return _pair(whole, _HOUR_S, "h", _MINUTE_S, "min")
    return _pair(whole, _DAY_S, "d", _HOUR_S, "h")


def age_text(seconds: float) -> str:
    """A time span in its largest unit, for columns: ``3 s``, ``4 min``, ``2 h`` or ``3 d``."""
    for unit_s, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= unit_s:
            return f"{int(seconds // unit_s)} {unit}"
    return f"{int(max(seconds, 0))} s"


def parse_size(text: str) -> float:
    """Read a size: ``512``, ``100k``, ``2M``, ``64 GB`` or ``1T``, in thousands.

    Returns:
        Bytes.

    Raises:
        InvalidRequest: It is none.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise InvalidRequest(
            f"{text!r} is not a size. Use a number with k, M, G or T, for example 2M."
        )
    return float(match[1]) * _BYTES_OF[match[2]]


def count(number: int, noun: str) -> str:
    """A number of things, ``1 dead letter`` or ``2 dead letters``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _pair(whole: int, large_s: int, large: str, small_s: int, small: str) -> str:
    rest = whole % large_s // small_s
    return f"{whole // large_s} {large}" + (f" {rest} {small}" if rest else "")
