"""Where a page of a list has ended, as its reader passes it back."""

from __future__ import annotations

from typing import Final

from conveyor.errors import InvalidRequest

__all__ = ["Place", "read_cursor", "write_cursor"]

# A float's digits and an id; one that is longer was not made here.
_MAX_CURSOR: Final = 300

Place = tuple[float, str]
"""A score and an id: where a list goes on stays the same whatever comes and goes."""


def write_cursor(place: Place) -> str:
    """Write a place.

    Args:
        place: Of the last one on the page.
    """
    score, conversion_id = place
    return f"{score!r}_{conversion_id}"


def read_cursor(cursor: str) -> Place | None:
    """Read a place.

    Args:
        cursor: From `write_cursor`; empty for the first page.

    Returns:
        The place; None for the first page.

    Raises:
        InvalidRequest: The cursor is invalid.
    """
    if not cursor:
        return None
    score, separator, conversion_id = cursor.partition("_")
    try:
        place = float(score), conversion_id
    except ValueError:
        separator = ""
    if not separator or place[0] != place[0] or len(cursor) > _MAX_CURSOR:
        raise InvalidRequest("Invalid cursor. Use `next` from the previous page.")
    return place
