"""Page ranges such as `1-3,5,8-`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["PageRange", "read_page_range"]

_SPAN: Final = re.compile(r"\s*(?P<first>[1-9]\d{0,6})\s*(?P<dash>-\s*(?P<last>[1-9]\d{0,6})?)?\s*")


@dataclass(frozen=True)
class PageRange:
    """Spans of pages, counted from 1; a span without an end runs to the last page.

    Args:
        spans: First and last page of each span.
    """

    spans: tuple[tuple[int, int | None], ...]

    def select(self, count: int) -> list[int]:
        """Return the indices, from 0, of the pages meant in a document.

        Args:
            count: Pages of the document; spans beyond them select nothing.
        """
        return [page for pages in self.groups(count) for page in pages]

    def groups(self, count: int) -> list[list[int]]:
        """Return the indices, from 0, span by span; spans beyond the document are left out.

        Args:
            count: How many pages the document has.
        """
        groups = (
            list(range(first - 1, count if last is None else min(last, count)))
            for first, last in self.spans
        )
        return [group for group in groups if group]

    def __str__(self) -> str:
        return ",".join(
            f"{first}-" if last is None else f"{first}-{last}" for first, last in self.spans
        )


def read_page_range(value: str) -> PageRange:
    """Read a page range.

    Args:
        value: As it came, e.g. `1-3,5,8-`.

    Raises:
        ValueError: It is none.
    """
    return PageRange(tuple(_read_span(part) for part in value.split(",")))


def _read_span(part: str) -> tuple[int, int | None]:
    match = _SPAN.fullmatch(part)
    if match is None:
        raise ValueError("The value must be pages such as 1-3,5,8-.")
    first = int(match["first"])
    if match["dash"] is None:
        return first, first
    last = int(match["last"]) if match["last"] else None
    if last is not None and last < first:
        raise ValueError("A span of pages must not run backwards.")
    return first, last
