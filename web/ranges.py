"""Range requests and validators of RFC 9110, for content of a known size and hash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["Span", "Unsatisfiable", "is_fresh", "span_of"]

# One range: first-last, first-, or -suffix. More digits than any size has are no range either.
_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.ASCII | re.IGNORECASE)
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


class Unsatisfiable(ValueError):  # noqa: N818 - the RFC's word
    """The range begins after the content's end."""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the content.

    Attributes:
        start: Its first byte.
        end: The byte after its last.
    """

    start: int
    end: int

    @property
    def size(self) -> int:
        """The number of bytes in the range."""
        return self.end - self.start


def span_of(header: str | None, size: int, if_range: str | None, tag: str) -> Span | None:
    """The part that is asked for.

    Args:
        header: ``Range``.
        size: The content's.
        if_range: ``If-Range``: the part is wanted only where this is the content's tag.
        tag: The content's entity tag, quoted.

    Returns:
        The part; None for the whole: no range, several, one that can't be read, or one of other
        content.

    Raises:
        Unsatisfiable: It begins after the end.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or if_range not in (None, tag):
        return None
    first, last = match.groups()
    if first:
        return _from_first(int(first), int(last) if last else size - 1, size)
    return _suffix(int(last), size) if last else None


def is_fresh(if_none_match: str | None, tag: str) -> bool:
    """Whether the client has the content already.

    Args:
        if_none_match: The header: ``*``, or tags, weak ones among them.
        tag: The content's entity tag, quoted.
    """
    given = (if_none_match or "").strip()
    return given == "*" or tag in _TAG.findall(given)


def _from_first(first: int, last: int, size: int) -> Span | None:
    if last < first < size:
        return None
    if first >= size:
        raise Unsatisfiable
    return Span(first, min(last + 1, size))


def _suffix(length: int, size: int) -> Span:
    if length == 0 or size == 0:
        raise Unsatisfiable
    return Span(max(size - length, 0), size)
