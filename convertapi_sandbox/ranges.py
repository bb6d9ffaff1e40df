"""The parts of a file that a client asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Span", "read_range"]

_RANGE: Final = re.compile(r"bytes=(?P<first>[0-9]*)-(?P<last>[0-9]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """A run of bytes.

    Args:
        start: Index of the first.
        stop: Index after the last; a span that ends where it starts cannot be served.
    """

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes there are."""
        return max(0, self.stop - self.start)


def read_range(header: str | None, size: int) -> Span | None:
    """Return what a `Range` asks for.

    Args:
        header: Its value, if any.
        size: Of the file, in bytes.

    Returns:
        None for the whole file, as for several ranges and for what is no range of bytes.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:
        return Span(max(0, size - int(match["last"])), size)
    first, last = int(match["first"]), int(match["last"] or size - 1)
    return None if last < first and match["last"] else Span(first, min(last + 1, size))
